"""Servers with certificates that are good or bad in one way."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import trustme

from pibridge.pi.settings import PiSettings
from pibridge.simulator import Simulator, SimulatorSettings


def context_for(authority: trustme.CA, *names: str, days: int = 365) -> ssl.SSLContext:
    """Give what a server needs that shows a certificate for these names, which expires in so many days."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    now = datetime.now(UTC)
    leaf = authority.issue_cert(*names, not_before=now - timedelta(days=500), not_after=now + timedelta(days=days))
    leaf.configure_cert(context)
    return context


@asynccontextmanager
async def simulated(context: ssl.SSLContext | None = None, **settings: object) -> AsyncIterator[Simulator]:
    """Run a PI Web API behind such a certificate."""
    async with Simulator(SimulatorSettings(channel_interval_s=0.1, **settings), ssl_context=context) as simulator:  # type: ignore[arg-type]
        yield simulator


@asynccontextmanager
async def dumb() -> AsyncIterator[int]:
    """Take connections and close them without a word; give the port."""
    server = await asyncio.start_server(lambda _, writer: writer.close(), "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1]


def trusting(authority: trustme.CA, folder: Path, url: str) -> PiSettings:
    """Give settings that trust this authority."""
    authority.cert_pem.write_to_path(folder / "ca.pem")
    return PiSettings.model_validate({"url": url, "tls": {"ca_file": folder / "ca.pem"}})
