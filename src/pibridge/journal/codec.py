"""How the events of one chunk become bytes, and come back. Pure.

Payload: msgpack of `list[Event]`, compressed with zstd. The checksum covers the payload and what the row says of it, so
that neither can change unnoticed.
"""

import zlib
from collections.abc import Sequence
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
_TURN_BYTES: Final = 5 << 10


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
        self._compress = zstandard.ZstdCompressor(level=1).multi_compress_to_buffer

    def pack(self, events: list[Event]) -> list[Packed]:
        """Give the events, in order, as one or more chunks of bounded size.

        An event whose value cannot be stored (an integer beyond 64 bits, half a Unicode pair, more than a megabyte)
        becomes one with status ERROR that says so: it must not hold up the others.
        """
        return self.pack_all([events])[0]

    def pack_all(self, runs: Sequence[list[Event]]) -> list[list[Packed]]:
        """Pack each of many runs of events.

        They are compressed by one call: while others run Python, each one waits some milliseconds to go on.
        """
        encoded = [[part for piece in _pieces(run) for part in self._encoded(piece)] for run in runs]
        raws: list[bytes | bytearray | memoryview] = [raw for parts in encoded for _, raw in parts]
        payloads = iter(self._compress(raws) if raws else ())
        return [[_packed(events, len(raw), next(payloads).tobytes()) for events, raw in parts] for parts in encoded]

    def _encoded(self, events: list[Event]) -> list[tuple[list[Event], bytes]]:
        try:
            raw = self._encode(events)
        except (MsgspecError, OverflowError, RecursionError, TypeError, ValueError):
            events = [self._storable(event) for event in events]
            raw = self._encode(events)
        if len(raw) > LARGEST_CHUNK_BYTES and len(events) > 1:
            half = len(events) // 2
            return self._encoded(events[:half]) + self._encoded(events[half:])
        if len(raw) > LARGEST_EVENT_BYTES:
            events = [_refused(events[0], f"a value of {len(raw)} bytes is too large to keep")]
            raw = self._encode(events)
        return [(events, raw)]

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
    crc = zlib.crc32(_LABEL.pack(*numbers))
    # Of more at once zlib would let other threads have their turn, and wait for its own.
    for start in range(0, len(payload), _TURN_BYTES):
        crc = zlib.crc32(payload[start : start + _TURN_BYTES], crc)
    return crc


def _pieces(events: list[Event]) -> list[list[Event]]:
    count = -(-len(events) // LARGEST_CHUNK_EVENTS)
    if count == 1:
        return [events]
    return [events[part * len(events) // count : (part + 1) * len(events) // count] for part in range(count)]


def _packed(events: list[Event], raw_bytes: int, payload: bytes) -> Packed:
    times = [event.ticks for event in events]
    return Packed(events, payload, raw_bytes, min(times), max(times))


def _refused(event: Event, reason: str) -> Event:
    return Event(event.tag, event.ticks, reason, event.status | ERROR | BAD)
