"""Chunks: the rows that hold the events."""

from array import array
from collections.abc import Sequence
from typing import Final

import apsw
from msgspec import Struct

from pibridge.journal.codec import MSGPACK_ZSTD, DamagedError, Label, Packed, Unpacker, checksum
from pibridge.journal.tally import Ledger
from pibridge.model.event import Event, Lane

UNREADABLE: Final = (apsw.CorruptError, apsw.IOError)
"""A page is not what was written, or the disk does not give it."""


_ROWS_AT_ONCE: Final = 1000
"""SQLite takes some 32,000 values at once."""
_COLUMNS: Final = "seq, lane, before, events, first_ticks, last_ticks, arrived_ticks, stored_s, codec, crc, payload"
_ROW: Final = "(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"


class Chunk(Struct, frozen=True):
    """Events of one lane in order; `events[i]` has position `first_seq + i`. Others read the same list: leave it.

    `arrived_ticks`: PI's time when the last of them was read.
    """

    lane: Lane
    first_seq: int
    arrived_ticks: int
    events: list[Event]

    @property
    def last_seq(self) -> int:
        """Position of the last event."""
        return self.first_seq + len(self.events) - 1

    def after(self, seq: int) -> "Chunk":
        """Give the events behind position `seq`; at least one must be."""
        if seq < self.first_seq:
            return self
        return Chunk(self.lane, seq + 1, self.arrived_ticks, self.events[seq + 1 - self.first_seq :])


class Damaged(Struct, frozen=True):
    """A chunk that cannot be read. The positions are covered by it; its times are None where even those are lost."""

    first_seq: int
    last_seq: int
    lane: Lane
    first_ticks: int | None
    last_ticks: int | None
    reason: str


class Dropped(Struct, frozen=True):
    """Events that were owed and had to go: so many between these positions and times."""

    lane: Lane
    first_seq: int
    last_seq: int
    first_ticks: int
    last_ticks: int
    events: int


class Rows:
    """Chunks that are stored within one transaction: their places are given at once, their rows written together.

    For each statement the writer waits for its turn among the threads.
    """

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._values: list[object] = []
        self._count = 0

    def add(self, lane: Lane, packed: Packed, arrived_ticks: int) -> int:
        """Take one chunk in; give its first position."""
        tally = self._ledger.tally
        seq = tally.next_seq
        count = len(packed.events)
        label = Label(seq, lane, count, packed.first_ticks, packed.last_ticks, arrived_ticks)
        self._values += (
            seq,
            lane.value,
            tally.stored(lane),
            count,
            packed.first_ticks,
            packed.last_ticks,
            arrived_ticks,
            int(self._ledger.now_s),
            MSGPACK_ZSTD,
            checksum(label, packed.payload),
            packed.payload,
        )
        self._count += 1
        tally.count(lane, count)
        if self._count == _ROWS_AT_ONCE:
            self.write()
        return seq

    def write(self) -> None:
        """Write the rows that were not written yet."""
        if self._count:
            rows = ", ".join([_ROW] * self._count)
            insert = f"INSERT INTO chunk ({_COLUMNS}) VALUES {rows}"  # noqa: S608 - our own names
            self._ledger.db.execute(insert, self._values)
            self._values, self._count = [], 0


def positions(db: apsw.Connection, lane: Lane, after: int, limit: int) -> list[int]:
    """Give the first positions of the chunks that hold what is behind `after`, from the index alone."""
    holding = db.execute("SELECT max(seq) FROM chunk WHERE lane = ? AND seq <= ?", (lane.value, after + 1)).get
    start = after + 1 if holding is None else holding
    rows = db.execute(
        "SELECT seq FROM chunk WHERE lane = ? AND seq >= ? ORDER BY seq LIMIT ?", (lane.value, start, limit)
    )
    return [seq for (seq,) in rows]


def end(db: apsw.Connection, lane: Lane) -> int:
    """Give a position behind which a lane has nothing, from the index alone."""
    newest: int | None = db.execute("SELECT max(seq) FROM chunk WHERE lane = ?", (lane.value,)).get
    return 0 if newest is None else _end(db, newest)


def starts(db: apsw.Connection, seq: int, limit: int, *, backwards: bool = False) -> list[int]:
    """Give the first positions of the chunks of both lanes above `seq`, or below it and the newest first."""
    above = "SELECT seq FROM chunk INDEXED BY chunk_lane WHERE lane = ? AND seq > ? ORDER BY seq LIMIT ?"
    below = "SELECT seq FROM chunk INDEXED BY chunk_lane WHERE lane = ? AND seq < ? ORDER BY seq DESC LIMIT ?"
    found = [start for lane in Lane for (start,) in db.execute(below if backwards else above, (lane.value, seq, limit))]
    return sorted(found, reverse=backwards)[:limit]


def passed(ledger: Ledger, lane: Lane, seq: int) -> int:
    """Give how many events of a lane were stored at or before a position, as the chunks around it tell."""
    row = ledger.db.execute(
        "SELECT before, min(events, ? + 1 - seq) FROM chunk WHERE lane = ? AND seq <= ? ORDER BY seq DESC LIMIT 1",
        (seq, lane.value, seq),
    ).fetchone()
    if row is not None:
        return sum(row)
    following: int | None = ledger.db.execute(
        "SELECT before FROM chunk WHERE lane = ? AND seq > ? ORDER BY seq LIMIT 1", (lane.value, seq)
    ).get
    return ledger.tally.stored(lane) if following is None else following


def spanning(db: apsw.Connection, start_ticks: int, end_ticks: int) -> list[int]:
    """Give the first positions of the chunks of both lanes that may hold events of this time, from the index alone."""
    rows = db.execute("SELECT seq FROM chunk WHERE last_ticks >= ? AND first_ticks <= ?", (start_ticks, end_ticks))
    return sorted(seq for (seq,) in rows)


def spanning_behind(db: apsw.Connection, start_ticks: int, end_ticks: int, after: int, upto: int) -> Sequence[int]:
    """Give the first positions of the chunks of both lanes that may hold events of this time behind `after`.

    From the index alone, and in order; none that begins behind `upto`.
    """
    # The chunk that holds `after` may hold what follows it.
    begin: int = db.execute("SELECT coalesce(max(seq), 0) FROM chunk WHERE seq <= ?", (after + 1,)).get
    rows = db.execute(
        "SELECT seq FROM chunk WHERE last_ticks >= ? AND first_ticks <= ? AND +seq BETWEEN ? AND ? ORDER BY +seq",
        (start_ticks, end_ticks, begin, upto),
    )
    return array("q", (seq for (seq,) in rows))


def newest_first(db: apsw.Connection, since_ticks: int, limit: int) -> list[int]:
    """Give the first positions of the chunks of both lanes with events since then, the newest event first."""
    rows = db.execute(
        "SELECT seq FROM chunk WHERE last_ticks >= ? ORDER BY last_ticks DESC LIMIT ?", (since_ticks, limit)
    )
    return [seq for (seq,) in rows]


def read(db: apsw.Connection, lane: Lane | None, seq: int, unpacker: Unpacker) -> Chunk | Damaged | None:
    """Give the chunk that starts at `seq`. None: it is not there (any more), or not in this lane."""
    try:
        row = db.execute(
            """SELECT lane, events, first_ticks, last_ticks, arrived_ticks, codec, crc, payload
               FROM chunk WHERE seq = ?""",
            (seq,),
        ).fetchone()
    except UNREADABLE as error:
        return Damaged(seq, _end(db, seq), lane or Lane.LIVE, None, None, str(error))
    if row is None:
        return None
    lane_text, count, first_ticks, last_ticks, arrived_ticks, codec, crc, payload = row
    found = Lane(lane_text)
    if lane is not None and found is not lane:
        return None
    label = Label(seq, found, count, first_ticks, last_ticks, arrived_ticks)
    try:
        events = unpacker.unpack(label, codec, crc, payload)
    except DamagedError as error:
        return Damaged(seq, _end(db, seq), found, first_ticks, last_ticks, str(error))
    return Chunk(found, seq, arrived_ticks, events)


def oldest(db: apsw.Connection) -> int | None:
    """Give the position of the oldest event kept."""
    found: int | None = db.execute(
        "SELECT min(seq) FROM (SELECT min(seq) AS seq FROM chunk WHERE lane = ? UNION ALL"
        " SELECT min(seq) FROM chunk WHERE lane = ?)",
        tuple(lane.value for lane in Lane),
    ).get
    return found


def set_aside(ledger: Ledger, damaged: Sequence[Damaged]) -> list[Damaged]:
    """Note chunks that cannot be read; give those not known yet. Their rows stay until retention takes them."""
    new: list[Damaged] = []
    for item in damaged:
        ledger.db.execute(
            """INSERT OR IGNORE INTO damaged (first_seq, last_seq, lane, first_ticks, last_ticks, reason)
               VALUES (?, ?, ?, ?, ?, ?)""",
            (item.first_seq, item.last_seq, item.lane.value, item.first_ticks, item.last_ticks, item.reason),
        )
        if ledger.db.changes():
            new.append(item)
    ledger.tally.damaged_chunks += len(new)
    return new


def unmended(db: apsw.Connection) -> list[Damaged]:
    """Give the damaged chunks for which no gaps were opened yet."""
    rows = db.execute(
        """SELECT first_seq, last_seq, lane, first_ticks, last_ticks, reason
           FROM damaged WHERE NOT mended ORDER BY first_seq"""
    )
    return [Damaged(first, last, Lane(lane), *rest) for first, last, lane, *rest in rows]


def dropped(db: apsw.Connection) -> list[Dropped]:
    """Give what had to go, the oldest first."""
    rows = db.execute("SELECT lane, first_seq, last_seq, first_ticks, last_ticks, events FROM dropped ORDER BY id")
    return [Dropped(Lane(lane), *rest) for lane, *rest in rows]


def mend(db: apsw.Connection, damaged: Damaged) -> None:
    """Note that gaps stand for a damaged chunk now."""
    db.execute("UPDATE damaged SET mended = 1 WHERE first_seq = ?", (damaged.first_seq,))


def _next(db: apsw.Connection, lane: Lane, seq: int) -> int | None:
    found: int | None = db.execute("SELECT min(seq) FROM chunk WHERE lane = ? AND seq > ?", (lane.value, seq)).get
    return found


def _end(db: apsw.Connection, seq: int) -> int:
    # What the damaged row says of its length is not to be trusted: it ends where the next one starts.
    following = [found for lane in Lane if (found := _next(db, lane, seq)) is not None]
    end: int = min(following) if following else db.execute("SELECT next_seq FROM tally").get
    return max(seq, end - 1)
