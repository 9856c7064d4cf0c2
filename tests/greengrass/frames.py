"""AWS event-stream frames, as the nucleus reads and writes them."""

import asyncio
import struct
import zlib
from dataclasses import dataclass, field
from typing import Final

APPLICATION_MESSAGE: Final = 0
APPLICATION_ERROR: Final = 1
CONNECT: Final = 4
CONNECT_ACK: Final = 5

CONNECTION_ACCEPTED: Final = 1
TERMINATE_STREAM: Final = 2

_INT32: Final = 4
_STRING: Final = 7
_AROUND_BYTES: Final = 16


class BadFrameError(Exception):
    """No frame, or one that is too long: whoever sent it is not talked to any more."""


@dataclass(frozen=True)
class Frame:
    """One frame. `headers`: those that not every frame has. `size_bytes`: as it came in."""

    kind: int
    flags: int
    stream: int
    headers: dict[str, str] = field(default_factory=dict)
    payload: bytes = b""
    size_bytes: int = 0

    def encode(self) -> bytes:
        """Give the bytes on the wire."""
        numbers = {":message-type": self.kind, ":message-flags": self.flags, ":stream-id": self.stream}
        headers = b"".join(
            [_named(name, _INT32) + struct.pack(">i", number) for name, number in numbers.items()]
            + [
                _named(name, _STRING) + struct.pack(">H", len(t.encode())) + t.encode()
                for name, t in self.headers.items()
            ]
        )
        prelude = struct.pack(">II", _AROUND_BYTES + len(headers) + len(self.payload), len(headers))
        checked = prelude + struct.pack(">I", zlib.crc32(prelude)) + headers + self.payload
        return checked + struct.pack(">I", zlib.crc32(checked))


async def read_frame(reader: asyncio.StreamReader, most_bytes: int) -> Frame:
    """Read the next frame. BadFrameError if it is none; IncompleteReadError at the end of the connection."""
    start = await reader.readexactly(12)
    total, headers_bytes, crc = struct.unpack(">III", start)
    if crc != zlib.crc32(start[:8]):
        raise BadFrameError("the prelude's checksum is wrong")
    if not _AROUND_BYTES + headers_bytes <= total <= most_bytes:
        raise BadFrameError(f"a frame of {total} bytes")
    rest = await reader.readexactly(total - 12)
    if struct.unpack(">I", rest[-4:])[0] != zlib.crc32(start + rest[:-4]):
        raise BadFrameError("the frame's checksum is wrong")
    numbers, texts = _headers(rest[:headers_bytes])
    return Frame(
        numbers[":message-type"], numbers[":message-flags"], numbers[":stream-id"], texts, rest[headers_bytes:-4], total
    )


def _named(name: str, kind: int) -> bytes:
    return struct.pack(">B", len(name)) + name.encode() + struct.pack(">B", kind)


def _headers(data: bytes) -> tuple[dict[str, int], dict[str, str]]:
    numbers: dict[str, int] = {}
    texts: dict[str, str] = {}
    while data:
        end = 1 + data[0]
        name, kind, data = data[1:end].decode().lower(), data[end], data[end + 1 :]
        if kind == _INT32:
            numbers[name], data = struct.unpack(">i", data[:4])[0], data[4:]
        elif kind == _STRING:
            length = 2 + struct.unpack(">H", data[:2])[0]
            texts[name], data = data[2:length].decode(), data[length:]
        else:
            raise BadFrameError(f"a header of type {kind}")
    return numbers, texts
