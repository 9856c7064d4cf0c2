import pytest
from aiohttp import web

from pi.canned import CannedServer, said
from pibridge.errors import PIBridgeError, UnauthorizedError
from pibridge.pi.client import PiClient
from pibridge.pi.landing import Landing, landing

HOME = said({"Links": {"Self": "x", "DataServers": "y"}})


async def test_the_server_tells_who_it_is(server: CannedServer, client: PiClient) -> None:
    """Version and user come from pages that need no special rights."""
    server.on("/", HOME)
    server.on("/system", said({"ProductTitle": "PI Web API", "ProductVersion": "1.17.0.200", "Links": {}}))
    server.on("/system/userinfo", said({"Name": "CORP\\pi", "IsAuthenticated": True}))
    assert await landing(client) == Landing("1.17.0.200", "CORP\\pi")


async def test_nobody_is_an_answer(server: CannedServer, client: PiClient) -> None:
    """Without an identity the user is empty, and a server that hides its version has none."""
    server.on("/", HOME)
    server.on("/system/userinfo", web.Response(status=204))
    assert await landing(client) == Landing("", "")


async def test_another_server_is_told_apart(server: CannedServer, client: PiClient) -> None:
    """JSON of something else is no PI Web API."""
    server.on("/", said({"status": "ok"}))
    with pytest.raises(PIBridgeError, match=r"no PI Web API.*/piwebapi"):
        await landing(client)


async def test_a_refusal_is_raised(server: CannedServer, client: PiClient) -> None:
    """Wrong credentials are what they are."""
    server.on("/", web.Response(status=401))
    with pytest.raises(UnauthorizedError):
        await landing(client)
