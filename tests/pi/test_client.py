import asyncio
import ssl
from base64 import b64encode
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import trustme
from aiohttp import web
from structlog.testing import capture_logs

from pi.canned import AT_ONCE, CannedServer, client_of, point_of, said, settings_for
from pibridge.errors import RejectedError, ThrottledError, TooMuchError, UnauthorizedError, UnavailableError
from pibridge.model import ticks
from pibridge.pi.channel import open_channel
from pibridge.pi.client import PiClient, Retries
from pibridge.pi.landing import landing
from pibridge.pi.wire import Items, Point, Reader
from pibridge.simulator import Simulator, SimulatorSettings

read_points = Reader(Items[Point])
EMPTY: dict[str, Any] = {"Links": {}, "Items": []}


@pytest.fixture
def ca() -> trustme.CA:
    """Give a plant's own certificate authority."""
    return trustme.CA()


@asynccontextmanager
async def tls_server(ca: trustme.CA) -> AsyncIterator[str]:
    """Run a server with a certificate of this CA; give its URL."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    ca.issue_cert("localhost").configure_cert(context)

    async def answer(_: web.BaseRequest) -> web.StreamResponse:
        return said(EMPTY)

    runner = web.ServerRunner(web.Server(answer))
    await runner.setup()
    await web.TCPSite(runner, "localhost", 0, ssl_context=context).start()
    yield f"https://localhost:{runner.addresses[0][1]}/piwebapi"
    await runner.cleanup()


async def cut_off(request: web.BaseRequest) -> web.StreamResponse:
    """Promise more bytes than are sent."""
    response = web.StreamResponse(headers={"Content-Length": "1000"})
    await response.prepare(request)
    await response.write(b'{"Items":[')
    assert request.transport is not None
    request.transport.abort()
    return response


async def reset(request: web.BaseRequest) -> web.StreamResponse:
    """Break the connection without an answer."""
    assert request.transport is not None
    request.transport.abort()
    return web.Response()


async def hang(_: web.BaseRequest) -> web.StreamResponse:
    """Never answer."""
    await asyncio.Event().wait()
    return web.Response()


async def test_parameters_arrive_as_they_are(server: CannedServer, client: PiClient) -> None:
    """Backslashes, bars, plus signs, percent signs and repeated names survive the URL."""
    server.on("/points", said(EMPTY))
    params = [("path", r"\\P\a+b|c%2F é"), ("path", "x&y=z;#"), ("time", "2024-01-01T00:00:00+00:00")]
    await client.get("/points", params, read_points)
    assert list(server.requests[0].query.items()) == params


async def test_a_get_asks_for_json_compressed(server: CannedServer, client: PiClient) -> None:
    """A GET accepts JSON and gzip, and has no header of writing."""
    server.on("/points", said(EMPTY))
    await client.get("/points", [], read_points)
    headers = server.requests[0].headers
    assert (headers["Accept"], headers["Accept-Encoding"]) == ("application/json", "gzip")
    assert "X-Requested-With" not in headers


async def test_a_compressed_answer_is_read(server: CannedServer, client: PiClient) -> None:
    """An answer in gzip is unpacked."""

    async def packed(request: web.BaseRequest) -> web.StreamResponse:
        response = said({"Items": [{"WebId": "w", "Name": "a" * 5000, "Path": "p"}]})
        response.enable_compression(web.ContentCoding.gzip)
        await response.prepare(request)
        return response

    server.on("/points", packed)
    assert (await client.get("/points", [], read_points)).items[0].name == "a" * 5000


async def test_a_post_says_that_it_is_no_forgery(server: CannedServer, client: PiClient) -> None:
    """A POST carries JSON and the header without which PI refuses it."""
    server.on("/batch", said(EMPTY))
    await client.post("/batch", {"a": 1}, read_points)
    assert server.requests[0].headers["X-Requested-With"]
    assert server.bodies[0] == b'{"a":1}'


async def test_a_batch_has_absolute_addresses(server: CannedServer, client: PiClient) -> None:
    """Each request of a batch is a GET below the base URL, and its answer is found by name."""
    server.on("/batch", said({"a": {"Status": 200, "Content": EMPTY}}, 207))
    parts = await client.batch({"a": ("/points", [("path", r"\\P\a b")])})
    assert parts["a"].status == 200
    assert f'"{server.url}/points?path='.encode() in server.bodies[0]


async def test_a_batch_must_be_complete(server: CannedServer, client: PiClient) -> None:
    """A batch that answers fewer requests than it got is an error."""
    server.on("/batch", said({"a": {"Status": 200}}, 207))
    with pytest.raises(UnavailableError, match="1 of 2"):
        await client.batch({"a": ("/x", []), "b": ("/y", [])})


@pytest.mark.parametrize(
    "fault",
    [
        said({}, 503),
        said({}, 429),
        said({"WebException": {"StatusCode": 500}}),
        web.Response(body=b'{"Items":['),
        web.Response(body=b"<html>"),
        cut_off,
        reset,
    ],
)
async def test_what_passes_is_tried_again(server: CannedServer, client: PiClient, fault: web.Response) -> None:
    """After failures that pass, the same request is made again, and succeeds."""
    server.on("/points", fault, fault, said(EMPTY))
    await client.get("/points", [], read_points)
    assert len(server.requests) >= 3


async def test_the_caller_learns_of_a_lasting_failure(server: CannedServer, client: PiClient) -> None:
    """After a few tries the caller gets the last failure."""
    server.on("/points", said({}, 503))
    with pytest.raises(UnavailableError, match="503"):
        await client.get("/points", [], read_points)
    assert len(server.requests) == AT_ONCE.attempts
    server.on("/points", said({}, 429))
    with pytest.raises(ThrottledError):
        await client.get("/points", [], read_points)


async def test_what_is_refused_is_not_repeated(server: CannedServer, client: PiClient) -> None:
    """A wrong request is made once."""
    with pytest.raises(RejectedError, match="GET /nothing"):
        await client.get("/nothing", [], read_points)
    server.on("/much", said({"Errors": ["'maxCount' is greater than the maximum allowed (150000)."]}, 400))
    with pytest.raises(TooMuchError):
        await client.get("/much", [], read_points)
    assert len(server.requests) == 2


async def test_waits_grow_and_are_longer_when_throttled(server: CannedServer) -> None:
    """Between tries the client waits, at least a second if PI asked for fewer requests."""
    waits: list[float] = []

    async def sleep(seconds: float) -> None:
        waits.append(seconds)

    server.on("/points", said({}, 429))
    retries = Retries(attempts=4, first_wait_s=0.5, longest_wait_s=3)
    async with PiClient(settings_for(server.url), retries=retries, sleep=sleep) as client:
        with pytest.raises(ThrottledError):
            await client.get("/points", [], read_points)
    assert len(waits) == 3
    assert all(1 <= wait <= 4 for wait in waits)


async def test_a_silent_server_is_given_up(server: CannedServer) -> None:
    """A server that accepts and never answers costs no more than the timeout."""
    server.on("/points", hang)
    async with client_of(server, timeouts={"read": 0.05}) as client:
        with pytest.raises(UnavailableError, match="in time"):
            await client.get("/points", [], read_points)


async def test_nobody_listens() -> None:
    """A refused connection says so."""
    async with CannedServer() as server:
        url = server.url
    async with PiClient(settings_for(url), retries=AT_ONCE) as client:
        with pytest.raises(UnavailableError, match="no connection"):
            await client.get("/points", [], read_points)


async def test_redirects_are_not_followed(server: CannedServer) -> None:
    """A redirect is reported without its query, and nothing is sent where it points."""
    server.on("/points", web.Response(status=302, headers={"Location": f"{server.url}/elsewhere?token=geheim"}))
    auth = {"method": "basic", "username": "pi", "password": "x"}
    async with client_of(server, auth=auth) as client:
        with pytest.raises(RejectedError, match=r"pi\.url") as caught:
            await client.get("/points", [], read_points)
    assert "geheim" not in str(caught.value)
    assert len(server.requests) == 1


async def test_credentials_are_sent_and_not_told(server: CannedServer) -> None:
    """The credentials go with each request, and are in no error."""
    server.on("/points", web.Response(status=401))
    auth = {"method": "basic", "username": "pi", "password": "geheim"}
    secret = b64encode(b"pi:geheim").decode()
    async with client_of(server, auth=auth) as client:
        with pytest.raises(UnauthorizedError) as caught:
            await client.get("/points", [], read_points)
    assert server.requests[0].headers["Authorization"] == f"Basic {secret}"
    assert secret not in str(caught.value)
    assert "geheim" not in str(caught.value)
    assert len(server.requests) == 1


async def test_requests_are_few_at_a_time(server: CannedServer) -> None:
    """No more requests than configured are under way."""
    under_way = 0
    most = 0
    free = asyncio.Event()

    async def count(_: web.BaseRequest) -> web.StreamResponse:
        nonlocal under_way, most
        under_way += 1
        most = max(most, under_way)
        if under_way == 2:
            free.set()
        await free.wait()
        under_way -= 1
        return said(EMPTY)

    server.on("/points", count)
    limits = {"requests_per_second": 10_000, "concurrent_requests": 2}
    async with client_of(server, limits=limits) as client:
        await asyncio.gather(*(client.get("/points", [], read_points) for _ in range(10)))
    assert most == 2


async def test_requests_are_spread(server: CannedServer) -> None:
    """Requests keep the configured pace from the first one on."""
    server.on("/points", said(EMPTY))
    loop = asyncio.get_running_loop()
    async with client_of(server, limits={"requests_per_second": 50, "concurrent_requests": 10}) as client:
        started = loop.time()
        await asyncio.gather(*(client.get("/points", [], read_points) for _ in range(6)))
    assert loop.time() - started >= 5 / 50 * 0.9


async def test_pis_clock_is_learned(server: CannedServer, client: PiClient) -> None:
    """The Date of an answer tells PI's time."""
    answer = said(EMPTY)
    answer.headers["Date"] = "Tue, 02 Jan 2024 03:04:05 GMT"
    server.on("/points", answer)
    await client.get("/points", [], read_points)
    assert abs(client.server_ticks() - ticks.parse("2024-01-02T03:04:05Z")) < 2 * ticks.PER_SECOND


async def test_a_certificate_of_the_plants_ca_is_taken(ca: trustme.CA, tmp_path: Path) -> None:
    """With the plant's CA as ca_file its servers are trusted."""
    file = tmp_path / "ca.pem"
    ca.cert_pem.write_to_path(file)
    async with tls_server(ca) as url, PiClient(settings_for(url, tls={"ca_file": file}), retries=AT_ONCE) as client:
        assert (await client.get("/points", [], read_points)).items == []


async def test_an_unknown_certificate_is_explained(ca: trustme.CA) -> None:
    """A certificate of an unknown CA is refused with the way out."""
    async with tls_server(ca) as url, PiClient(settings_for(url), retries=AT_ONCE) as client:
        with pytest.raises(UnavailableError, match=r"certificate.*pi\.tls\.ca_file"):
            await client.get("/points", [], read_points)


async def test_unchecked_certificates_are_warned_of(ca: trustme.CA) -> None:
    """verify: false takes any certificate, and says so at every start."""
    async with tls_server(ca) as url:
        settings = settings_for(url, tls={"verify": False}, allow_insecure=True)
        with capture_logs() as logs:
            async with PiClient(settings, retries=AT_ONCE) as client:
                await client.get("/points", [], read_points)
    assert [entry["event"] for entry in logs] == ["the certificate of PI is not checked"]


async def test_our_certificate_is_shown_where_one_is_wanted(ca: trustme.CA, tmp_path: Path) -> None:
    """A server that demands a certificate gets ours for requests and channels, and is closed to us without."""
    wanted = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    ca.issue_cert("localhost").configure_cert(wanted)
    ca.configure_trust(wanted)
    wanted.verify_mode = ssl.CERT_REQUIRED
    ca.cert_pem.write_to_path(tmp_path / "ca.pem")
    ca.issue_cert("connector").private_key_and_cert_chain_pem.write_to_path(tmp_path / "cert.pem")
    tls = {"ca_file": tmp_path / "ca.pem"}
    async with Simulator(SimulatorSettings(host="localhost"), ssl_context=wanted) as plant:
        async with PiClient(settings_for(plant.url, tls=tls), retries=AT_ONCE) as client:
            with pytest.raises(UnavailableError):
                await landing(client)
        tls["cert_file"] = tmp_path / "cert.pem"
        async with (
            PiClient(settings_for(plant.url, tls=tls), retries=AT_ONCE) as client,
            open_channel(client, [await point_of(client)]) as channel,
        ):
            await channel.receive()


async def test_a_closed_client_says_so(server: CannedServer) -> None:
    """A client that was not opened is a mistake of the program."""
    with pytest.raises(RuntimeError, match="async with"):
        await client_of(server).get("/points", [], read_points)


async def test_a_changed_secret_can_be_tried_at_once(server: CannedServer, client: PiClient) -> None:
    """After a refusal, try_now lets the next request go without waiting."""
    server.on("/points", web.Response(status=401), said(EMPTY))
    with pytest.raises(UnauthorizedError):
        await client.get("/points", [], read_points)
    client.try_now()
    async with asyncio.timeout(2):
        await client.get("/points", [], read_points)
    assert client.gate.is_open
