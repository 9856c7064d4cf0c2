"""How the events of one chunk become bytes, and come back. Pure.

Payload: msgpack of `list[Event]`, compressed with zstd. The checksum covers the payload and what the row says of it, so
that neither can change unnoticed.
"""

import zlib
from collections.abc import Iterator
from struct import Struct as Layout
from typing import Final

import zstandard
from msgspec import MsgspecError, Struct, msgpack

from pibridge.model.event import BAD, ERROR, Event, Lane

MSGPACK_ZSTD: Final = 1
"""The only codec so far; rows name theirs so that another may come."""

LARGEST_CHUNK_EVENTS: Final = 2000
LARGEST_CHUNK_BYTES: Final = 256 << 10
"""Of msgpack, before compression."""
LARGEST_EVENT_BYTES: Final = 1 << 20

_LABEL: Final = Layout("<q?qqqq")


class DamagedError(Exception):
    """The bytes of a chunk are not what was written."""


class Label(Struct, frozen=True):
    """What the row of a chunk says of its payload."""

    seq: int
    lane: Lane
    count: int
    first_ticks: int
    last_ticks: int
    arrived_ticks: int


class Packed(Struct, frozen=True):
    """One chunk ready to be stored. `raw_bytes`: its size before compression."""

    events: list[Event]
    payload: bytes
    raw_bytes: int
    first_ticks: int
    last_ticks: int


class Packer:
    """Packs events into chunks. One thread at a time."""

    def __init__(self) -> None:
        self._encode = msgpack.Encoder().encode
        self._compress = zstandard.ZstdCompressor(level=1).compress

    def pack(self, events: list[Event]) -> Iterator[Packed]:
        """Give the events, in order, as one or more chunks of bounded size.

        An event whose value cannot be stored (an integer beyond 64 bits, half a Unicode pair, more than a megabyte)
        becomes one with status ERROR that says so: it must not hold up the others.
        """
        parts = -(-len(events) // LARGEST_CHUNK_EVENTS)
        if parts == 1:
            yield from self._pack(events)
            return
        for part in range(parts):
            yield from self._pack(events[part * len(events) // parts : (part + 1) * len(events) // parts])

    def _pack(self, events: list[Event]) -> Iterator[Packed]:
        try:
            raw = self._encode(events)
        except (MsgspecError, OverflowError, RecursionError, TypeError, ValueError):
            events = [self._storable(event) for event in events]
            raw = self._encode(events)
        if len(raw) > LARGEST_CHUNK_BYTES and len(events) > 1:
            half = len(events) // 2
            yield from self._pack(events[:half])
            yield from self._pack(events[half:])
            return
        if len(raw) > LARGEST_EVENT_BYTES:
            events = [_refused(events[0], f"a value of {len(raw)} bytes is too large to keep")]
            raw = self._encode(events)
        times = [event.ticks for event in events]
        yield Packed(events, self._compress(raw), len(raw), min(times), max(times))

    def _storable(self, event: Event) -> Event:
        try:
            self._encode(event)
        except (MsgspecError, OverflowError, RecursionError, TypeError, ValueError) as error:
            return _refused(event, f"a value that cannot be kept: {type(error).__name__}")
        return event


class Unpacker:
    """Reads chunks back. One thread at a time."""

    def __init__(self) -> None:
        self._decompress = zstandard.ZstdDecompressor().decompress
        self._decode = msgpack.Decoder(list[Event]).decode

    def unpack(self, label: Label, codec: int, crc: int, payload: bytes) -> list[Event]:
        """Give the events. Raises DamagedError."""
        if crc != checksum(label, payload):
            raise DamagedError("the checksum differs")
        if codec != MSGPACK_ZSTD:
            raise DamagedError(f"codec {codec} is unknown")
        try:
            events = self._decode(self._decompress(payload))
        except (zstandard.ZstdError, MsgspecError) as error:
            raise DamagedError(str(error)) from error
        if len(events) != label.count:
            raise DamagedError(f"{len(events)} events where {label.count} were written")
        return events


def checksum(label: Label, payload: bytes) -> int:
    """Give the CRC-32 of a chunk: of its payload and its label."""
    numbers = (
        label.seq,
        label.lane is Lane.LIVE,
        label.count,
        label.first_ticks,
        label.last_ticks,
        label.arrived_ticks,
    )
    return zlib.crc32(payload, zlib.crc32(_LABEL.pack(*numbers)))


def _refused(event: Event, reason: str) -> Event:
    return Event(event.tag, event.ticks, reason, event.status | ERROR | BAD)
