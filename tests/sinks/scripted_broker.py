"""A broker, of MQTT 5 and 3.1.1, that answers what a test tells it to, and remembers what it was sent."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Final

CONNECT: Final = 1
PUBLISH: Final = 3
SUBSCRIBE: Final = 8
PINGREQ: Final = 12
_MQTT_5: Final = 5


@dataclass
class ScriptedBroker:
    """`connack`: code of each CONNACK. `suback`: of each SUBACK.

    `pubacks`: codes in turn, the last again and again; None keeps silent.

    `goodbye`: code of the DISCONNECT that answers a publish, None for none. `most_packet_bytes`: told in the CONNACK.
    `publishers`: the client of each publish.
    """

    port: int = 0
    version: int = 0
    connack: int = 0
    pubacks: list[int | None] = field(default_factory=lambda: [0])
    goodbye: int | None = None
    most_packet_bytes: int | None = None
    retains: bool = True
    suback: int = 1
    clients: list[str] = field(default_factory=list)
    publishers: list[str] = field(default_factory=list)
    topics: list[str] = field(default_factory=list)
    payloads: list[bytes] = field(default_factory=list)
    times_s: list[float] = field(default_factory=list)
    writers: set[asyncio.StreamWriter] = field(default_factory=set)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Speak with one client."""
        self.writers.add(writer)
        name = ""
        try:
            while True:
                kind, body = await packet(reader)
                for answer in self.answers(kind, body):
                    writer.write(answer)
                if kind >> 4 == CONNECT:
                    name = self.clients[-1]
                elif kind >> 4 == PUBLISH:
                    self.publishers.append(name)
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError, ssl.SSLError):
            self.writers.discard(writer)
            writer.close()

    def answers(self, kind: int, body: bytes) -> list[bytes]:
        """Give what is sent back for a packet. `kind`: its first byte."""
        if kind >> 4 == CONNECT:
            self.version = body[6]
            self.clients.append(text(body, 11 if self.version == _MQTT_5 else 10)[0])
            if self.version != _MQTT_5:
                return [framed(0x20, bytes([0, self.connack]))]
            properties = b"" if self.most_packet_bytes is None else b"\x27" + self.most_packet_bytes.to_bytes(4)
            properties += b"" if self.retains else b"\x25\x00"
            return [framed(0x20, bytes([0, self.connack, len(properties)]) + properties)]
        if kind >> 4 == PUBLISH:
            topic, end = text(body, 0)
            self.topics.append(topic)
            self.payloads.append(body[end + (3 if self.version == _MQTT_5 else 2) :])
            self.times_s.append(asyncio.get_running_loop().time())
            if self.goodbye is not None:
                return [framed(0xE0, bytes([self.goodbye, 0]))]
            code = self.pubacks.pop(0) if len(self.pubacks) > 1 else self.pubacks[0]
            told = b"" if self.version != _MQTT_5 or code is None else bytes([code, 0])
            return [] if code is None else [framed(0x40, body[end : end + 2] + told)]
        if kind >> 4 == SUBSCRIBE:
            return [framed(0x90, body[:2] + (b"\0" if self.version == _MQTT_5 else b"") + bytes([self.suback]))]
        return [framed(0xD0, b"")] if kind >> 4 == PINGREQ else []


async def packet(reader: asyncio.StreamReader) -> tuple[int, bytes]:
    """Read one MQTT packet: its first byte, and what follows its length."""
    kind = (await reader.readexactly(1))[0]
    length = shift = 0
    while True:
        byte = (await reader.readexactly(1))[0]
        length |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            return kind, await reader.readexactly(length)


def framed(kind: int, body: bytes) -> bytes:
    """Make a short packet."""
    return bytes([kind, len(body)]) + body


def text(body: bytes, start: int) -> tuple[str, int]:
    """Give the text that begins there, and where it ends."""
    end = start + 2 + int.from_bytes(body[start : start + 2])
    return body[start + 2 : end].decode(), end


@asynccontextmanager
async def scripted_broker() -> AsyncIterator[ScriptedBroker]:
    """Run one on a free port."""
    broker = ScriptedBroker()
    server = await asyncio.start_server(broker.serve, "127.0.0.1", 0)
    broker.port = server.sockets[0].getsockname()[1]
    yield broker
    server.close()
    for writer in broker.writers:
        writer.close()
