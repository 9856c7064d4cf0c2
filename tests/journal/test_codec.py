import struct
import zlib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from pibridge.journal.codec import (
    LARGEST_CHUNK_BYTES,
    LARGEST_CHUNK_EVENTS,
    MSGPACK_ZSTD,
    DamagedError,
    Label,
    Packed,
    Packer,
    Unpacker,
    checksum,
)
from pibridge.model.event import ERROR, Event, Lane

INT64 = st.integers(-(2**63), 2**63 - 1)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
EVENTS = st.lists(st.builds(Event, st.integers(1, 2**31), INT64, JSON, st.integers(0, 127)), min_size=1, max_size=20)


def label_of(part: Packed) -> Label:
    """Give what the row of this chunk would say."""
    return Label(7, Lane.LIVE, len(part.events), part.first_ticks, part.last_ticks, 99)


def unpack(part: Packed, payload: bytes | None = None, label: Label | None = None) -> list[Event]:
    """Read a chunk back, perhaps with another payload or label than it was written with."""
    crc = checksum(label_of(part), part.payload)
    return Unpacker().unpack(label or label_of(part), MSGPACK_ZSTD, crc, part.payload if payload is None else payload)


@given(EVENTS)
def test_events_come_back_as_they_were(events: list[Event]) -> None:
    """Whatever JSON can say survives: nested, huge, empty, in any language."""
    (part,) = Packer().pack(events)
    assert unpack(part) == events
    assert (part.first_ticks, part.last_ticks) == (min(e.ticks for e in events), max(e.ticks for e in events))


@given(st.integers(1, 3 * LARGEST_CHUNK_EVENTS))
def test_many_events_become_chunks_of_bounded_size(count: int) -> None:
    """No chunk has more than its share, all events are there, in order."""
    events = [Event(1, i, i) for i in range(count)]
    parts = list(Packer().pack(events))
    assert [event for part in parts for event in part.events] == events
    assert all(1 <= len(part.events) <= LARGEST_CHUNK_EVENTS for part in parts)


def test_long_values_become_more_chunks() -> None:
    """A chunk is also bounded in bytes."""
    parts = list(Packer().pack([Event(1, i, "x" * 50_000) for i in range(20)]))
    assert sum(len(part.events) for part in parts) == 20
    assert max(part.raw_bytes for part in parts) <= LARGEST_CHUNK_BYTES


@pytest.mark.parametrize("value", [2**64, -(2**63) - 1, "\ud800", "x" * 2_000_000, [{"a": 2**70}]])
def test_a_value_that_cannot_be_kept_holds_up_nobody(value: Any) -> None:
    """It becomes an event of the same tag and time with status ERROR; its neighbours are untouched."""
    packer = Packer()
    kept = [
        event for part in packer.pack([Event(1, 1, 1.5), Event(2, 2, value), Event(3, 3, "a")]) for event in part.events
    ]
    assert (kept[0], kept[2]) == (Event(1, 1, 1.5), Event(3, 3, "a"))
    assert (kept[1].tag, kept[1].ticks) == (2, 2)
    assert kept[1].status & ERROR


@given(EVENTS, st.data())
def test_a_flipped_bit_is_noticed(events: list[Event], data: st.DataObject) -> None:
    """No bit of the payload can change unnoticed."""
    (part,) = Packer().pack(events)
    bit = data.draw(st.integers(0, len(part.payload) * 8 - 1))
    payload = bytearray(part.payload)
    payload[bit // 8] ^= 1 << bit % 8
    with pytest.raises(DamagedError):
        unpack(part, bytes(payload))


@pytest.mark.parametrize(
    "change", [{"seq": 8}, {"lane": Lane.HISTORY}, {"count": 3}, {"first_ticks": 0}, {"arrived_ticks": 0}]
)
def test_a_changed_label_is_noticed(change: dict[str, Any]) -> None:
    """Nor can what the row says of its payload."""
    (part,) = Packer().pack([Event(1, 5, 1), Event(1, 6, 2)])
    with pytest.raises(DamagedError):
        unpack(part, label=replace(label_of(part), **change))


def test_an_unknown_codec_is_damage() -> None:
    """A chunk of a codec that this version does not know is not guessed at."""
    (part,) = Packer().pack([Event(1, 5, 1)])
    with pytest.raises(DamagedError, match="codec 9"):
        Unpacker().unpack(label_of(part), 9, checksum(label_of(part), part.payload), part.payload)


@given(st.lists(st.integers(0, 5000), max_size=6))
def test_many_runs_are_packed_as_each_alone(sizes: list[int]) -> None:
    """Packing them together is quicker, and changes nothing."""
    runs = [[Event(1, tick, tick / 7) for tick in range(size)] for size in sizes]
    together = Packer().pack_all(runs)
    assert [[unpack(part, part.payload) for part in parts] for parts in together] == [
        [part.events for part in Packer().pack(run)] for run in runs
    ]
    assert [[event for part in parts for event in part.events] for parts in together] == runs


def test_a_checksum_is_the_crc_of_label_and_payload() -> None:
    """However large the payload is: journals outlive the way in which it is computed."""
    payload = bytes(range(256)) * 100
    label = Label(7, Lane.LIVE, 2, 5, 6, 9)
    assert checksum(label, payload) == zlib.crc32(struct.pack("<qBqqqq", 7, 1, 2, 5, 6, 9) + payload)
