"""The newest event of each tag by time: in memory, and on disk in pages of some hundred tags, rewritten now and then.

After a crash the pages are behind: what was journaled since is read once more (`Tally.newest_seq` says from where).
"""

import zlib
from collections.abc import Iterable
from typing import Any, Final

import apsw
import zstandard
from msgspec import MsgspecError, Struct, msgpack

from pibridge.model.event import Event

PAGE_TAGS: Final = 512
_encode: Final = msgpack.Encoder().encode
_decode: Final = msgpack.Decoder(tuple[list[Event | None], list[int]]).decode


class Last(Struct, frozen=True):
    """The newest event of a tag by time. `arrived_ticks`: PI's time when it was read."""

    ticks: int
    value: Any
    arrived_ticks: int


class Snapshot(Struct, frozen=True):
    """All newest events at one moment, by tag number."""

    events: list[Event | None]
    arrived_ticks: list[int]


class Newest:
    """The newest event of each tag. Of equal times the later arrival counts."""

    def __init__(self) -> None:
        self._events: list[Event | None] = [None]
        self._arrived_ticks = [0]

    def grow(self, numbers: int) -> None:
        """Make room for tags up to this number."""
        missing = numbers + 1 - len(self._events)
        self._events.extend([None] * missing)
        self._arrived_ticks.extend([0] * missing)

    def take(self, events: Iterable[Event], arrived_ticks: int) -> None:
        """Take events in, in the order in which they came."""
        newest = self._events
        arrived = self._arrived_ticks
        for event in events:
            tag = event.tag
            before = newest[tag]
            if before is None or event.ticks >= before.ticks:
                newest[tag] = event
                arrived[tag] = arrived_ticks

    def last(self, number: int) -> Last | None:
        """Give the newest event of a tag; None if it never had one."""
        event = self._events[number] if 0 < number < len(self._events) else None
        return None if event is None else Last(event.ticks, event.value, self._arrived_ticks[number])

    def snapshot(self) -> Snapshot:
        """Give what is known now."""
        return Snapshot(self._events.copy(), self._arrived_ticks.copy())


class NewestPages:
    """The pages on disk. Writes only those that changed since it last wrote."""

    def __init__(self) -> None:
        self._written: dict[int, int] = {}

    def store(self, db: apsw.Connection, now: Snapshot) -> None:
        """Bring the pages to this state. After an error (nothing of it was stored) call `forget`."""
        for start in range(0, len(now.events), PAGE_TAGS):
            part = slice(start, start + PAGE_TAGS)
            raw = _encode((now.events[part], now.arrived_ticks[part]))
            page, fingerprint = start // PAGE_TAGS, zlib.crc32(raw)
            if self._written.get(page) == fingerprint:
                continue
            _write(db, page, raw)
            self._written[page] = fingerprint

    def forget(self) -> None:
        """Write all pages next time."""
        self._written.clear()


def fold(db: apsw.Connection, events: Iterable[Event], arrived_ticks: int) -> None:
    """Take the events of a chunk into the pages, for it goes before they are written the next time."""
    parts: dict[int, list[Event]] = {}
    for event in events:
        parts.setdefault(event.tag // PAGE_TAGS, []).append(event)
    for page, part in parts.items():
        stored = db.execute("SELECT crc, payload FROM newest WHERE page = ?", (page,)).fetchone()
        known = _read(*stored) if stored else {}
        if known is None:
            continue  # at the next start all that is kept is read instead
        for event in part:
            before = known.get(event.tag)
            if before is None or event.ticks >= before[0].ticks:
                known[event.tag] = (event, arrived_ticks)
        _write(db, page, _encode(tuple(zip(*known.values(), strict=True))))


def load(db: apsw.Connection, tags: int) -> tuple[Newest, bool]:
    """Give what the pages say of that many tags, and whether they were whole."""
    newest = Newest()
    newest.grow(tags)
    whole = True
    for crc, payload in db.execute("SELECT crc, payload FROM newest ORDER BY page"):
        known = _read(crc, payload)
        if known is None:
            whole = False
            continue
        for event, arrived_ticks in known.values():
            newest.take((event,), arrived_ticks)
    return newest, whole


def _write(db: apsw.Connection, page: int, raw: bytes) -> None:
    payload = zstandard.compress(raw, level=1)
    db.execute("REPLACE INTO newest (page, crc, payload) VALUES (?, ?, ?)", (page, zlib.crc32(payload), payload))


def _read(crc: int, payload: bytes) -> dict[int, tuple[Event, int]] | None:
    """Give the events of a page, each with when it arrived, by tag. None: it is damaged."""
    if zlib.crc32(payload) != crc:
        return None
    try:
        events, arrived_ticks = _decode(zstandard.decompress(payload))
    except (zstandard.ZstdError, MsgspecError):
        return None
    return {event.tag: (event, arrived) for event, arrived in zip(events, arrived_ticks, strict=True) if event}
