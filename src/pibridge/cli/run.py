"""`pibridge run`: the daemon."""

import asyncio
import signal
from pathlib import Path
from typing import Annotated

import typer

from pibridge.cli.choice import CONFIG, chosen
from pibridge.config.settings import Configuration
from pibridge.daemon import logs
from pibridge.daemon.run import run as run_daemon


def run(context: typer.Context, config: Annotated[Path | None, CONFIG] = None) -> None:
    """Read PI and deliver until SIGTERM or Ctrl-C; then drain for a few seconds, and leave the rest on disk."""
    configuration = chosen(context, config)
    logs.configure(configuration.log)
    asyncio.run(_until_signalled(configuration))


async def _until_signalled(configuration: Configuration) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        # Handlers of the loop itself do not exist on Windows.
        signal.signal(number, lambda *_: loop.call_soon_threadsafe(stop.set))
    await run_daemon(configuration, stop)
