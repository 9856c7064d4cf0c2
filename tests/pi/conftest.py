"""The server that answers the client's tests."""

from collections.abc import AsyncIterator

import pytest

from pi.canned import CannedServer, client_of
from pibridge.pi.client import PiClient


@pytest.fixture
async def server() -> AsyncIterator[CannedServer]:
    """Give a running server without any answers yet."""
    async with CannedServer() as running:
        yield running


@pytest.fixture
async def client(server: CannedServer) -> AsyncIterator[PiClient]:
    """Give an open client of the server."""
    async with client_of(server) as opened:
        yield opened
