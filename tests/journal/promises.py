"""What a journal has promised by the time of a crash, and whether what is found after it keeps the promise."""

from collections.abc import Sequence
from pathlib import Path

import apsw
from msgspec import Struct, field

from journal.samples import Clock
from pibridge.journal import opening
from pibridge.journal.chunks import Chunk
from pibridge.journal.cursors import Cursor
from pibridge.journal.gaps import Gap
from pibridge.journal.newest import Last
from pibridge.journal.settings import JournalSettings
from pibridge.model.event import Event, Lane


class BrokenPromiseError(AssertionError):
    """Something acknowledged is lost, or something is there that nobody wrote."""


class Payment(Struct, frozen=True):
    """History that goes in with what it pays of a gap; `start_ticks` None: all of it. `seq`: its last event."""

    seq: int
    gap: int
    start_ticks: int | None


class Promises(Struct):
    """Facts up to one moment. Positions: `written[i]` has position i + 1, for commits are done in order."""

    written: list[tuple[Lane, Event]] = field(default_factory=list)
    durable_seq: int = 0
    payments: list[Payment] = field(default_factory=list)
    gaps: dict[int, Gap] = field(default_factory=dict)
    sent: dict[Lane, list[tuple[int, int]]] = field(default_factory=lambda: {lane: [] for lane in Lane})
    asked_seq: dict[Lane, int] = field(default_factory=lambda: dict.fromkeys(Lane, 0))
    advanced_seq: dict[Lane, int] = field(default_factory=dict)
    units: list[str] = field(default_factory=list)
    durable_units: int = 0

    def write(self, lane: Lane, events: Sequence[Event]) -> int:
        """Note that events are on their way; give the position of the last."""
        self.written += [(lane, event) for event in events]
        return len(self.written)


class Found(Struct):
    """What a journal holds after a crash."""

    events: dict[int, tuple[Lane, Event]]
    next_seq: int
    cursors: dict[Lane, Cursor]
    gaps: dict[int, Gap]
    unit: str
    last: dict[int, Last | None]


def find(folder: Path) -> Found:
    """Open the journal with the daemon's own code and read all. Raises BrokenPromiseError when something is damaged."""
    parts = opening.load(JournalSettings(path=folder), Clock())
    try:
        verdict = parts.db.pragma("integrity_check")
        require(verdict == "ok", f"SQLite finds {verdict}")
        events: dict[int, tuple[Lane, Event]] = {}
        for lane in Lane:
            for item in parts.lookup.chunks(lane):
                if not isinstance(item, Chunk):
                    raise BrokenPromiseError(f"damaged: {item}")
                events |= {item.first_seq + i: (lane, event) for i, event in enumerate(item.events)}
        tag = parts.tags.latest(1)
        return Found(
            events=events,
            next_seq=parts.lookup.tally().next_seq,
            cursors={lane: cursor for (_, lane), cursor in parts.cursors.items()},
            gaps={gap.id: gap for gap in parts.lookup.gaps()},
            unit=tag.unit if tag else "",
            last={number: parts.newest.last(number) for number in (1, 2)},
        )
    finally:
        parts.lookup.close()
        parts.shelf.close()
        parts.db.config(apsw.SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1)  # the next state is about to replace it
        parts.db.close()


def judge(promises: Promises, found: Found) -> None:
    """Raise BrokenPromiseError unless everything promised is there, and nothing else."""
    newest_seq = found.next_seq - 1
    require(promises.durable_seq <= newest_seq <= len(promises.written), f"events up to {newest_seq}")
    require(max(found.events, default=0) <= newest_seq, "positions would be given again")
    wrong = [seq for seq, item in found.events.items() if item != promises.written[seq - 1]]
    require(not wrong, f"events {wrong} are not the ones that were written")
    for lane in Lane:
        _judge_lane(promises, found, lane)
    _judge_gaps(promises, found)
    require(found.unit in {"", *promises.units}, f"unit {found.unit}")
    if promises.durable_units:
        require(found.unit in promises.units[promises.durable_units - 1 :], f"unit {found.unit} is an earlier one")
    for number, last in found.last.items():
        stored = [event.ticks for _, event in promises.written[:newest_seq] if event.tag == number]
        require((last.ticks if last else None) == max(stored, default=None), f"newest event of tag {number} is {last}")


def _judge_lane(promises: Promises, found: Found, lane: Lane) -> None:
    cursor = found.cursors.get(lane, Cursor(0))
    require(
        promises.advanced_seq.get(lane, 0) <= cursor.seq <= promises.asked_seq[lane], f"cursor {lane} at {cursor.seq}"
    )
    require(lane in found.cursors or lane not in promises.advanced_seq, f"cursor {lane} is lost")
    written = {seq for seq, (of, _) in enumerate(promises.written[: found.next_seq - 1], 1) if of is lane}
    behind = {seq for seq in written if seq <= cursor.seq}
    delivered = {seq for first, last in promises.sent[lane] for seq in range(first, last + 1)}
    require(behind <= delivered, f"events {behind - delivered} were never sent and never will be")
    lost = written - behind - found.events.keys()
    require(not lost, f"events {lost} are lost")
    for first, last in promises.sent[lane]:
        bounds = (cursor.sealed.first, cursor.sealed.last) if cursor.sealed else None
        require(last <= cursor.seq or bounds == (first, last), f"{first} to {last} would be sent as {bounds}")


def _judge_gaps(promises: Promises, found: Found) -> None:
    for gap in promises.gaps.values():
        paid = [item for item in promises.payments if item.gap == gap.id and item.seq < found.next_seq]
        owed_ticks = paid[-1].start_ticks if paid else gap.start_ticks
        now = found.gaps.get(gap.id)
        require((now.start_ticks if now else None) == owed_ticks, f"gap {gap.id} is {now}, paid up to {owed_ticks}")


def require(holds: bool, what: str) -> None:  # noqa: FBT001 - the condition of an assertion
    """Raise BrokenPromiseError."""
    if not holds:
        raise BrokenPromiseError(what)
