"""What may go: what every sink has acknowledged, when old or in the way; with `drop_oldest` also what is owed."""

import heapq
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final, Literal

import apsw
import structlog
from msgspec import Struct

from pibridge.journal import chunks, letters, newest
from pibridge.journal.chunks import Chunk
from pibridge.journal.codec import Unpacker
from pibridge.journal.quota import Quota, used_bytes
from pibridge.journal.tally import Ledger
from pibridge.model import ticks
from pibridge.model.event import Lane

_log = structlog.get_logger()

_BATCH_ROWS: Final = 64
_LARGEST_ROWS: Final = 512
"""Acknowledged chunks removed in one transaction."""
_LARGEST_DROP_ROWS: Final = 8192

# Parts of the room that chunks may fill.
_PRESSURE: Final = 0.90
"""Above, acknowledged chunks go though they are young. A full journal takes chunks again below."""
_RELIEVED: Final = 0.85
_DROPPED: Final = 0.97
_ANY_AGE: Final = 1 << 62

_COMPARED_S: Final = 900.0
"""What PI tells again within this time is compared with what was told: so long it stays, while there is room."""


class UndoneError(Exception):
    """SQLite undid the transaction, for a page could not be read. Do it again: what is on that page is left alone."""


class _Row(Struct, frozen=True, order=True):
    seq: int
    lane: Lane
    events: int
    first_ticks: int
    last_ticks: int
    stored_s: int

    @property
    def last_seq(self) -> int:
        return self.seq + self.events - 1


class Retention:
    """Removes chunks, the oldest first, within the transactions of the writer."""

    def __init__(self, quota: Quota, retain_s: float, when_full: Literal["pause", "drop_oldest"]) -> None:
        self._quota = quota
        self._retain_s = max(retain_s, _COMPARED_S)
        self._drops = when_full == "drop_oldest"
        self._stuck: set[int] = set()
        self._unpacker = Unpacker()

    def has_expired(self, ledger: Ledger) -> bool:
        """Tell whether `expire` has something to do."""
        before_s = int(ledger.now_s - self._retain_s)
        if any(row.stored_s < before_s for row in self._acknowledged(ledger.db, 1)):
            return True
        letter = ledger.db.execute("SELECT stored_s FROM dead_letter ORDER BY id LIMIT 1").get
        return letter is not None and letter < before_s

    def expire(self, ledger: Ledger) -> None:
        """Remove what is acknowledged and older than `retain`, a bounded part of it at once."""
        before_s = int(ledger.now_s - self._retain_s)
        self._remove_acknowledged(ledger, enough_bytes=0, before_s=before_s)
        letters.forget_old(ledger, before_s=before_s)
        ledger.db.execute("DELETE FROM damaged WHERE mended AND last_seq < ?", (chunks.oldest(ledger.db) or 0,))
        ledger.db.execute("DELETE FROM dropped WHERE until_s < ?", (before_s,))

    def is_below_pressure(self, size_bytes: int, tags: int) -> bool:
        """Tell whether so much of the file may be in use and nothing has to go for it."""
        return size_bytes <= _PRESSURE * self._quota.data_bytes(tags)

    def make_room(self, ledger: Ledger, incoming_bytes: int, tags: int) -> bool:
        """Remove what may go until this much more fits; tell whether it does."""
        limit = self._quota.data_bytes(tags)
        if not self.is_below_pressure(used_bytes(ledger.db) + incoming_bytes, tags):
            self._remove_acknowledged(ledger, enough_bytes=int(_RELIEVED * limit) - incoming_bytes, before_s=_ANY_AGE)
        if self._drops and used_bytes(ledger.db) + incoming_bytes > limit:
            self._drop(ledger, int(_DROPPED * limit) - incoming_bytes)
        return used_bytes(ledger.db) + incoming_bytes <= limit

    def has_room_again(self, ledger: Ledger, incoming_bytes: int, tags: int) -> bool:
        """Make room in a journal that was full; tell whether there is enough that it is not full at once again."""
        fits = self.make_room(ledger, incoming_bytes, tags)
        return fits and (self._drops or self.is_below_pressure(used_bytes(ledger.db) + incoming_bytes, tags))

    def _remove_acknowledged(self, ledger: Ledger, *, enough_bytes: int, before_s: int) -> None:
        for _ in range(_LARGEST_ROWS // _BATCH_ROWS):
            rows = [row for row in self._acknowledged(ledger.db, _BATCH_ROWS) if row.stored_s < before_s]
            if not rows:
                return
            for row in rows:
                if used_bytes(ledger.db) <= enough_bytes:
                    return
                if self._remove(ledger, row):
                    moment = min(row.last_ticks, ticks.from_seconds(ledger.now_s))
                    ledger.tally.trimmed_ticks = max(ledger.tally.trimmed_ticks, moment)

    def _drop(self, ledger: Ledger, enough_bytes: int) -> None:
        for _ in range(_LARGEST_DROP_ROWS):
            row = next(iter(self._oldest(ledger.db, dict.fromkeys(Lane, _ANY_AGE), 1)), None)
            if row is None or used_bytes(ledger.db) <= enough_bytes:
                return
            if self._remove(ledger, row):
                self._record(ledger, row)

    def _acknowledged(self, db: apsw.Connection, limit: int) -> list[_Row]:
        upto = dict.fromkeys(Lane, _ANY_AGE)
        for lane, seq in db.execute("SELECT lane, min(seq) FROM cursor GROUP BY lane"):
            upto[Lane(lane)] = seq
        return self._oldest(db, upto, limit)

    def _oldest(self, db: apsw.Connection, upto: dict[Lane, int], limit: int) -> list[_Row]:
        """Give the oldest chunks that end at or before their lane's position, by position, at most `limit`."""
        lanes = ([row for row in self._heads(db, lane, limit) if row.last_seq <= upto[lane]] for lane in Lane)
        return list(heapq.merge(*lanes))[:limit]

    def _heads(self, db: apsw.Connection, lane: Lane, limit: int) -> list[_Row]:
        heads = []
        for seq in chunks.positions(db, lane, 0, limit + len(self._stuck)):
            if seq in self._stuck:
                continue
            with self._leaving(db, seq):
                row = db.execute(
                    "SELECT events, first_ticks, last_ticks, stored_s FROM chunk WHERE seq = ?", (seq,)
                ).fetchone()
            if seq not in self._stuck and row is not None:
                heads.append(_Row(seq, lane, *row))
        return heads

    def _remove(self, ledger: Ledger, row: _Row) -> bool:
        if row.last_seq > ledger.tally.newest_seq:
            with self._leaving(ledger.db, row.seq):
                found = chunks.read(ledger.db, row.lane, row.seq, self._unpacker)
            if isinstance(found, Chunk):
                newest.fold(ledger.db, found.events, found.arrived_ticks)
        with self._leaving(ledger.db, row.seq):
            ledger.db.execute("DELETE FROM chunk WHERE seq = ?", (row.seq,))
            ledger.tally.events -= row.events
            return True
        return False

    @contextmanager
    def _leaving(self, db: apsw.Connection, seq: int) -> Iterator[None]:
        """Leave a chunk alone from now on if it turns out that it cannot be read. Raises UndoneError."""
        was_in_transaction = db.in_transaction
        try:
            yield
        except chunks.UNREADABLE as error:
            self._leave(seq, str(error))
        if db.in_transaction != was_in_transaction:
            self._leave(seq, "its page cannot be read")
            raise UndoneError

    def _leave(self, seq: int, reason: str) -> None:
        if seq not in self._stuck:
            self._stuck.add(seq)
            _log.error(
                "chunk cannot be removed", seq=seq, reason=reason, hint="check the disk: pibridge journal verify"
            )

    def _record(self, ledger: Ledger, row: _Row) -> None:
        # One row for what goes in one stretch: a busy journal drops something every second.
        ledger.tally.dropped_events += row.events
        now_s = int(ledger.now_s)
        ledger.db.execute(
            """UPDATE dropped SET last_seq = ?, first_ticks = min(first_ticks, ?), last_ticks = max(last_ticks, ?),
                                  events = events + ?, until_s = ?
               WHERE id = (SELECT max(id) FROM dropped WHERE lane = ?) AND until_s >= ?""",
            (row.last_seq, row.first_ticks, row.last_ticks, row.events, now_s, row.lane.value, now_s - 60),
        )
        if not ledger.db.changes():
            ledger.db.execute(
                """INSERT INTO dropped (lane, first_seq, last_seq, first_ticks, last_ticks, events, until_s)
                   VALUES (?, ?, ?, ?, ?, ?, ?)""",
                (row.lane.value, row.seq, row.last_seq, row.first_ticks, row.last_ticks, row.events, now_s),
            )
