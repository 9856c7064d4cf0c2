import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import trustme

from pi.canned import CannedServer, said, settings_for
from pi.tls_servers import context_for, simulated, trusting
from pibridge.daemon.finding import Finding
from pibridge.daemon.server_checks import channel_finding, server_findings, updates_finding
from pibridge.model.tag import Mode
from pibridge.pi.client import PiClient, Retries
from pibridge.pi.points import find_points
from pibridge.pi.points_file import PointRow
from pibridge.pi.settings import PiSettings
from pibridge.simulator import Simulator

ONCE = Retries(attempts=1)


@pytest.fixture
async def server() -> AsyncIterator[CannedServer]:
    """Give a server without any answers yet."""
    async with CannedServer() as running:
        yield running


async def findings(settings: PiSettings) -> list[Finding]:
    """Give all that is found about the server."""
    async with PiClient(settings, retries=ONCE) as client:
        return [finding async for finding in server_findings(client)]


async def sinusoid(client: PiClient) -> str:
    """Give the WebID of a point."""
    return (await find_points(client, [PointRow(r"\\PISRV1\SINUSOID")], "s", Mode.REALTIME)).tags[0].web_id


@asynccontextmanager
async def proxy(simulator: Simulator, answer: bytes) -> AsyncIterator[str]:
    """Pass requests on to the simulator, but answer WebSocket upgrades like this (nothing: never); give the URL."""
    host, port = simulator.origin.removeprefix("http://").split(":")

    async def carry(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
        while data := await source.read(65536):
            target.write(data)
            await target.drain()

    async def pass_on(head: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, onward = await asyncio.open_connection(host, port)
        onward.write(head)
        back = asyncio.create_task(carry(there, writer))
        await carry(reader, onward)
        onward.close()
        await back

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        if b"upgrade: websocket" not in head.lower():
            await pass_on(head, reader, writer)
        elif answer:
            writer.write(answer)
        else:
            await reader.read()
        writer.close()
        left.release()

    left = asyncio.Semaphore(0)
    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/piwebapi"
        for _ in ("the connection of REST", "the handshake"):
            await left.acquire()


async def test_a_server_that_is_well_is_one_line(simulator: Simulator) -> None:
    """Who it is, and who we are there."""
    (finding,) = await findings(settings_for(simulator.url))
    assert finding.level == "fine"
    assert "PI Web API 1.19.0.0" in finding.found


async def test_a_certificate_that_is_not_trusted_is_shown(tmp_path: Path) -> None:
    """What was met is told, each certificate with its fingerprint, so that somebody can compare it."""
    authority = trustme.CA(organization_name="Plant")
    async with simulated(context_for(authority, "127.0.0.1")) as simulator:
        wrong, *shown = await findings(settings_for(simulator.url))
        assert (await findings(trusting(authority, tmp_path, simulator.url)))[-1].level == "fine"
    assert (wrong.level, wrong.about) == ("wrong", "pi")
    assert "ca_file" in wrong.hint
    assert {finding.about for finding in shown} == {"certificate"}
    assert "issued by OU=" in shown[0].found
    assert "O=Plant" in shown[0].found
    assert "SHA-256 " in shown[0].found


async def test_a_certificate_that_expires_soon_is_a_doubt(tmp_path: Path) -> None:
    """While it is still good."""
    authority = trustme.CA()
    async with simulated(context_for(authority, "127.0.0.1", days=20)) as simulator:
        doubt, fine = await findings(trusting(authority, tmp_path, simulator.url))
    assert (doubt.level, doubt.about, fine.level) == ("doubt", "certificate", "fine")
    assert "expires soon" in doubt.hint


async def test_a_name_that_does_not_resolve_is_told() -> None:
    """What stands between us and PI is found without PI."""
    (finding,) = await findings(settings_for("https://pi.invalid/piwebapi"))
    assert "does not resolve" in finding.found


async def test_a_server_that_fails_is_told_as_it_is(server: CannedServer) -> None:
    """Nothing is in the way, and PI says 503."""
    server.on("/", said({"Errors": ["starting"]}, 503))
    (finding,) = await findings(settings_for(server.url))
    assert "503" in finding.found


async def test_a_wrong_path_is_told_with_the_right_one(simulator: Simulator) -> None:
    """PI Web API that answers below /piwebapi of the same host is suggested."""
    (finding,) = await findings(settings_for(f"{simulator.origin}/pi"))
    assert finding.level == "wrong"
    assert finding.hint == f"PI Web API answers at {simulator.url}; write that as pi.url"


async def test_a_redirect_is_told_with_where_to(server: CannedServer) -> None:
    """It is not followed."""
    moved = said({}, 302)
    moved.headers["Location"] = "https://other.example/piwebapi/"
    server.on("/", moved)
    (finding,) = await findings(settings_for(server.url))
    assert "https://other.example/piwebapi/" in finding.found
    assert "final address" in finding.hint


@pytest.mark.parametrize(
    ("auth", "hint"),
    [
        ({"method": "anonymous"}, "wants to know who we are"),
        ({"method": "basic", "username": "pi", "password": "wrong"}, "locked"),
    ],
)
async def test_a_refused_login_is_told_by_method(auth: dict[str, Any], hint: str) -> None:
    """What to look at differs; PI is asked once."""
    async with simulated(users={"pi": "right"}) as guarded:
        (finding,) = await findings(settings_for(guarded.url, auth=auth))
    assert f"401 to GET / (pi.auth.method {auth['method']})" in finding.found.replace(": Unauthorized", "")
    assert hint in finding.hint
    assert guarded.requests == 1


async def test_a_forbidden_login_is_told(server: CannedServer) -> None:
    """Who is known and may not, asks for leave."""
    server.on("/", said({}, 403))
    (finding,) = await findings(settings_for(server.url))
    assert "403" in finding.found
    assert "read access" in finding.hint


async def test_a_server_that_lets_everybody_in_is_a_doubt(simulator: Simulator) -> None:
    """Credentials that it does not look at are not who we are there."""
    auth = {"method": "basic", "username": "pi", "password": "p"}
    doubt, fine = await findings(settings_for(simulator.url, auth=auth))
    assert (doubt.level, doubt.about, fine.level) == ("doubt", "pi.auth", "fine")
    assert "Anonymous" in doubt.hint


async def test_channels_and_updates_that_work_are_fine(simulator: Simulator) -> None:
    """Each is tried with one point."""
    async with PiClient(settings_for(simulator.url), retries=ONCE) as client:
        web_id = await sinusoid(client)
        assert (await channel_finding(client, web_id)).level == "fine"
        assert (await updates_finding(client, web_id)).level == "fine"


@pytest.mark.parametrize("status", [200, 400, 404, 426, 502, 0])
async def test_a_proxy_that_refuses_upgrades_is_named(simulator: Simulator, status: int) -> None:
    """REST works and the handshake does not, whatever it says, or says nothing: `via: updates` does without."""
    answer = f"HTTP/1.1 {status} Whatever\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".encode() if status else b""
    async with proxy(simulator, answer) as url:
        settings = settings_for(url, timeouts={"connect": 0.5})
        async with PiClient(settings, retries=ONCE) as client:
            finding = await channel_finding(client, await sinusoid(client))
    assert finding.level == "wrong"
    assert (f"{status}" if status else "in time") in finding.found
    assert "proxy" in finding.found
    assert "via: updates" in finding.hint


async def test_updates_that_pi_has_not_are_wrong(server: CannedServer) -> None:
    """A version without them refuses the registration."""
    async with PiClient(settings_for(server.url), retries=ONCE) as client:
        finding = await updates_finding(client, "w")
    assert finding.level == "wrong"
    assert "2018 SP1" in finding.hint
