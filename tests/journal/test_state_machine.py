import asyncio
import random
import tempfile
from collections.abc import Awaitable
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Literal, TypeVar

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from msgspec import Struct, field

from journal.crashes import Files, Kind, Rebuilding, recorded_disk, restore
from journal.long import LONG
from journal.samples import DAY_S, NOW, Clock, raw, tags
from pibridge.errors import JournalFullError
from pibridge.journal.chunks import Chunk, Damaged
from pibridge.journal.cursors import Sealed
from pibridge.journal.gaps import AdvanceGap, CloseGap, Gap, GapChange, NewGap
from pibridge.journal.journal import Journal
from pibridge.journal.letters import DeadLetter, Wanted
from pibridge.journal.settings import JournalSettings
from pibridge.model.event import Event, Lane

T = TypeVar("T")
LANES = st.sampled_from(list(Lane))
SINKS = ("lake", "cloud")
ROOM_BYTES = 500_000
"""For chunks, so that a few large ones fill it."""


class Model(Struct):
    """What a journal ought to hold. `stored[i]` has position i + 1; `waiting`: appended, perhaps not stored yet."""

    stored: list[tuple[Lane, Event]] = field(default_factory=list)
    waiting: list[Event] = field(default_factory=list)
    cursors: dict[tuple[str, Lane], int] = field(default_factory=dict)
    sealed: dict[tuple[str, Lane], Sealed | None] = field(default_factory=dict)
    gaps: dict[int, Gap] = field(default_factory=dict)
    damaged: set[int] = field(default_factory=set)
    letters: int = 0
    resending: dict[str, int] = field(default_factory=lambda: dict.fromkeys(SINKS, 0))

    def grow(self, newest_seq: int, committed: tuple[Lane, list[Event]] | None = None) -> None:
        """Learn how far it is stored now: first what waited, in order, then what was committed and acknowledged."""
        lane, events = committed or (Lane.LIVE, [])
        count = newest_seq - len(self.stored) - len(events)
        assert 0 <= count <= len(self.waiting)
        assert not events or count == len(self.waiting), "a commit overtook what was appended before"
        self.stored += [(Lane.LIVE, event) for event in self.waiting[:count]]
        del self.waiting[:count]
        self.stored += [(lane, event) for event in events]

    def lane(self, lane: Lane, after: int = 0) -> dict[int, Event]:
        """Give what a lane holds behind a position."""
        return {seq: event for seq, (of, event) in enumerate(self.stored, 1) if of is lane and seq > after}

    def may_go(self, lane: Lane) -> int:
        """Give up to where every sink has acknowledged a lane."""
        return min(seq for (_, of), seq in self.cursors.items() if of is lane)

    def change(self, change: GapChange) -> None:
        """Do what was committed to a gap."""
        gap = self.gaps.pop(change.id)
        if isinstance(change, AdvanceGap):
            self.gaps[gap.id] = Gap(gap.id, gap.tag, change.start_ticks, gap.end_ticks, gap.reason)


class JournalMachine(RuleBasedStateMachine):
    """Does what the daemon and the world do to a journal, in any order, and compares it with the model."""

    sync: Literal["full", "normal"] = "full"

    def __init__(self) -> None:
        super().__init__()
        self.stack = ExitStack()
        self.folder = Path(self.stack.enter_context(tempfile.TemporaryDirectory()))
        self.disk = self.stack.enter_context(recorded_disk())
        self.loop = asyncio.new_event_loop()
        self.stack.callback(self.loop.close)
        self.clock = Clock()
        self.model = Model()
        self.files: Files = {}
        self.number = 0
        self.rng = random.Random(0)  # noqa: S311 - hypothesis chooses; these are payloads
        self.journal: Journal

    @initialize(when_full=st.sampled_from(("pause", "drop_oldest")))
    def begin(self, when_full: Literal["pause", "drop_oldest"]) -> None:
        """Make a journal."""
        self.settings = JournalSettings(path=self.folder, flush=60, retain=DAY_S, when_full=when_full, sync=self.sync)
        self.open()
        for sink in SINKS:
            for lane in Lane:
                self.run(self.journal.cursor(sink, lane))
                self.model.cursors[sink, lane] = 0
                self.model.sealed[sink, lane] = None

    def teardown(self) -> None:
        """Look at it once more after a last restart."""
        with self.stack:
            if hasattr(self, "journal"):
                self.disk.full = False
                self.reopen()
                self.read_all()
                self.run(self.journal.close())

    # What is done

    @rule(size=st.sampled_from((1, 10, 1000)))
    def append(self, size: int) -> None:
        """Take live events in."""
        events = self.events(size)
        try:
            self.run(self.appended(events))
        except JournalFullError:
            assert self.journal.stat().full
        else:
            self.model.waiting += events

    @rule()
    def flush(self) -> None:
        """Wait for what was appended."""
        with suppress(JournalFullError):
            self.run(self.journal.flush())
            assert self.journal.stat().newest_seq == len(self.model.stored) + len(self.model.waiting)
        self.learn()

    @rule(lane=LANES, size=st.sampled_from((0, 1, 30, 1500)), pick=st.integers(0, 99), closes=st.booleans())
    def commit(self, lane: Lane, size: int, pick: int, closes: bool) -> None:  # noqa: FBT001 - drawn by hypothesis
        """Store history, with what it pays of a gap."""
        events = self.events(size)
        gaps = list(self.model.gaps.values())
        changes: list[GapChange] = []
        if gaps:
            gap = gaps[pick % len(gaps)]
            changes = [CloseGap(gap.id) if closes else AdvanceGap(gap.id, gap.start_ticks + 1)]
        try:
            self.run(self.journal.commit(lane, events, NOW, changes))
        except JournalFullError:
            self.learn()
        else:
            self.model.grow(self.journal.stat().newest_seq, (lane, events))
            for change in changes:
                self.model.change(change)

    @rule(lane=LANES)
    def flood(self, lane: Lane) -> None:
        """Store more than there is room for, unless it was acknowledged."""
        for _ in range(4):
            self.commit(lane=lane, size=1500, pick=0, closes=False)

    @rule(tag=st.integers(1, 5))
    def gap(self, tag: int) -> None:
        """Lose sight of a tag."""
        with suppress(JournalFullError):
            self.run(self.journal.open_gaps([NewGap(tag, NOW, NOW + 1000, "down")]))
        self.learn()
        new = {gap.id: gap for gap in self.run(self.journal.gaps())}
        assert len(new) - len(self.model.gaps) in {0, 1}
        assert self.model.gaps.items() <= new.items()
        self.model.gaps = new

    @rule(sink=st.sampled_from(SINKS), lane=LANES, share=st.floats(0, 1), refuses=st.booleans())
    def deliver(self, sink: str, lane: Lane, share: float, refuses: bool) -> None:  # noqa: FBT001 - drawn by hypothesis
        """Let a sink take the next events, or a part of them, and perhaps refuse one for good."""
        key = (sink, lane)
        if not self.deliverable(lane, self.model.cursors[key]):
            return
        with suppress(JournalFullError):
            chunk = self.run(self.journal.next(lane, self.model.cursors[key]))
            assert at(chunk).items() <= self.model.lane(lane).items()
            last = chunk.first_seq + int(share * (len(chunk.events) - 1))
            self.run(self.journal.seal(sink, lane, chunk.first_seq, last))
            self.model.sealed[key] = Sealed(chunk.first_seq, last)
            letters = [DeadLetter(last, "no", b"{}", Event(1, NOW, last))] if refuses else []
            self.run(self.journal.advance(sink, lane, last, letters))
            self.model.cursors[key], self.model.sealed[key] = last, None
            self.model.letters += len(letters)
        self.learn()

    @rule(sink=st.sampled_from(SINKS), refuses=st.booleans())
    def resend(self, sink: str, refuses: bool) -> None:  # noqa: FBT001 - drawn by hypothesis
        """Let a sink have its dead letters again: first what was asked for before, perhaps refused once more."""
        letters = self.journal.letters
        with suppress(JournalFullError):
            if self.model.resending[sink]:
                part = self.run(letters.next(sink))
                self.run(letters.settle(part, part.letters if refuses else ()))
                self.model.resending[sink] -= len(part.letters)
                self.model.letters += len(part.letters) if refuses else 0
            self.model.resending[sink] += self.run(letters.resend(Wanted(sink=sink)))
        self.learn()

    @rule(days=st.sampled_from((0.1, 2, -3)))
    def time_goes_by(self, days: float) -> None:
        """Move the clock, back too; let retention do its work."""
        self.clock.now_s += days * DAY_S
        self.run(self.journal.damaged())
        self.run(self.journal.damaged())
        self.learn()

    @rule()
    def disk_full(self) -> None:
        """Let somebody else fill the disk."""
        self.disk.full = True

    @precondition(lambda self: self.disk.full)
    @rule()
    def disk_has_room(self) -> None:
        """Let him clean up."""
        self.disk.full = False
        self.run(self.journal.damaged())
        self.learn()

    @rule()
    def reopen(self) -> None:
        """Restart the daemon."""
        self.disk.full = False
        self.run(self.journal.close())
        self.open()
        self.learn()
        self.model.waiting.clear()  # what found no room

    @rule(power_fails=st.booleans())
    def crash(self, power_fails: bool) -> None:  # noqa: FBT001 - drawn by hypothesis
        """Kill the process; what was not synced may go with the power."""
        left = Rebuilding(list(self.disk.entries), self.files).end(Kind.DROPPED if power_fails else Kind.KEPT)
        self.disk.full = False
        self.run(self.journal.close())
        restore(self.folder, left)
        self.disk.entries.clear()
        self.files = left
        self.open()
        self.learn()
        self.model.waiting.clear()

    @precondition(lambda self: self.model.stored)
    @rule(pick=st.integers(0, 10**6))
    def flip(self, pick: int) -> None:
        """Change a bit in a payload while the daemon does not look."""
        self.reopen()
        self.run(self.journal.close())
        db = raw(self.folder)
        rows = db.execute("SELECT seq, events, payload FROM chunk WHERE seq NOT IN (SELECT first_seq FROM damaged)")
        kept = [row for row in rows if row[0] not in self.model.damaged]
        if kept:
            seq, count, payload = kept[pick % len(kept)]
            wrong = bytearray(payload)
            wrong[pick % len(wrong)] ^= 1 << pick % 8
            db.execute("UPDATE chunk SET payload = ? WHERE seq = ?", (bytes(wrong), seq))
            self.model.damaged |= set(range(seq, seq + count))
        db.close()
        self.open()

    # What must hold

    @precondition(lambda self: not self.disk.full)  # what is damaged could not be noted
    @rule()
    def read_all(self) -> None:
        """Read what was not acknowledged: all that is there is right, and what is not is accounted for."""
        dropped = self.journal.stat().dropped_events
        missing = 0
        for lane in Lane:
            start = self.model.may_go(lane)
            owed = self.model.lane(lane, start)
            read: dict[int, Event] = {}
            while remaining := self.deliverable(lane, max(read, default=start)):
                chunk = self.run(self.journal.next(lane, max(read, default=start)))
                assert chunk.first_seq <= max(remaining)
                read |= at(chunk)
            assert read.items() <= owed.items()
            missing += len(owed.keys() - read.keys() - self.model.damaged)
        assert missing <= dropped
        found = self.run(self.journal.damaged())
        assert {seq for item in found for seq in covered(item)} <= self.model.damaged

    @invariant()
    def keeps_its_promises(self) -> None:
        """Compare cursors, bounds and counts with those of the model."""
        self.learn()
        for (sink, lane), seq in self.model.cursors.items():
            cursor = self.run(self.journal.cursor(sink, lane))
            assert (cursor.seq, cursor.sealed) == (seq, self.model.sealed[sink, lane])
            owed = len(self.model.lane(lane, seq))
            lag = self.journal.stat().lag[sink, lane]
            assert lag == owed or (lag < owed and self.journal.stat().dropped_events)
        stat = self.journal.stat()
        assert stat.newest_seq == len(self.model.stored)
        assert stat.dead_letters == self.model.letters
        db = raw(self.folder)
        resending = dict(db.execute("SELECT sink, sum(letters) FROM resend GROUP BY sink"))
        db.close()
        assert resending == {sink: count for sink, count in self.model.resending.items() if count}
        assert not self.journal.failed.done()
        if self.settings.when_full == "pause":
            assert stat.dropped_events == 0

    # How

    def run(self, what: Awaitable[T]) -> T:
        """Wait for it, and for what the writer said before."""

        async def wait() -> T:
            return await asyncio.wait_for(what, 20)

        return self.loop.run_until_complete(wait())

    def open(self) -> None:
        """Open the journal with little room."""
        self.journal = self.run(Journal.open(self.settings, now=self.clock))
        quota = self.journal._quota  # no setting is as small as a test wants it
        quota.file_bytes = (1 << 20) + ROOM_BYTES
        self.run(self.journal.describe(tags(5)))

    async def appended(self, events: list[Event]) -> None:
        """Append from within the event loop."""
        self.journal.append(events, NOW)

    def events(self, count: int) -> list[Event]:
        """Give events that were never given before; they compress badly."""
        self.number += count
        return [Event(1, NOW + i, self.rng.randbytes(100).hex()) for i in range(self.number - count, self.number)]

    def learn(self) -> None:
        """Take in what was stored in the meantime."""
        self.run(self.journal.damaged())
        self.model.grow(self.journal.stat().newest_seq)

    def deliverable(self, lane: Lane, after: int) -> dict[int, Event]:
        """Give what must come behind a position: of what the model holds, what is in the file and whole."""
        db = raw(self.folder)
        kept: set[int] = set()
        for first, count in db.execute("SELECT seq, events FROM chunk WHERE lane = ?", (lane.value,)):
            kept.update(range(first, first + count))
        db.close()
        kept -= self.model.damaged
        return {seq: event for seq, event in self.model.lane(lane, after).items() if seq in kept}


def at(chunk: Chunk) -> dict[int, Event]:
    """Give the events of a chunk by position."""
    return {chunk.first_seq + i: event for i, event in enumerate(chunk.events)}


def covered(damaged: Damaged) -> range:
    """Give the positions that are lost with a chunk."""
    return range(damaged.first_seq, damaged.last_seq + 1)


class CarelessMachine(JournalMachine):
    """Trusts the operating system to have written what it was given."""

    sync = "normal"


BRIEF = settings(
    max_examples=14,
    stateful_step_count=40,
    phases=[Phase.explicit, Phase.generate],
    report_multiple_bugs=False,
    deadline=None,  # the machine may be busy
    suppress_health_check=[HealthCheck.too_slow],
)
THOROUGH = settings(BRIEF, max_examples=1000, phases=[Phase.explicit, Phase.generate, Phase.shrink])


@pytest.mark.timeout(3600 if LONG else 120)
def test_whatever_happens_it_holds_what_the_model_holds() -> None:
    """In any order of writes, deliveries, full disks, crashes, damage and jumps of the clock."""
    run_state_machine_as_test(JournalMachine, settings=THOROUGH if LONG else BRIEF)


def test_the_machine_finds_a_journal_that_does_not_sync() -> None:
    """One that let it pass would prove nothing."""
    machine = CarelessMachine()
    machine.begin(when_full="pause")
    machine.commit(lane=Lane.LIVE, size=30, pick=0, closes=False)
    with pytest.raises(AssertionError):
        machine.crash(power_fails=True)
    with machine.stack:
        machine.run(machine.journal.close())
