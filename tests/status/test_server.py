import asyncio
import re
from collections.abc import AsyncIterator

import msgspec
import pytest
from aiohttp import ClientSession

from pibridge.errors import PIBridgeError
from pibridge.status.server import StatusServer
from pibridge.status.snapshot import Snapshot
from status.moments import BUSY, FRESH


class Daemon:
    """What a status server asks: settable from outside."""

    def __init__(self) -> None:
        self.snapshot = BUSY
        self.reasons: list[str] = []
        self.asked = 0

    def take(self) -> Snapshot:
        """Give the snapshot of this moment."""
        self.asked += 1
        return self.snapshot


@pytest.fixture
def daemon() -> Daemon:
    """Give a daemon that is well."""
    return Daemon()


@pytest.fixture
async def server(daemon: Daemon) -> AsyncIterator[StatusServer]:
    """Give a server on a free port."""
    server = StatusServer("127.0.0.1:0", daemon.take, lambda: daemon.reasons)
    await server.start()
    yield server
    await server.close()


@pytest.fixture
async def client(server: StatusServer) -> AsyncIterator[ClientSession]:
    """Give a client of that server."""
    async with ClientSession(f"http://127.0.0.1:{server.port}") as client:
        yield client


async def test_the_snapshot_is_that_of_the_moment(client: ClientSession, daemon: Daemon) -> None:
    """`/api/status` is the snapshot as JSON, taken anew for each request and for nothing else."""
    assert daemon.asked == 0
    for snapshot in (FRESH, BUSY):
        daemon.snapshot = snapshot
        async with client.get("/api/status") as answer:
            assert answer.content_type == "application/json"
            assert msgspec.json.decode(await answer.read(), type=Snapshot) == snapshot
    assert daemon.asked == 2


async def test_alive_is_not_ready(client: ClientSession, daemon: Daemon) -> None:
    """`/healthz` answers 200 as long as the daemon runs; `/readyz` says 503 and all reasons while it is not ready."""
    daemon.reasons = ["pi: no connection", "sinks.lake: NoSuchBucket"]
    async with client.get("/healthz") as answer:
        assert answer.status == 200
    async with client.get("/readyz") as answer:
        assert answer.status == 503
        assert await answer.json() == {"ready": False, "reasons": daemon.reasons}
    daemon.reasons = []
    async with client.get("/readyz") as answer:
        assert answer.status == 200
        assert await answer.json() == {"ready": True, "reasons": []}


async def test_metrics_can_be_scraped(client: ClientSession) -> None:
    """`/metrics` gives Prometheus text of the snapshot."""
    async with client.get("/metrics") as answer:
        assert answer.status == 200
        assert answer.headers["Content-Type"].startswith("text/plain; version=")
        assert 'pibridge_stream_events_read_total{stream="reactors"} 4000.0' in await answer.text()


async def test_the_page_needs_nothing_from_elsewhere(client: ClientSession) -> None:
    """All that the page refers to is on this server, and a browser is told to refuse anything else."""
    async with client.get("/") as answer:
        assert answer.content_type == "text/html"
        assert answer.headers["Content-Security-Policy"].startswith("default-src 'self';")
        html = await answer.text()
    assert "<script>" not in html
    assert "style=" not in html
    references = [link for link in re.findall(r'(?:src|href)="([^"]*)"', html) if not link.startswith("data:")]
    assert {"page.js", "page.css"} <= set(references)
    for reference in references:
        async with client.get(f"/{reference}") as answer:
            assert answer.status == 200, reference


@pytest.mark.parametrize("path", ["/", "/page.js", "/api/status", "/readyz", "/metrics", "/nowhere"])
async def test_every_answer_is_hardened(client: ClientSession, path: str) -> None:
    """No answer may be cached, framed or taken for another type, not even an error."""
    async with client.get(path) as answer:
        assert answer.status == (404 if path == "/nowhere" else 200)
        assert answer.headers["Cache-Control"] == "no-store"
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert "frame-ancestors 'none'" in answer.headers["Content-Security-Policy"]


async def test_nothing_can_be_changed(client: ClientSession) -> None:
    """The server only tells: any other method is refused."""
    async with client.post("/api/status") as answer:
        assert answer.status == 405


async def test_a_port_in_use_is_told_with_what_to_do(server: StatusServer, daemon: Daemon) -> None:
    """A second server on the same address fails with the address and the setting to change, and leaves nothing open."""
    second = StatusServer(f"127.0.0.1:{server.port}", daemon.take, list)
    with pytest.raises(PIBridgeError, match=rf"127\.0\.0\.1:{server.port}.*in use.*status\.listen"):
        await second.start()
    await second.close()


async def test_an_unknown_host_is_told_too(daemon: Daemon) -> None:
    """A host name that nobody knows is the same clear error."""
    server = StatusServer("nowhere.invalid:0", daemon.take, list)
    with pytest.raises(PIBridgeError, match=r"cannot listen on nowhere\.invalid:0"):
        await server.start()


async def test_ipv6_is_written_in_brackets(daemon: Daemon) -> None:
    """`[::1]:0` listens on the IPv6 loopback."""
    server = StatusServer("[::1]:0", daemon.take, list)
    await server.start()
    async with ClientSession() as client, client.get(f"http://[::1]:{server.port}/healthz") as answer:
        assert answer.status == 200
    await server.close()


async def test_close_ends_what_is_open_and_frees_the_port(server: StatusServer, daemon: Daemon) -> None:
    """After `close` nobody listens, idle connections do not hold it up, and the port can be had again at once."""
    port = server.port
    _, idle = await asyncio.open_connection("127.0.0.1", port)
    async with asyncio.timeout(10):
        await server.close()
        await server.close()
    idle.close()
    with pytest.raises(ConnectionRefusedError):
        await asyncio.open_connection("127.0.0.1", port)
    again = StatusServer(f"127.0.0.1:{port}", daemon.take, list)
    await again.start()
    assert again.port == port
    await again.close()


async def test_a_value_is_explained(daemon: Daemon) -> None:
    """As whoever can says it; what is no question, and what cannot be said now, are told as such."""

    async def explain(tag: str, at: str) -> bytes:
        if tag == "broken":
            raise PIBridgeError("the journal is damaged")
        if at == "noon":
            raise ValueError(at)
        return msgspec.json.encode({"tag": tag, "at": at})

    server = StatusServer("127.0.0.1:0", daemon.take, list, explain)
    await server.start()
    try:
        async with ClientSession(f"http://127.0.0.1:{server.port}") as client:
            for query, status, said in (
                ({"tag": "T 1", "at": "12:00"}, 200, {"tag": "T 1", "at": "12:00"}),
                ({"tag": "T1", "at": "noon"}, 400, {"error": "write /api/explain?tag=NAME&at=2026-03-01T12:00:00Z"}),
                ({"tag": "broken", "at": "1"}, 503, {"error": "the journal is damaged"}),
            ):
                async with client.get("/api/explain", params=query) as answer:
                    assert (answer.status, await answer.json()) == (status, said)
                    assert answer.headers["Cache-Control"] == "no-store"
    finally:
        await server.close()


async def test_nobody_explains_where_nobody_can(client: ClientSession) -> None:
    """There is no such page."""
    async with client.get("/api/explain", params={"tag": "T1", "at": "1"}) as answer:
        assert answer.status == 404
