"""A PI Web API that is nothing but fast: it knows its points, and sends ready messages as quickly as they are taken.

`python feeder.py PORT_FILE FEED [CERTIFICATE]` writes its port into PORT_FILE; FEED is a `plant.Feed` as JSON. Below
`/bench` it is told what to do: `go` sends all messages, `go?rate=…&seconds=…` so many events a second with the time at
which they are sent, `drop` breaks all channels off; `told` gives what it has been asked.
"""

import asyncio
import json
import ssl
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from email.utils import formatdate
from http import HTTPStatus
from itertools import cycle, islice
from pathlib import Path
from typing import Final
from urllib.parse import parse_qs, urlsplit

import msgspec
from websockets.asyncio.server import ServerConnection, serve
from websockets.datastructures import Headers
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response

import plant
from pibridge.model import ticks

_SERVER: Final = "I1DSBwAAAAAAAAAAAAAAAAAAAA"
_WRITTEN_AT_ONCE: Final = 64
_PACE_S: Final = 0.02
_SHORT, _MEDIUM = 126, 1 << 16
Query = dict[str, list[str]]


def framed(message: bytes) -> bytes:
    """Give a message as a server's text frame."""
    size = len(message)
    if size < _SHORT:
        return bytes([0x81, size]) + message
    if size < _MEDIUM:
        return b"\x81\x7e" + size.to_bytes(2, "big") + message
    return b"\x81\x7f" + size.to_bytes(8, "big") + message


class Feeder:
    """`feed`: what it has. All of its channels begin to send together."""

    def __init__(self, feed: plant.Feed) -> None:
        self._feed = feed
        self._start_ticks = ticks.from_seconds(time.time() - 1200)
        self._channels: set[ServerConnection] = set()
        self._go = asyncio.Event()
        self._rate = self._seconds = 0.0
        self._asked: list[tuple[float, str]] = []
        self._opened: list[float] = []
        self._finished = 0

    async def channel(self, connection: ServerConnection) -> None:
        """Serve one channel."""
        request = connection.request
        numbers = _numbers(parse_qs(urlsplit(request.path if request else "").query))
        self._opened.append(time.time())
        ready = list(self._frames(numbers)) if not self._go.is_set() else []
        first = plant.present(numbers, ticks.from_seconds(time.time())) if self._feed.initial else plant.HEARTBEAT
        await connection.send(first, text=True)
        self._channels.add(connection)
        with suppress(ConnectionClosed):
            await self._go.wait()
            await (self._paced(connection, numbers) if self._rate else _sent(connection, ready))
            self._finished += 1
            await connection.wait_closed()
        self._channels.discard(connection)

    def answer(self, connection: ServerConnection, request: Request) -> Response | None:
        """Answer all that is no channel."""
        url = urlsplit(request.path)
        if url.path.endswith("/channel"):
            return None
        query = parse_qs(url.query)
        place = url.path.removeprefix("/piwebapi")
        if place.startswith("/bench/"):
            body = self._bench(place.removeprefix("/bench/"), query)
        else:
            self._asked.append((time.time(), request.path))
            body = self.page(place, query)
        del connection
        fields = {"Content-Type": "application/json", "Content-Length": str(len(body)), "Connection": "close"}
        return Response(HTTPStatus.OK, "OK", Headers(fields | {"Date": formatdate(usegmt=True)}), body)

    def page(self, place: str, query: Query) -> bytes:
        """Give what the archive or the configuration of the plant says; nothing, where it does not know."""
        long_ago = self._start_ticks - 3 * 3600 * ticks.PER_SECOND
        pages: dict[str, Callable[[], bytes]] = {
            "/streamsets/recorded": lambda: recorded_page(self._feed, query),
            "/streamsets/value": lambda: plant.value_of_each(_numbers(query), long_ago),
            "/streamsets/recordedattime": lambda: plant.value_of_each(_numbers(query), long_ago),
            "/points": lambda: json.dumps(plant.point(plant.number_of(query["path"][0]))).encode(),
            "/points/multiple": lambda: _items(map(_found, query["path"])),
            "/dataservers": lambda: json.dumps({"WebId": _SERVER, "Name": "PISRV1", "Path": r"\\PISRV1"}).encode(),
            f"/dataservers/{_SERVER}/points": lambda: self._list(
                int(query["startIndex"][0]), int(query["maxCount"][0])
            ),
        }
        return pages.get(place, lambda: plant.HEARTBEAT)()

    def _list(self, start: int, most: int) -> bytes:
        numbers = range(start + 1, min(start + most, self._feed.tags) + 1)
        return _items(plant.point(number, mixed=self._feed.mixed) for number in numbers)

    def _bench(self, what: str, query: Query) -> bytes:
        if what == "go":
            self._rate, self._seconds = (float(query.get(key, ["0"])[0]) for key in ("rate", "seconds"))
            self._go.set()
        elif what == "drop":
            self._opened.clear()
            self._asked.clear()
            for connection in list(self._channels):
                connection.transport.abort()
        return json.dumps(
            {
                "channels": len(self._channels),
                "finished": self._finished,
                "asked": self._asked if what == "told" else [],
                "opened": self._opened if what == "told" else [],
            }
        ).encode()

    def _frames(self, numbers: Sequence[int]) -> Iterator[bytes]:
        """Give what goes to the socket at once: some messages together, as fast as they can be sent."""
        several: list[bytes] = []
        for message in plant.messages(self._feed, numbers, self._start_ticks):
            several.append(framed(message))
            if len(several) == _WRITTEN_AT_ONCE:
                yield b"".join(several)
                several.clear()
        yield b"".join(several)

    async def _paced(self, connection: ServerConnection, numbers: Sequence[int]) -> None:
        rate = self._rate * len(numbers) / self._feed.tags
        turn = cycle(numbers)
        loop = asyncio.get_running_loop()
        begun, sent = loop.time(), 0
        while (passed_s := loop.time() - begun) < self._seconds:
            due = int(rate * passed_s) - sent
            if due:
                await connection.send(
                    plant.present(list(islice(turn, due)), ticks.from_seconds(time.time())), text=True
                )
                sent += due
            await asyncio.sleep(_PACE_S)


async def _sent(connection: ServerConnection, frames: Sequence[bytes]) -> None:
    for frame in frames:
        connection.transport.write(frame)
        await connection.drain()


def recorded_page(feed: plant.Feed, query: Query) -> bytes:
    """Give the page of the archive that is asked for."""
    start, end = (ticks.parse(query[key][0]) for key in ("startTime", "endTime"))
    return plant.recorded(feed, _numbers(query), start, end, int(query["maxCount"][0]))


def _numbers(query: Query) -> list[int]:
    return [plant.number_of_web_id(web_id) for web_id in query.get("webId", [])]


def _found(path: str) -> dict[str, object]:
    return {"Identifier": path, "IdentifierType": "Path", "Object": plant.point(plant.number_of(path))}


def _items(objects: Iterator[object]) -> bytes:
    return json.dumps({"Items": list(objects)}).encode()


async def _main(port_file: Path, feed: plant.Feed, certificate: Path | None) -> None:
    feeder = Feeder(feed)
    context = None
    if certificate is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
    async with serve(
        feeder.channel,
        "127.0.0.1",
        0,
        process_request=feeder.answer,
        compression=None,
        ping_interval=None,
        ssl=context,
    ) as server:
        port_file.write_text(str(next(iter(server.sockets)).getsockname()[1]))
        await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(
        _main(
            Path(sys.argv[1]),
            msgspec.json.decode(sys.argv[2], type=plant.Feed),
            Path(sys.argv[3]) if len(sys.argv) > 3 else None,  # noqa: PLR2004 - the optional third
        )
    )
