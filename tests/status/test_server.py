import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest
from aiohttp import ClientSession, CookieJar
from structlog.testing import capture_logs

from pibridge.errors import PIBridgeError
from pibridge.model.settings import Secret
from pibridge.status.lines import Lines
from pibridge.status.server import StatusServer
from pibridge.status.settings import StatusSettings
from pibridge.status.snapshot import Snapshot
from status.moments import BUSY, FRESH
from status.stage import Stage, staged
from waiting import eventually

TOKEN = "a-token-of-the-plant"
BEARER = {"Authorization": f"Bearer {TOKEN}"}


def serving(stage: Stage, listen: str = "127.0.0.1:0", token: str | None = None) -> StatusServer:
    """Give a server of this stage."""
    settings = StatusSettings(listen=listen, token=None if token is None else Secret.of(token))
    return StatusServer(settings, stage, Lines())


@asynccontextmanager
async def served(stage: Stage, token: str | None = None) -> AsyncIterator[ClientSession]:
    """Give a client of a server."""
    server = serving(stage, token=token)
    await server.start()
    cookies = CookieJar(unsafe=True)  # of an address without a name, as browsers do
    async with ClientSession(f"http://127.0.0.1:{server.port}", cookie_jar=cookies) as client:
        yield client
    await server.close()


@pytest.fixture
async def stage(tmp_path: Path) -> AsyncIterator[Stage]:
    """Give a plant that is well."""
    async with staged(tmp_path, 3) as stage:
        yield stage


@pytest.fixture
async def client(stage: Stage) -> AsyncIterator[ClientSession]:
    """Give a client of a page on the loopback."""
    async with served(stage) as client:
        yield client


@pytest.fixture
async def outside(stage: Stage) -> AsyncIterator[ClientSession]:
    """Give a client of a page that asks for a token."""
    async with served(stage, TOKEN) as client:
        yield client


async def test_the_snapshot_is_that_of_the_moment(client: ClientSession, stage: Stage) -> None:
    """`/api/status` is the snapshot as JSON, taken anew for each request."""
    for snapshot in (FRESH, BUSY):
        stage.said = snapshot
        async with client.get("/api/status") as answer:
            assert answer.content_type == "application/json"
            told = msgspec.json.decode(await answer.read(), type=Snapshot)
            assert msgspec.structs.replace(told, outlook=snapshot.outlook) == snapshot


async def test_alive_is_not_ready(client: ClientSession, stage: Stage) -> None:
    """`/healthz` answers 200 as long as the daemon runs; `/readyz` says 503 and all reasons while it is not ready."""
    reasons = ["pi: no connection", "sinks.lake: NoSuchBucket"]
    stage.said = msgspec.structs.replace(BUSY, reasons=reasons)
    async with client.get("/healthz") as answer:
        assert answer.status == 200
    async with client.get("/readyz") as answer:
        assert answer.status == 503
        assert await answer.json() == {"ready": False, "reasons": reasons}
    stage.said = BUSY
    async with client.get("/readyz") as answer:
        assert answer.status == 200
        assert await answer.json() == {"ready": True, "reasons": []}


async def test_metrics_can_be_scraped(client: ClientSession) -> None:
    """`/metrics` gives Prometheus text of the snapshot."""
    async with client.get("/metrics") as answer:
        assert answer.status == 200
        assert answer.headers["Content-Type"].startswith("text/plain; version=")
        assert 'pibridge_stream_events_read_total{stream="reactors"} 4000.0' in await answer.text()


async def test_open_pages_hear_beats(client: ClientSession, stage: Stage) -> None:
    """Every two seconds: the state, the newest point of the charts, and whether there are new log lines."""
    async with client.get("/api/events") as page:
        heard = [json.loads((await page.content.readuntil(b"}\n\n")).partition(b"data: ")[2]) for _ in range(2)]
    assert heard[-1]["status"]["site"] == "houston"
    assert heard[-1]["point"]["read"] == {"reactors": 0.0, "utilities": 0.0}
    assert heard[-1]["line"] == 0
    asked = stage.asked
    await eventually(lambda: stage.asked > asked)


@pytest.mark.parametrize(
    "path", ["/", "/static/main.js", "/static/none", "/api/status", "/api/events", "/readyz", "/metrics", "/nowhere"]
)
async def test_every_answer_is_hardened(client: ClientSession, path: str) -> None:
    """No answer may be cached, framed, run inline or taken for another type, not even an error."""
    async with client.get(path) as answer:
        assert answer.status == (404 if path in {"/nowhere", "/static/none"} else 200)
        assert answer.headers["Cache-Control"] == "no-store"
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["Referrer-Policy"] == "no-referrer"
        policy = answer.headers["Content-Security-Policy"]
        assert policy.startswith("default-src 'self';")
        assert "frame-ancestors 'none'" in policy
        assert "unsafe" not in policy


async def test_nothing_can_be_changed(client: ClientSession) -> None:
    """The server only tells: any other method is refused."""
    for method in ("POST", "PUT", "DELETE", "PATCH"):
        async with client.request(method, "/api/status") as answer:
            assert answer.status == 405


@pytest.mark.parametrize("path", ["/", "/api/status", "/api/events", "/metrics", "/healthz"])
async def test_a_foreign_name_is_turned_away(client: ClientSession, path: str) -> None:
    """A web page whose name was turned to this machine reads nothing."""
    async with client.get(path, headers={"Host": "evil.example:8321"}) as answer:
        assert answer.status == 421
        assert "houston" not in await answer.text()


@pytest.mark.parametrize("path", ["/static/../server.py", "/static/%2e%2e%2fserver.py", "/static/..%5cserver.py"])
async def test_only_files_of_the_page_are_served(client: ClientSession, path: str) -> None:
    """No path leads out of its folder."""
    async with client.get(path) as answer:
        assert answer.status == 404


async def test_large_answers_are_packed(client: ClientSession, stage: Stage) -> None:
    """Where the browser takes that."""
    await stage.add(100)
    async with client.get("/api/tags?limit=100", headers={"Accept-Encoding": "gzip"}) as answer:
        assert answer.headers["Content-Encoding"] == "gzip"
        assert len((await answer.json())["rows"]) == 100


PROTECTED = ["/api/status", "/api/events", "/api/tags", "/api/openapi.json", "/metrics", "/readyz", "/nowhere"]


@pytest.mark.parametrize("path", PROTECTED)
async def test_without_the_token_nothing_is_told(outside: ClientSession, path: str) -> None:
    """Neither what there is nor what there is not; whether the process lives is no secret."""
    async with outside.get(path) as answer:
        assert answer.status == 401
        assert answer.headers["WWW-Authenticate"].startswith("Bearer")
        assert "houston" not in await answer.text()
    async with outside.get("/healthz") as answer:
        assert answer.status == 200


async def test_the_token_is_taken_as_bearer(outside: ClientSession) -> None:
    """As scrapers send it, under any name of the machine."""
    async with outside.get("/metrics", headers={**BEARER, "Host": "pi-edge.plant.example"}) as answer:
        assert answer.status == 200
    async with outside.get("/metrics", headers={"Authorization": "Bearer wrong-and-long-enough"}) as answer:
        assert answer.status == 401


async def test_a_browser_signs_in(outside: ClientSession) -> None:
    """The form takes the token and gives a cookie that no script sees and no other site sends."""
    async with outside.get("/") as answer:
        assert answer.status == 401
        assert 'action="signin"' in await answer.text()
    async with outside.post("/signin", data={"token": "wrong-and-long-enough"}) as answer:
        assert answer.status == 401
        assert "the token is wrong" in await answer.text()
    async with outside.post("/signin", data={"token": TOKEN}, allow_redirects=False) as answer:
        assert (answer.status, answer.headers["Location"]) == (303, "./")
        cookie = answer.headers["Set-Cookie"]
        assert "HttpOnly" in cookie
        assert "SameSite=Strict" in cookie
        assert TOKEN not in cookie
    async with outside.get("/api/status") as answer:
        assert answer.status == 200


async def test_behind_tls_the_cookie_stays_there(outside: ClientSession) -> None:
    """A proxy that says so makes it a secure one."""
    headers = {"X-Forwarded-Proto": "https"}
    async with outside.post("/signin", data={"token": TOKEN}, headers=headers, allow_redirects=False) as answer:
        assert "Secure" in answer.headers["Set-Cookie"]


async def test_guessing_is_slowed_down(outside: ClientSession) -> None:
    """After some wrong tokens the answer is to wait, also for the right one; a form that is too large is refused."""
    statuses = []
    for _ in range(6):
        async with outside.post("/signin", data={"token": "wrong-and-long-enough"}) as answer:
            statuses.append(answer.status)
    assert statuses == [401, 401, 401, 429, 429, 429]
    async with outside.get("/api/status", headers=BEARER) as answer:
        assert answer.status == 429
        assert int(answer.headers["Retry-After"]) >= 1
    async with outside.post("/signin", data={"token": "x" * 10_000}) as answer:
        assert answer.status == 413


async def test_a_lost_token_lets_nobody_in(stage: Stage) -> None:
    """It is told in the log, and not to whom it does not concern."""
    read: list[Any] = [TOKEN]

    def token() -> str:
        if isinstance(read[0], Exception):
            raise read[0]
        return str(read[0])

    server = StatusServer(StatusSettings(listen="127.0.0.1:0", token=Secret(token)), stage, Lines())
    await server.start()
    read[0] = PIBridgeError("the file /etc/token is gone")
    with capture_logs() as lines:
        async with (
            ClientSession() as client,
            client.get(f"http://127.0.0.1:{server.port}/api/status", headers=BEARER) as answer,
        ):
            assert answer.status == 503
            assert "/etc" not in await answer.text()
            async with client.post(f"http://127.0.0.1:{server.port}/signin", data={"token": TOKEN}) as form:
                assert form.status == 503
    assert any("status.token cannot be read" in line["event"] for line in lines)
    await server.close()


async def test_a_missed_beat_is_no_end(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """What fails within the page is logged, and the daemon goes on."""
    with capture_logs() as lines:
        monkeypatch.setattr(stage, "snapshot", lambda: 1 / 0)
        async with served(stage) as client:
            await eventually(lambda: any("missed a beat" in line["event"] for line in lines))
            async with client.get("/healthz") as answer:
                assert answer.status == 200


async def test_a_port_in_use_is_told_with_what_to_do(stage: Stage) -> None:
    """A second server on the same address fails with the address and the setting to change, and leaves nothing open."""
    first = serving(stage)
    await first.start()
    second = serving(stage, f"127.0.0.1:{first.port}")
    with pytest.raises(PIBridgeError, match=rf"127\.0\.0\.1:{first.port}.*in use.*status\.listen"):
        await second.start()
    await second.close()
    await first.close()


async def test_an_unknown_host_is_told_too(stage: Stage) -> None:
    """A host name that nobody knows is the same clear error."""
    with pytest.raises(PIBridgeError, match=r"cannot listen on nowhere\.invalid:0"):
        await serving(stage, "nowhere.invalid:0", TOKEN).start()


async def test_ipv6_is_written_in_brackets(stage: Stage) -> None:
    """`[::1]:0` listens on the IPv6 loopback."""
    server = serving(stage, "[::1]:0")
    await server.start()
    async with ClientSession() as client, client.get(f"http://[::1]:{server.port}/healthz") as answer:
        assert answer.status == 200
    await server.close()


async def test_close_ends_what_is_open_and_frees_the_port(stage: Stage) -> None:
    """After `close` nobody listens, open pages do not hold it up, and the port can be had again at once."""
    server = serving(stage)
    await server.start()
    port = server.port
    _, idle = await asyncio.open_connection("127.0.0.1", port)
    async with ClientSession() as client, client.get(f"http://127.0.0.1:{port}/api/events"):
        async with asyncio.timeout(0.9):
            await server.close()
            await server.close()
    idle.close()
    with pytest.raises(ConnectionRefusedError):
        await asyncio.open_connection("127.0.0.1", port)
    again = serving(stage, f"127.0.0.1:{port}")
    await again.start()
    assert again.port == port
    await again.close()
