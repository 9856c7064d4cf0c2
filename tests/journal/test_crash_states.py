import random
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Literal

import apsw
import pytest
from msgspec import Struct

from journal.crashes import (
    Delete,
    Entry,
    Kind,
    Rebuilding,
    RecordedDisk,
    State,
    SyncFolder,
    Write,
    recorded_disk,
    restore,
)
from journal.long import LONG
from journal.promises import BrokenPromiseError, Payment, Promises, find, judge
from journal.samples import NOW, Clock, events, opened, tags
from pibridge.errors import JournalError
from pibridge.journal import opening, schema
from pibridge.journal.gaps import AdvanceGap, CloseGap, Gap, GapChange, NewGap
from pibridge.journal.journal import Journal
from pibridge.journal.quota import Quota
from pibridge.journal.settings import JournalSettings
from pibridge.journal.tally import Ledger
from pibridge.model.event import Event, Lane

STATES = 2000 if LONG else 1500
STORIES = 10 if LONG else 1
STEPS = 90


class ShortLog(Quota):
    """A write-ahead log that is carried over into the file every few commits."""

    def __init__(self, max_bytes: int) -> None:
        super().__init__(max_bytes)
        self.group_bytes, self.wal_soft_bytes, self.wal_bytes = 48 << 10, 48 << 10, 128 << 10


class TickingClock(Clock):
    """Goes on by two seconds whenever it is asked: retention has its turn at every commit."""

    def __call__(self) -> float:
        """Give the time."""
        self.now_s += 2
        return self.now_s


class Wrong(Struct, frozen=True):
    """Mistakes that a journal or its user could make."""

    cursor_before_send: bool = False
    delete_before_cursor: bool = False
    no_seal: bool = False
    gap_before_data: bool = False


class Story:
    """Writes, history, deliveries and gaps on a recorded disk; every fact is noted between what the disk did."""

    def __init__(self, journal: Journal, disk: RecordedDisk, promises: Promises, wrong: Wrong, seed: int) -> None:
        self._journal, self._disk, self._promises, self._wrong = journal, disk, promises, wrong
        self._rng = random.Random(seed)  # noqa: S311 - the same story every time
        self._ticks = NOW
        self._written = 0
        self._gaps: dict[int, Gap] = {}
        self._units = 0

    async def tell(self, steps: int) -> None:
        """Do so many things."""
        for lane in Lane:
            await self._journal.cursor("lake", lane)
            self._note(partial(self._promises.advanced_seq.update, {lane: 0}))
        await self.describe()
        await self.quiet()
        for _ in range(steps):
            step = self._rng.choices(
                (self.live, self.appended, self.history, self.gap, self.deliver, self.describe), (6, 3, 5, 2, 9, 1)
            )[0]
            await step()

    async def quiet(self) -> None:
        """Commit the only event that the second tag ever has."""
        event = Event(2, NOW, 0)
        self._written += 1
        self._note(lambda: self._promises.write(Lane.LIVE, [event]))
        await self._journal.commit(Lane.LIVE, [event], NOW)
        self._durable(self._written)

    async def live(self) -> None:
        """Commit live events."""
        events, seq = self._write(Lane.LIVE)
        await self._journal.commit(Lane.LIVE, events, NOW)
        self._durable(seq)

    async def appended(self) -> None:
        """Append live events twice and wait for both."""
        for _ in range(2):
            events, seq = self._write(Lane.LIVE)
            self._journal.append(events, NOW)
        await self._journal.flush()
        self._durable(seq)

    async def history(self) -> None:
        """Pay a gap in part or in full, together with its events."""
        if not self._gaps:
            return
        gap = self._rng.choice(list(self._gaps.values()))
        events, seq = self._write(Lane.HISTORY)
        start_ticks = None if self._rng.random() < 0.3 else gap.start_ticks + seq
        change: GapChange = CloseGap(gap.id) if start_ticks is None else AdvanceGap(gap.id, start_ticks)
        self._note(lambda: self._promises.payments.append(Payment(seq, gap.id, start_ticks)))
        if start_ticks is None:
            del self._gaps[gap.id]
        if self._wrong.gap_before_data:
            await self._journal.commit(Lane.HISTORY, [], NOW, [change])
            await self._journal.commit(Lane.HISTORY, events, NOW)
        else:
            await self._journal.commit(Lane.HISTORY, events, NOW, [change])
        self._durable(seq)

    async def gap(self) -> None:
        """Open a gap."""
        tag = self._rng.randrange(1, 1000)
        await self._journal.open_gaps([NewGap(tag, NOW, NOW + 10**9, "down")])
        for gap in await self._journal.gaps():
            if gap.id not in self._gaps and gap.id > max(self._gaps, default=0):
                self._gaps[gap.id] = gap
                self._note(partial(self._promises.gaps.update, {gap.id: gap}))

    async def describe(self) -> None:
        """Change what is known of the tag."""
        self._units += 1
        unit = f"unit {self._units}"
        self._note(lambda: self._promises.units.append(unit))
        await self._journal.describe(tags(2, unit=unit))
        count = self._units
        self._note(lambda: setattr(self._promises, "durable_units", count))

    async def deliver(self) -> None:
        """Do what a pump does: fix the bounds, send, move the cursor."""
        lane = self._rng.choice(list(Lane))
        cursor = await self._journal.cursor("lake", lane)
        if not self._journal.stat().lag["lake", lane]:
            return
        chunk = await self._journal.next(lane, cursor.seq)
        first, last = chunk.first_seq, chunk.last_seq
        if self._rng.random() < 0.3:
            last -= len(chunk.events) // 2
        if not self._wrong.no_seal:
            await self._journal.seal("lake", lane, first, last)
        if not self._wrong.cursor_before_send:
            self._note(lambda: self._promises.sent[lane].append((first, last)))
        if self._wrong.delete_before_cursor:
            await self._journal._requests.ask(lambda ledger: _delete(ledger, lane, last))  # the mistake
        self._note(lambda: self._promises.asked_seq.update({lane: last}))
        await self._journal.advance("lake", lane, last)
        self._note(lambda: self._promises.advanced_seq.update({lane: last}))
        if self._wrong.cursor_before_send:
            self._note(lambda: self._promises.sent[lane].append((first, last)))

    def _write(self, lane: Lane) -> tuple[list[Event], int]:
        count = self._rng.choice((1, 5, 30, 120))
        events = []
        for _ in range(count):
            self._ticks += 1
            events.append(Event(1, self._ticks, self._rng.randbytes(self._rng.choice((4, 4, 60))).hex()))
        self._written += count
        self._note(lambda: self._promises.write(lane, events))
        return events, self._written

    def _durable(self, seq: int) -> None:
        self._note(lambda: setattr(self._promises, "durable_seq", seq))

    def _note(self, fact: Callable[[], Any]) -> None:
        self._disk.entries.append(fact)


def _delete(ledger: Ledger, lane: Lane, seq: int) -> None:
    ledger.db.execute("DELETE FROM chunk WHERE lane = ? AND seq + events - 1 <= ?", (lane, seq))


async def record(
    folder: Path, promises: Promises, *, wrong: Wrong | None = None, seed: int = 1, **settings: Any
) -> list[Entry]:
    """Tell a story from the making of the journal to its end; give what the disk did meanwhile, and the facts."""
    with recorded_disk() as disk:
        journal = await Journal.open(JournalSettings(path=folder, flush=60, retain=20, **settings), now=TickingClock())
        await Story(journal, disk, promises, wrong or Wrong(), seed).tell(STEPS)
        await journal.close()
        return disk.entries


def crashes(entries: Sequence[Entry], wanted: int, seed: int = 1) -> Iterator[State]:
    """Give about so many states, of all kinds, spread evenly over the record."""
    share = wanted / len(entries)

    def choose(point: int) -> Iterator[tuple[Kind, random.Random]]:
        for number in range(int(point * share), int((point + 1) * share)):
            rng = random.Random(f"{seed} {number}")  # noqa: S311 - the same states every time
            yield rng.choice((*Kind, Kind.REORDERED)), rng

    return Rebuilding(entries, {}).states(choose)


def survive(folder: Path, promises: Promises, states: Iterator[State]) -> int:
    """Open and judge each state; give how many."""
    count = 0
    for state in states:
        count += 1
        restore(folder, state.files)
        try:
            judge(promises, find(folder))
        except BrokenPromiseError as error:
            raise BrokenPromiseError(f"crash after {state.point}, {state.kind}: {error}") from error
    return count


@pytest.fixture(autouse=True)
def short_log(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have many checkpoints in a short story."""
    monkeypatch.setattr(opening, "Quota", ShortLog)


@pytest.mark.parametrize("seed", range(1, STORIES + 1))
async def test_no_crash_breaks_a_promise(tmp_path: Path, seed: int) -> None:
    """Whatever the disk did with what was not synced, nothing acknowledged is lost, wrong, or numbered again."""
    promises = Promises()
    entries = await record(tmp_path, promises, seed=seed)
    assert any(isinstance(entry, Delete) and entry.file.endswith("-wal") for entry in entries), "it came to its end"
    assert sum(isinstance(entry, Write) and entry.offset == 0 for entry in entries) > 10, "the log began anew"
    assert survive(tmp_path, promises, crashes(entries, STATES, seed)) >= STATES - 1


MISTAKES: dict[str, tuple[dict[str, Any], Wrong, str]] = {
    "sync: normal": ({"sync": "normal"}, Wrong(), r"events up to|cursor|sent as|earlier one|lost"),
    "cursor before send": ({}, Wrong(cursor_before_send=True), "never sent and never will be"),
    "delete before cursor": ({}, Wrong(delete_before_cursor=True), "lost"),
    "send before the bounds are fixed": ({}, Wrong(no_seal=True), "would be sent as"),
    "gap before its data": ({}, Wrong(gap_before_data=True), "paid up to"),
}


@pytest.mark.parametrize("mistake", MISTAKES)
async def test_the_judge_finds(tmp_path: Path, mistake: str) -> None:
    """A judge who lets a known mistake pass proves nothing."""
    settings, wrong, verdict = MISTAKES[mistake]
    promises = Promises()
    entries = await record(tmp_path, promises, wrong=wrong, **settings)
    with pytest.raises(BrokenPromiseError, match=verdict):
        survive(tmp_path, promises, crashes(entries, STATES))


async def test_the_judge_finds_synchronous_off(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without any sync the file itself is torn, or what was acknowledged is gone."""
    open_for_writing = schema.open_for_writing

    def open_carelessly(folder: Path, sync: Literal["full", "normal"]) -> apsw.Connection:
        db = open_for_writing(folder, sync)
        db.execute("PRAGMA synchronous = OFF")
        return db

    monkeypatch.setattr(schema, "open_for_writing", open_carelessly)
    promises = Promises()
    entries = await record(tmp_path, promises)
    with pytest.raises((BrokenPromiseError, JournalError)):
        survive(tmp_path, promises, crashes(entries, STATES))


async def test_the_judge_finds_a_folder_that_was_not_synced(tmp_path: Path) -> None:
    """A rollback journal that comes back with the power undoes what was written since."""
    promises = Promises()
    entries = [entry for entry in await record(tmp_path, promises) if not isinstance(entry, SyncFolder)]
    with pytest.raises((BrokenPromiseError, JournalError)):
        survive(tmp_path, promises, crashes(entries, STATES))


async def test_the_daemon_goes_on_after_a_crash(tmp_path: Path) -> None:
    """It opens what was left, and gives its next event the next position."""
    promises = Promises()
    entries = await record(tmp_path, promises)
    for state in crashes(entries, STATES // 30, seed=2):
        restore(tmp_path, state.files)
        found = find(tmp_path)
        judge(promises, found)
        async with opened(tmp_path, tag_count=1) as journal:
            await journal.commit(Lane.LIVE, events(3), NOW)
            assert (await journal.next(Lane.LIVE, found.next_seq - 1)).first_seq == found.next_seq
            assert journal.stat().newest_seq == found.next_seq + 2
