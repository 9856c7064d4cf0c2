import asyncio
from collections.abc import AsyncIterator

import pytest
from aiohttp import ClientSession, ClientTimeout, web

from pibridge.status.beats import Beats
from waiting import eventually


class Stand:
    """A server that only beats."""

    def __init__(self, beats: Beats) -> None:
        self.beats = beats
        self.port = 0

    async def start(self) -> web.AppRunner:
        """Listen on a free port."""
        app = web.Application()
        app.router.add_get("/events", self.beats.serve)
        runner = web.AppRunner(app, shutdown_timeout=1.0)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        self.port = runner.addresses[0][1]
        return runner


@pytest.fixture
async def stand() -> AsyncIterator[Stand]:
    """Give a server for two pages, with little patience."""
    stand = Stand(Beats(most=2, patience_s=0.5))
    runner = await stand.start()
    yield stand
    stand.beats.close()
    await runner.cleanup()


@pytest.fixture
async def client(stand: Stand) -> AsyncIterator[ClientSession]:
    """Give a client."""
    async with ClientSession(f"http://127.0.0.1:{stand.port}", timeout=ClientTimeout(sock_read=20)) as client:
        yield client


async def test_all_pages_hear_the_same(stand: Stand, client: ClientSession) -> None:
    """As server-sent events; who comes later hears the last one at once."""
    async with client.get("/events") as first:
        assert first.content_type == "text/event-stream"
        await eventually(lambda: stand.beats.pages == 1)
        stand.beats.tell(b'{"a":1}')
        assert await first.content.readuntil(b"}\n\n") == b'retry: 3000\n\ndata: {"a":1}\n\n'
        async with client.get("/events") as second:
            assert await second.content.readuntil(b"}\n\n") == b'retry: 3000\n\ndata: {"a":1}\n\n'
            await eventually(lambda: stand.beats.pages == 2)
            stand.beats.tell(b'{"a":2}')
            for page in (first, second):
                assert await page.content.readuntil(b"}\n\n") == b'data: {"a":2}\n\n'


async def test_only_so_many_pages_may_be_open(stand: Stand, client: ClientSession) -> None:
    """One more is turned away; when one has left there is room again."""
    async with client.get("/events") as first, client.get("/events"):
        await eventually(lambda: stand.beats.pages == 2)
        async with client.get("/events") as third:
            assert third.status == 503
            assert third.headers["Retry-After"] == "30"
        first.close()

        async def has_room() -> bool:
            stand.beats.tell(b"{}")
            return stand.beats.pages < 2

        await eventually(has_room)
        async with client.get("/events") as fourth:
            assert fourth.status == 200


async def test_a_page_that_does_not_read_is_dropped(stand: Stand, client: ClientSession) -> None:
    """What it was sent is not kept for it without end; others go on."""
    reader, writer = await asyncio.open_connection("127.0.0.1", stand.port, limit=1024)
    writer.write(b"GET /events HTTP/1.1\r\nHost: h\r\n\r\n")
    async with client.get("/events") as other:
        await eventually(lambda: stand.beats.pages == 2)
        heard = asyncio.create_task(other.content.read())

        async def is_dropped() -> bool:
            stand.beats.tell(b"x" * (1 << 20))
            return stand.beats.pages == 1

        await eventually(is_dropped)
        assert not heard.done()
        stand.beats.close()
        assert len(await heard) >= 1 << 20
    writer.close()
    del reader


async def test_closing_ends_every_page(stand: Stand, client: ClientSession) -> None:
    """At once, so that a stop of the daemon waits for nobody."""
    async with client.get("/events") as page:
        await eventually(lambda: stand.beats.pages == 1)
        stand.beats.close()
        await page.content.read()
        assert stand.beats.pages == 0


async def test_a_page_has_to_come_again() -> None:
    """After a while it is let go, so that who may no longer see it does not see it for ever."""
    stand = Stand(Beats(longest_s=0.0))
    runner = await stand.start()
    async with ClientSession() as client, client.get(f"http://127.0.0.1:{stand.port}/events") as page:
        assert await page.content.read() == b"retry: 3000\n\n"
    await runner.cleanup()
