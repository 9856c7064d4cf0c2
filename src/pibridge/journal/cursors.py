"""Cursors: how far each sink has got."""

from collections.abc import Sequence
from typing import Literal

import apsw
from msgspec import Struct

from pibridge.journal import chunks, delivered, facts, letters
from pibridge.journal.delivered import Note
from pibridge.journal.facts import Fact
from pibridge.journal.letters import DeadLetter
from pibridge.journal.tally import Ledger
from pibridge.model.event import Lane


class Sealed(Struct, frozen=True):
    """The bounds of a batch, fixed before it leaves."""

    first: int
    last: int


class Cursor(Struct, frozen=True):
    """Everything up to position `seq` is acknowledged: `passed` events of the lane, of all that were ever stored.

    `sealed`: a batch behind it whose bounds are fixed already.
    """

    seq: int
    passed: int = 0
    sealed: Sealed | None = None


Key = tuple[str, Lane]
"""A sink by name, and one of its lanes."""


def load(db: apsw.Connection) -> dict[Key, Cursor]:
    """Give all cursors."""
    rows = db.execute("SELECT sink, lane, seq, passed, sealed_first, sealed_last FROM cursor")
    return {
        (sink, Lane(lane)): Cursor(seq, passed, None if first is None else Sealed(first, last))
        for sink, lane, seq, passed, first, last in rows
    }


def create(ledger: Ledger, key: Key, start: Literal["now", "retained"]) -> Cursor:
    """Give a new sink its place: behind all that is there, or before what is still kept."""
    sink, lane = key
    kept = chunks.positions(ledger.db, lane, 0, 1) if start == "retained" else []
    seq = (kept[0] if kept else ledger.tally.next_seq) - 1
    passed = chunks.passed(ledger, lane, seq)
    ledger.db.execute(
        "INSERT INTO cursor (sink, lane, seq, passed) VALUES (?, ?, ?, ?)", (sink, lane.value, seq, passed)
    )
    facts.change(ledger.db, [Fact(_began(sink), lane.value, b"%d" % seq)])
    return Cursor(seq, passed)


def begun(db: apsw.Connection, sink: str) -> dict[Lane, int]:
    """Give the positions behind which a sink began. A lane of which that was not written down is not in it."""
    return {Lane(fact.id): int(fact.content) for fact in facts.of(db, _began(sink))}


def seal(db: apsw.Connection, key: Key, bounds: Sealed, note: Note | None = None) -> None:
    """Fix the bounds of the batch that is about to leave."""
    sink, lane = key
    delivered.add(db, sink, note)
    db.execute(
        "UPDATE cursor SET sealed_first = ?, sealed_last = ? WHERE sink = ? AND lane = ?",
        (bounds.first, bounds.last, sink, lane.value),
    )


def advance(ledger: Ledger, key: Key, seq: int, refused: Sequence[DeadLetter], largest_bytes: int) -> int:
    """Acknowledge all up to `seq`; keep what was refused, the newest `largest_bytes` of it. Give the events passed."""
    sink, lane = key
    db = ledger.db
    db.execute(
        """UPDATE cursor SET seq = max(seq, ?), passed = max(passed, ?), sealed_first = NULL, sealed_last = NULL
           WHERE sink = ? AND lane = ?""",
        (seq, chunks.passed(ledger, lane, seq), sink, lane.value),
    )
    letters.add(ledger, sink, lane, refused, largest_bytes)
    ledger.tally.dead_letters += len(refused)
    passed: int = db.execute("SELECT passed FROM cursor WHERE sink = ? AND lane = ?", (sink, lane.value)).get
    return passed


def forget(ledger: Ledger, sink: str) -> None:
    """Remove a sink: it holds up nothing any more."""
    ledger.db.execute("DELETE FROM cursor WHERE sink = ?", (sink,))
    facts.forget(ledger.db, _began(sink))
    delivered.forget(ledger.db, sink)


def _began(sink: str) -> str:
    return f"began {sink}"
