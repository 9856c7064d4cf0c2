"""Held events: durable, but not yet in the order of the journal. They wait until their context is known."""

import asyncio
from collections import deque
from collections.abc import Collection, Iterator, Sequence

import apsw
from msgspec import Struct

from pibridge.journal.chunks import Damaged
from pibridge.journal.codec import MSGPACK_ZSTD, DamagedError, Label, Packed, Unpacker, checksum
from pibridge.model.event import Event, Lane


class Held(Struct, frozen=True):
    """Live events that arrived together. `arrived_ticks`: PI's time when the last of them was read."""

    id: int
    arrived_ticks: int
    events: list[Event]


class DropHeld(Struct, frozen=True):
    """Held events that have their place in the journal now."""

    id: int


class Waiting:
    """All held events, the first to arrive first."""

    def __init__(self, held: Sequence[Held]) -> None:
        self._held = deque(held)
        self._news = asyncio.Event()

    @property
    def events(self) -> int:
        """How many events wait."""
        return sum(len(held.events) for held in self._held)

    @property
    def tags(self) -> set[int]:
        """Of which tags."""
        return {event.tag for held in self._held for event in held.events}

    def __contains__(self, held: Held) -> bool:
        return held in self._held

    def add(self, held: Held) -> None:
        """Take in what is durable now."""
        self._held.append(held)
        self._news.set()

    async def first(self) -> Held:
        """Wait for the first."""
        while not self._held:
            self._news.clear()
            await self._news.wait()
        return self._held[0]

    def drop(self, held: Held) -> None:
        """Let go of what has its place."""
        self._held.remove(held)

    def seen(self, numbers: Collection[int], start_ticks: int, end_ticks: int) -> list[Event]:
        """Give the events of these tags within this time, both ends included, in the order of arrival."""
        return [
            event
            for held in self._held
            for event in held.events
            if event.tag in numbers and start_ticks <= event.ticks <= end_ticks
        ]


def insert(db: apsw.Connection, packed: Packed, arrived_ticks: int) -> int:
    """Write one part down; give its id."""
    label = _label(len(packed.events), packed.first_ticks, packed.last_ticks, arrived_ticks)
    db.execute(
        """INSERT INTO held (events, first_ticks, last_ticks, arrived_ticks, codec, crc, payload)
           VALUES (?, ?, ?, ?, ?, ?, ?)""",
        (
            label.count,
            packed.first_ticks,
            packed.last_ticks,
            arrived_ticks,
            MSGPACK_ZSTD,
            checksum(label, packed.payload),
            packed.payload,
        ),
    )
    return db.last_insert_rowid()


def drop(db: apsw.Connection, held_id: int) -> None:
    """Remove one part."""
    db.execute("DELETE FROM held WHERE id = ?", (held_id,))


def load(db: apsw.Connection) -> Iterator[Held | Damaged]:
    """Give all parts in the order of their arrival. A damaged one has positions below 0, made of its id."""
    unpacker = Unpacker()
    rows = db.execute(
        "SELECT id, events, first_ticks, last_ticks, arrived_ticks, codec, crc, payload FROM held ORDER BY id"
    )
    for held_id, events, first_ticks, last_ticks, arrived_ticks, codec, crc, payload in rows:
        try:
            unpacked = unpacker.unpack(_label(events, first_ticks, last_ticks, arrived_ticks), codec, crc, payload)
        except DamagedError as error:
            yield Damaged(-held_id, -held_id, Lane.LIVE, first_ticks, last_ticks, str(error))
        else:
            yield Held(held_id, arrived_ticks, unpacked)


def count(db: apsw.Connection) -> int:
    """Give how many events are held."""
    events: int = db.execute("SELECT coalesce(sum(events), 0) FROM held").get
    return events


def _label(events: int, first_ticks: int, last_ticks: int, arrived_ticks: int) -> Label:
    return Label(0, Lane.LIVE, events, first_ticks, last_ticks, arrived_ticks)
