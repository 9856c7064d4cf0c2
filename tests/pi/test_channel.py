import asyncio
from collections.abc import Awaitable, Callable

import pytest
from aiohttp import WSCloseCode, web

from context.plants import NOON
from pi.canned import CannedServer, Handler, client_of, said
from pibridge.errors import RejectedError, UnauthorizedError, UnavailableError
from pibridge.model import ticks
from pibridge.pi.channel import Channel, open_channel, plan_channels
from pibridge.pi.client import PiClient
from pibridge.pi.url_groups import URL_BYTES
from pibridge.pi.wire import Items, Point, Reader, decode_channel
from waiting import eventually

IDS = ["I1DPrR1NjdPxEUOulNmps6aJqQFAEAAA", "I1DPrR1NjdPxEUOulNmps6aJqQFQEAAA"]
HEARTBEAT = '{"Links":{},"Items":[]}'


def channel(script: Callable[[web.WebSocketResponse], Awaitable[object]]) -> Handler:
    """Give a channel that does what the script says."""

    async def handle(request: web.BaseRequest) -> web.StreamResponse:
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        await script(socket)
        return socket

    return handle


async def say_and_wait(socket: web.WebSocketResponse) -> None:
    """Send one heartbeat, then nothing, until the client leaves."""
    await socket.send_str(HEARTBEAT)
    await socket.receive()


async def received(opened: Channel, count: int) -> list[bytes]:
    """Receive so many messages."""
    messages: list[bytes] = []
    while len(messages) < count:
        messages += await opened.receive()
    return messages


async def test_messages_arrive_as_bytes(server: CannedServer, client: PiClient) -> None:
    """What PI sends is received as it is, large messages too."""
    large = '{"Items":[{"WebId":"w","Items":[{"Timestamp":"t","Value":"' + "x" * (5 << 20) + '"}]}]}'

    async def script(socket: web.WebSocketResponse) -> None:
        await socket.send_str(HEARTBEAT)
        await socket.send_str(large)
        await socket.receive()

    server.on("/streamsets/channel", channel(script))
    async with open_channel(client, IDS) as opened:
        first, second = await received(opened, 2)
        assert first == HEARTBEAT.encode()
        (item,) = decode_channel(second)
        assert len(item.items[0].value) == 5 << 20


async def test_all_messages_that_have_come_are_received_at_once(server: CannedServer, client: PiClient) -> None:
    """In their order; and the reader of the socket waits while too much of it waits to be received."""
    texts = [f'{{"Items":[],"Links":"{number:06d}{"x" * 10_000}"}}' for number in range(2000)]

    async def script(socket: web.WebSocketResponse) -> None:
        for text in texts:
            await socket.send_str(text)
        await socket.receive()

    server.on("/streamsets/channel", channel(script))
    async with open_channel(client, IDS) as opened:
        parts = [await opened.receive()]
        while sum(map(len, parts)) < len(texts):
            parts.append(await opened.receive())
    assert [message.decode() for part in parts for message in part] == texts
    assert max(map(len, parts)) > 1
    assert max(sum(map(len, part)) for part in parts) < 2 * (256 << 10) + 20_000


async def test_a_message_may_come_in_fragments(server: CannedServer, client: PiClient) -> None:
    """The parts become one message; a ping between them is answered."""
    pongs: list[bytes] = []

    async def handle(request: web.BaseRequest) -> web.StreamResponse:
        socket = web.WebSocketResponse(autoping=False)
        await socket.prepare(request)
        assert request.transport is not None
        request.transport.write(b'\x01\x05{"Ite' + b"\x89\x02hi" + b'\x00\x03ms"' + b"\x80\x04:[]}")
        pongs.append((await socket.receive()).data)
        await socket.receive()
        return socket

    server.on("/streamsets/channel", handle)
    async with open_channel(client, IDS) as opened:
        assert await opened.receive() == [b'{"Items":[]}']
        await eventually(lambda: pongs == [b"hi"])


async def test_what_came_before_the_end_is_received(server: CannedServer, client: PiClient) -> None:
    """The error that the channel is gone follows what PI had sent."""

    async def script(socket: web.WebSocketResponse) -> None:
        await socket.send_str(HEARTBEAT)
        await socket.close(code=WSCloseCode.GOING_AWAY, message=b"service stops")

    server.on("/streamsets/channel", channel(script))
    async with open_channel(client, IDS) as opened:
        await eventually(lambda: opened._connection.state.name == "CLOSED")
        assert await opened.receive() == [HEARTBEAT.encode()]
        for _ in range(2):
            with pytest.raises(UnavailableError, match="1001 service stops"):
                await opened.receive()


async def test_a_channel_is_left_while_messages_wait(server: CannedServer, client: PiClient) -> None:
    """Nobody looks at them, but PI's farewell behind them is heard."""
    left: list[int | None] = []

    async def script(socket: web.WebSocketResponse) -> None:
        for _ in range(200):
            await socket.send_str('{"Items":[],"Links":"' + "x" * 10_000 + '"}')
        await socket.receive()
        left.append(socket.close_code)

    server.on("/streamsets/channel", channel(script))
    async with open_channel(client, IDS) as opened:
        await opened.receive()
        await eventually(lambda: opened._connection._has_paused)
        begun = asyncio.get_running_loop().time()
    assert asyncio.get_running_loop().time() - begun < 1
    await eventually(lambda: left == [1000])


async def test_the_handshake_tells_pi_s_time(server: CannedServer, client: PiClient) -> None:
    """A gap is ended by PI's clock as soon as the channel is open: also when it was set meanwhile."""

    async def handle(request: web.BaseRequest) -> web.StreamResponse:
        socket = web.WebSocketResponse()
        socket.headers["Date"] = "Sun, 01 Mar 2026 12:00:00 GMT"
        await socket.prepare(request)
        await say_and_wait(socket)
        return socket

    server.on("/streamsets/channel", handle)
    async with open_channel(client, IDS):
        assert abs(client.server_ticks() - NOON) <= 10 * ticks.PER_SECOND


async def test_a_channel_is_asked_for_with_all_it_needs(server: CannedServer) -> None:
    """The handshake carries the streams, initial values, heartbeats, short ids and the credentials."""
    server.on("/streamsets/channel", channel(say_and_wait))
    auth = {"method": "basic", "username": "pi", "password": "x"}
    async with client_of(server, auth=auth) as client, open_channel(client, IDS, heartbeat_rate=7) as opened:
        await opened.receive()
    request = server.requests[0]
    assert request.query.getall("webId") == IDS
    assert request.query["includeInitialValues"] == "true"
    assert request.query["heartbeatRate"] == "7"
    assert request.query["webIdType"] == "IDOnly"
    assert request.headers["Authorization"].startswith("Basic ")


async def test_handshakes_keep_the_pace_and_rest_passes_between(server: CannedServer) -> None:
    """When all channels open at once they leave one by one, and a call waits for one of them, not for all."""
    server.on("/streamsets/channel", channel(say_and_wait))
    server.on("/points", said({"Items": []}))
    loop = asyncio.get_running_loop()
    opened: list[float] = []

    async def hold(client: PiClient, done: asyncio.Event) -> None:
        async with open_channel(client, IDS):
            opened.append(loop.time())
            await done.wait()

    async with client_of(server, limits={"requests_per_second": 20}) as client, asyncio.TaskGroup() as tasks:
        begun, done = loop.time(), asyncio.Event()
        for _ in range(8):
            tasks.create_task(hold(client, done))
        await eventually(lambda: opened)
        await client.get("/points", [], Reader(Items[Point]))
        before = len(opened)
        await eventually(lambda: len(opened) == 8)
        done.set()
    assert before <= 4
    assert opened[-1] - begun >= 8 / 20 * 0.9


async def test_a_refused_login_is_tried_by_one_channel(server: CannedServer) -> None:
    """Channels that wait for their turn do not try a login that PI has just refused."""
    server.on("/streamsets/channel", said({}, 401))
    # Two may be under way before the first is refused: at this pace only if that takes half a second.
    async with client_of(server, limits={"requests_per_second": 2}) as client:
        tasks = [asyncio.create_task(open_channel(client, IDS).__aenter__()) for _ in range(10)]
        await eventually(lambda: not client.gate.is_open)
        await asyncio.wait(tasks, timeout=1.2)
        for task in tasks:
            task.cancel()
        outcomes = await asyncio.gather(*tasks, return_exceptions=True)
    assert [type(outcome) for outcome in outcomes if not isinstance(outcome, asyncio.CancelledError)] == [
        UnauthorizedError
    ]
    assert len(server.requests) == 1


async def test_a_close_says_why(server: CannedServer, client: PiClient) -> None:
    """When PI closes the channel, the error has its code and reason."""

    async def script(socket: web.WebSocketResponse) -> None:
        await socket.close(code=WSCloseCode.GOING_AWAY, message=b"service stops")

    server.on("/streamsets/channel", channel(script))
    async with open_channel(client, IDS) as opened:
        with pytest.raises(UnavailableError, match="1001 service stops"):
            await opened.receive()


async def test_a_broken_channel_is_an_error(server: CannedServer, client: PiClient) -> None:
    """A connection that breaks without a close is 1006."""

    async def handle(request: web.BaseRequest) -> web.StreamResponse:
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        assert request.transport is not None
        request.transport.abort()
        return socket

    server.on("/streamsets/channel", handle)
    async with open_channel(client, IDS) as opened:
        with pytest.raises(UnavailableError, match="1006"):
            await opened.receive()


async def test_silence_is_an_error(server: CannedServer, client: PiClient) -> None:
    """A channel without even a heartbeat is given up."""
    server.on("/streamsets/channel", channel(say_and_wait))
    async with open_channel(client, IDS, silence_s=0.1) as opened:
        await opened.receive()
        with pytest.raises(UnavailableError, match=r"nothing.*0\.1 s"):
            await opened.receive()


async def test_a_slow_reader_is_not_silence(server: CannedServer, client: PiClient) -> None:
    """Silence is counted only while somebody listens."""

    async def script(socket: web.WebSocketResponse) -> None:
        for _ in range(3):
            await socket.send_str(HEARTBEAT)
        await socket.receive()

    server.on("/streamsets/channel", channel(script))
    busy = asyncio.Event()
    async with open_channel(client, IDS, silence_s=0.05) as opened:
        messages = await opened.receive()
        asyncio.get_running_loop().call_later(0.2, busy.set)
        await busy.wait()
        while len(messages) < 3:
            messages += await opened.receive()
        assert messages == [HEARTBEAT.encode()] * 3


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (web.Response(status=401), UnauthorizedError),
        (web.Response(status=403), UnauthorizedError),
        (said({"Errors": ["unknown WebId"]}, 404), RejectedError),
        (web.Response(status=400, text="<html><title>Bad Request</title></html>"), RejectedError),
        (web.Response(status=302, headers={"Location": "http://127.0.0.1:1/"}), RejectedError),
        (web.Response(status=503), UnavailableError),
        (said({"Items": []}), UnavailableError),
    ],
)
async def test_a_refused_handshake_is_explained(
    server: CannedServer, client: PiClient, answer: web.Response, kind: type[Exception]
) -> None:
    """A handshake that is answered with anything but a channel is the error that the answer means."""
    server.on("/streamsets/channel", answer)
    with pytest.raises(kind):
        async with open_channel(client, IDS):
            pass


async def test_a_refused_handshake_closes_the_gate(server: CannedServer, client: PiClient) -> None:
    """A 401 on a channel holds back everything until one try succeeds."""
    server.on("/streamsets/channel", web.Response(status=401), channel(say_and_wait))
    with pytest.raises(UnauthorizedError):
        async with open_channel(client, IDS):
            pass
    assert not client.gate.is_open
    client.try_now()
    async with open_channel(client, IDS) as opened:
        await opened.receive()
    assert client.gate.is_open


async def test_a_channel_that_takes_no_tokens_names_the_way_out(server: CannedServer) -> None:
    """A bearer token that is refused on a channel may be good everywhere else: Stream Updates take it."""
    server.on("/streamsets/channel", web.Response(status=401))
    async with client_of(server, auth={"method": "bearer", "token": "abc"}) as client:
        with pytest.raises(UnauthorizedError, match="via: updates"):
            async with open_channel(client, IDS):
                pass


async def test_nobody_answers_the_handshake() -> None:
    """A server that is down or never answers is an error that passes."""

    async def hang(_: web.BaseRequest) -> web.StreamResponse:
        await asyncio.Event().wait()
        return web.Response()

    async with CannedServer() as server:
        server.on("/streamsets/channel", hang)
        async with client_of(server, timeouts={"connect": 0.1}) as client:
            with pytest.raises(UnavailableError, match="in time"):
                async with open_channel(client, IDS):
                    pass
    async with client_of(server) as client:
        with pytest.raises(UnavailableError, match="could not open"):
            async with open_channel(client, IDS):
                pass


def test_streams_are_spread_over_channels() -> None:
    """A channel carries at most so many streams, each once, and no URL grows too long."""
    ids = [f"I1DPrR1NjdPxEUOulNmps6aJqQ{n:06d}" for n in range(450)]
    assert [len(group) for group in plan_channels([*ids, *ids], 200, URL_BYTES)] == [200, 200, 50]
    assert [len(group) for group in plan_channels(ids[:30], 200, 400)] == [10, 10, 10]
    assert plan_channels([], 200, URL_BYTES) == []
