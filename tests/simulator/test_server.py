import asyncio
import contextlib
import socket
import ssl
from collections.abc import Awaitable, Callable, Coroutine
from email.utils import parsedate_to_datetime
from typing import Any

import pytest
import trustme
from aiohttp import (
    ClientConnectionError,
    ClientSession,
    ClientTimeout,
    WSMsgType,
    WSServerHandshakeError,
    encode_basic_auth,
)

from pibridge.errors import UnavailableError
from pibridge.model.ticks import PER_SECOND
from pibridge.simulator import Simulator, SimulatorSettings, serve
from simulator.bench import NOW, Bench, Clock, message

USERS = SimulatorSettings(users={"svc": "secret"}, admins=frozenset({"svc"}))


async def test_answers_look_like_those_of_the_real_server(bench: Bench) -> None:
    """Server, the plant's Date, JSON; gzip when it is asked for and worth it."""
    answer = await bench.get("/points", path=r"\\PISRV1\SINUSOID")
    assert answer.headers["Server"] == "Microsoft-HTTPAPI/2.0"
    assert parsedate_to_datetime(answer.headers["Date"]).timestamp() == NOW / PER_SECOND
    assert answer.headers["Content-Type"] == "application/json; charset=utf-8"
    assert answer.headers["Content-Encoding"] == "gzip"
    async with bench.session.get(bench.simulator.url + "/system", headers={"Accept-Encoding": "identity"}) as response:
        assert "Content-Encoding" not in response.headers


async def test_paths_that_lead_nowhere(bench: Bench) -> None:
    """Outside the API, unknown below it, too long, the wrong method."""
    async with bench.session.get(bench.simulator.origin + "/elsewhere") as response:
        assert response.status == 404
    assert (await bench.get("/nothing")).status == 404
    long = await bench.get("/points/" + "A" * 261)
    assert (long.status, long.headers["Content-Type"]) == (400, "text/html; charset=utf-8")
    assert (await bench.get("/system?x=" + "A" * 17_000)).status == 400
    async with bench.session.options(bench.simulator.url + "/system") as response:
        assert response.status == 405


@pytest.mark.parametrize("settings", [USERS])
async def test_basic_authentication(bench: Bench) -> None:
    """Without credentials 401 with a challenge and no body, for channels too; with them all is open."""
    refused = await bench.get("/system/userinfo")
    assert (refused.status, refused.text) == (401, "")
    assert refused.headers.getall("WWW-Authenticate") == ["Negotiate", 'Basic realm="pi"']
    with pytest.raises(WSServerHandshakeError, match="401"):
        await bench.connect("/streamsets/channel")
    async with ClientSession(headers={"Authorization": encode_basic_auth("svc", "secret")}) as session:
        known = Bench(bench.simulator, bench.clock, session)
        assert (await known.get("/system/userinfo")).body["Name"] == "svc"
        assert (await known.get("/system/status")).body["State"] == "Running"
        assert (await known.get("/system/versions")).status == 200
        bench.simulator.faults.add("password=changed")
        assert (await known.get("/system")).status == 401


@pytest.mark.parametrize("settings", [SimulatorSettings(rate_limit=2)])
async def test_too_many_requests(bench: Bench) -> None:
    """Above the rate 429, until the next second."""
    assert [(await bench.get("/system")).status for _ in range(3)] == [200, 200, 429]
    bench.clock.advance(1)
    assert (await bench.get("/system")).status == 200


@pytest.mark.parametrize(
    ("fault", "status", "right"),
    [
        ("status=503", 503, lambda text: "<HTML>" in text),
        ("status=403", 403, lambda text: "Errors" in text),
        ("status=429", 429, lambda text: "Rate limit was reached" in text),
        ("status=401", 401, lambda text: text == ""),
        ("html", 200, lambda text: "<HTML>" in text),
        ("web-exception=502", 200, lambda text: '"StatusCode":502' in text),
        ("truncate", 200, lambda text: text.startswith("{") and not text.endswith("}")),
        ("slow=0.01", 200, lambda text: text.endswith("}")),
    ],
)
async def test_faults_of_answers(bench: Bench, fault: str, status: int, right: Callable[[str], bool]) -> None:
    """Each fault gives its wrong answer once, and then the right one comes."""
    bench.simulator.faults.add(f"{fault}@count=1")
    answer = await bench.get("/system")
    assert answer.status == status
    assert right(answer.text)
    assert (await bench.get("/system")).body["ProductTitle"]


async def test_connections_are_reset(bench: Bench) -> None:
    """The client sees a broken connection."""
    bench.simulator.faults.add("reset@path=/system")
    with pytest.raises(ClientConnectionError):
        await bench.get("/system")


async def test_a_hanging_server_answers_nothing(bench: Bench) -> None:
    """The connection stands and no byte comes; stopping the server does not wait for it."""
    bench.simulator.faults.add("hang@path=/system")
    with pytest.raises(asyncio.TimeoutError):
        await bench.session.get(bench.simulator.url + "/system", timeout=ClientTimeout(total=0.1))
    reader, writer = await asyncio.open_connection("127.0.0.1", int(bench.simulator.origin.rpartition(":")[2]))
    writer.write(b"GET /piwebapi/system HTTP/1.1\r\nHost: pi\r\n\r\n")
    await asyncio.wait_for(bench.simulator.close(), 5)
    with contextlib.suppress(ConnectionError):
        assert await reader.read() == b""
    writer.close()


async def test_a_bare_nan_reaches_the_client(bench: Bench) -> None:
    """The body is no JSON."""
    web_id = await bench.web_id(r"\\PISRV1\SINUSOID")
    bench.simulator.faults.add("nan=bare")
    assert '"Value":NaN' in (await bench.get(f"/streams/{web_id}/value")).text


@pytest.mark.parametrize(("stop", "code"), [(Simulator.close, 1001), (Simulator.kill, 1006)])
async def test_an_outage(bench: Bench, stop: Callable[[Simulator], Awaitable[None]], code: int) -> None:
    """Channels end, in order or not; the server comes back on its port, with the same plant."""
    url = bench.simulator.url
    channel = await bench.channel(r"\\PISRV1\R1.Level")
    ending = asyncio.create_task(channel.receive())
    await stop(bench.simulator)
    assert (await ending).type in (WSMsgType.CLOSE, WSMsgType.CLOSED, WSMsgType.ERROR)
    assert channel.close_code == code
    with pytest.raises(ClientConnectionError):
        await bench.get("/system")
    await bench.simulator.start()
    assert bench.simulator.url == url
    again = await bench.channel(r"\\PISRV1\R1.Level")
    bench.clock.advance(10)
    assert (await message(again))["Items"]


@pytest.mark.parametrize("turns", range(5))
@pytest.mark.parametrize("stop", [Simulator.close, Simulator.kill])
async def test_who_comes_at_the_last_moment(
    bench: Bench, stop: Callable[[Simulator], Coroutine[Any, Any, None]], turns: int
) -> None:
    """A connection that comes as the server stops is refused or ended."""
    stopping = asyncio.create_task(stop(bench.simulator))
    for _ in range(turns):
        await asyncio.sleep(0)
    with socket.socket() as late:
        if late.connect_ex(("127.0.0.1", int(bench.simulator.origin.rpartition(":")[2]))) == 0:
            await stopping
            late.settimeout(0)
            with contextlib.suppress(ConnectionResetError):
                assert late.recv(1) == b""
    await stopping


async def test_a_taken_port_is_said(bench: Bench) -> None:
    """The error names host and port."""
    port = int(bench.simulator.origin.rpartition(":")[2])
    with pytest.raises(UnavailableError, match=f"127.0.0.1:{port}"):
        await serve(SimulatorSettings(port=port))


async def test_tls() -> None:
    """With a certificate it speaks https."""
    authority = trustme.CA()
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(server)
    trusting = ssl.create_default_context()
    authority.configure_trust(trusting)
    async with Simulator(clock=Clock(), ssl_context=server) as simulator, ClientSession() as session:
        assert simulator.url.startswith("https://")
        async with session.get(simulator.url + "/system", ssl=trusting) as response:
            assert response.status == 200


async def test_faults_of_the_settings_hold_from_the_start() -> None:
    """What is set at the start is in force at the first request."""
    async with Simulator(SimulatorSettings(faults=("status=503",))) as simulator, ClientSession() as session:
        async with session.get(simulator.url) as response:
            assert response.status == 503
        assert simulator.requests == 1
