"""The durable log as the daemon sees it: append, read, cursors, gaps. All calls come from one event loop."""

import asyncio
import time
from collections.abc import Callable, Collection, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Final, Literal, NoReturn, Self, TypeVar

import structlog
from filelock import FileLock
from msgspec.structs import replace

from pibridge.journal import chunks, cursors, delivered, facts, gaps, opening, stat, tags
from pibridge.journal.backfills import Backfills
from pibridge.journal.chunks import Chunk, Damaged
from pibridge.journal.compaction import Compacted, compact
from pibridge.journal.cursors import Cursor, Sealed
from pibridge.journal.delivered import Note
from pibridge.journal.facts import Fact, FactChange
from pibridge.journal.feed import Feed
from pibridge.journal.gaps import Gap, NewGap
from pibridge.journal.held import DropHeld, Held, Waiting
from pibridge.journal.jobs import Change, Store, full_error
from pibridge.journal.letterbox import Letterbox
from pibridge.journal.letters import DeadLetter
from pibridge.journal.newest import Last, Snapshot
from pibridge.journal.replays import Replays
from pibridge.journal.requests import Requests
from pibridge.journal.selections import Selections
from pibridge.journal.settings import JournalSettings
from pibridge.journal.stat import JournalStat
from pibridge.journal.tags import Description
from pibridge.journal.tally import Ledger
from pibridge.journal.traffic import Traffic
from pibridge.journal.writer import Writer
from pibridge.model.event import Event, Lane
from pibridge.model.tag import Tag

_log = structlog.get_logger()
_T = TypeVar("_T")

_IN_FLIGHT_BYTES: Final = 16 << 20
_TAGS_AT_ONCE: Final = 2000


class Journal:
    """Built by `open`. `failed`: is given a JournalError when the disk failed; the process must then end, non-zero."""

    def __init__(self, settings: JournalSettings, parts: opening.Parts, lock: FileLock) -> None:
        self._loop = asyncio.get_running_loop()
        self._settings, self._lock = settings, lock
        self._quota, self._marks, self._cursors = parts.quota, parts.marks, parts.cursors
        self._book, self._joined, self._newest = parts.tags, parts.joined, parts.newest
        self._lookup, self._shelf = parts.lookup, parts.shelf
        self._lookup_thread = ThreadPoolExecutor(1, "journal-lookup")
        self._shelf_thread = ThreadPoolExecutor(1, "journal-shelf")
        self._writer = Writer(
            parts.db,
            quota=parts.quota,
            reserve=parts.reserve,
            retention=parts.retention,
            now=parts.now,
            tags=lambda: len(self._book),
            settle=lambda settled: self._requests.from_thread(self._traffic.settle, settled),
            fail=lambda error: self._requests.from_thread(self._traffic.fail, error),
        )
        self._requests = Requests(self._writer.submit)
        self.failed: asyncio.Future[NoReturn] = self._requests.failed
        self.selections = Selections(self._requests)
        self.letters = Letterbox(self._requests, self._look_up, parts.lookup, parts.quota.dead_letter_bytes)
        self.replays = Replays(
            self._requests, self._look_up, parts.lookup, parts.replays, parts.quota.dead_letter_bytes
        )
        self.backfills = Backfills(self._requests, parts.backfills)
        floor = self._writer.tally.next_seq - 1
        self._feeds = {lane: Feed(floor, parts.ends[lane], partial(self._read, lane), self._set_aside) for lane in Lane}
        self._waiting = Waiting(parts.held)
        self._traffic = Traffic(
            flush_s=settings.flush,
            tags=lambda: len(self._book),
            newest=self._newest,
            waiting=self._waiting,
            feeds=self._feeds,
            requests=self._requests,
            submit=self._writer.submit,
        )
        self._describing, self._placing = asyncio.Lock(), asyncio.Lock()

    @classmethod
    async def open(cls, settings: JournalSettings, *, now: Callable[[], float] = time.time) -> Self:
        """Open the journal, or make a new one. Takes the same time however much is in it.

        Raises JournalLockedError when another daemon writes it, JournalError when it cannot be used.
        """
        lock = opening.lock(settings.path)
        try:
            parts = await asyncio.to_thread(opening.load, settings, now)
        except BaseException:
            lock.release()
            raise
        journal = cls(settings, parts, lock)
        journal._writer.start()
        return journal

    async def close(self) -> None:
        """Make all that was appended durable, let go of the files."""
        self._traffic.close()
        for thread, reader in ((self._lookup_thread, self._lookup), (self._shelf_thread, self._shelf)):
            await asyncio.to_thread(thread.shutdown)
            reader.close()  # before the writer, which then leaves one file
        if not self.failed.done():
            self._writer.stop()
        await asyncio.to_thread(self._writer.join)
        self._lock.release()

    # Tags

    async def describe(self, tags_: Sequence[Tag]) -> list[int]:
        """Give the stable number of each tag. What is new or has changed is durable on return.

        A changed description is valid for events appended from now on.
        """
        async with self._describing:
            numbers, changed = self._book.changes(tags_)
            if changed:
                self._traffic.seal()
            for start in range(0, len(changed), _TAGS_AT_ONCE):
                await self._describe(changed[start : start + _TAGS_AT_ONCE])
            return numbers

    async def _describe(self, changed: Sequence[tuple[int, Tag]]) -> None:
        known = len(self._book)

        def run(ledger: Ledger) -> list[Description]:
            since = ledger.tally.next_seq
            descriptions = [Description(number, since if number <= known else 0, tag) for number, tag in changed]
            tags.insert(ledger.db, descriptions)
            return descriptions

        for description in await self._requests.ask(run, 200 * len(changed)):
            self._book.add(description)
        self._newest.grow(len(self._book))

    def tag(self, number: int, seq: int) -> Tag:
        """Give the description of a tag that is valid at position `seq`. KeyError: no such tag."""
        return self._book.tag(number, seq)

    def number(self, key: str) -> int | None:
        """Give the number of the tag with this `Tag.key`."""
        return self._book.number(key)

    def last(self, number: int) -> Last | None:
        """Give the newest event of a tag by time, appended ones included; None if it never had one."""
        return self._newest.last(number)

    def tags(self) -> list[Tag]:
        """Give the newest description of each tag: number n at place n - 1."""
        return self._book.all_latest()

    def newest(self) -> Snapshot:
        """Give the newest event of each tag by time, appended ones included, as of this moment."""
        return self._newest.snapshot()

    def joined(self, number: int) -> int | None:
        """Give PI's time since when the tag is owed: what lies between it and `last`, and in no gap, has been read."""
        return self._joined.get(number)

    def owed(self) -> dict[int, int]:
        """Give since when each tag is owed, also those that are read no longer."""
        return dict(self._joined)

    async def join(self, numbers: Sequence[int], ticks: int) -> None:
        """Note that these tags are owed from this time of PI on; an earlier time stays."""
        new = [number for number in numbers if self._joined.get(number, ticks + 1) > ticks]
        await self._requests.change_many(partial(tags.join, ticks=ticks), new, 16)
        self._joined.update(dict.fromkeys(new, ticks))

    async def part(self, numbers: Sequence[int]) -> None:
        """Note that these tags are owed no longer: should they come back, they are new. Gaps with an end stay."""
        await self._requests.change_many(tags.part, numbers, 16)
        for number in numbers:
            self._joined.pop(number, None)

    # Events in

    def append(self, events: Sequence[Event], arrived_ticks: int) -> None:
        """Take live events in; they are durable soon, in this order. `arrived_ticks`: PI's time when they were read.

        Raises JournalFullError: nothing was taken. JournalError: the disk failed.
        """
        if self._writer.full:
            raise full_error()
        self._requests.raise_failure()
        if events:
            self._traffic.take(events, arrived_ticks)

    async def room(self) -> None:
        """Wait while too much is on its way to the disk. Raises JournalError when the disk failed."""
        while self._traffic.bytes > _IN_FLIGHT_BYTES and not self._writer.full:
            await self._traffic.emptier()

    async def flush(self) -> None:
        """Return when all that was appended is durable. Raises JournalFullError, JournalError."""
        self._requests.raise_failure()
        if not self._traffic:
            return
        self._traffic.seal()
        await self._requests.ask(_nothing)
        if self._traffic.bytes and self._writer.full:
            raise full_error()

    async def answer(self) -> None:
        """Return when the writer has done all that was asked before; nothing is written. Raises JournalError."""
        await self._requests.ask(_nothing)

    async def commit(
        self, lane: Lane, events: Sequence[Event], arrived_ticks: int, changes: Sequence[Change] = ()
    ) -> None:
        """Store events and what they change of gaps and facts, all or nothing; durable on return.

        Raises JournalFullError, JournalError.
        """
        self._requests.raise_failure()
        await self._traffic.store(Store(lane, list(events), arrived_ticks, changes=changes))

    # Events that wait for their context

    def hold(self, numbers: Collection[int]) -> None:
        """Hold the live events of these tags from now on, and no others: they are durable, and wait for `place`."""
        self._traffic.hold(numbers)

    async def held(self) -> Held:
        """Wait for the events that have been held longest."""
        return await self._waiting.first()

    async def place(self, held: Held) -> None:
        """Give held events their place at the end of lane live; durable on return.

        Raises JournalFullError, JournalError.
        """
        # Cancelled half-way it would be placed again.
        await asyncio.shield(self._place(held))

    async def _place(self, held: Held) -> None:
        async with self._placing:
            if held in self._waiting:
                changes = (DropHeld(held.id),)
                await self._requests.store(Store(Lane.LIVE, held.events, held.arrived_ticks, changes=changes))
                self._waiting.drop(held)

    # Facts and marks

    async def facts(self, source: str) -> list[Fact]:
        """Give what a source keeps here, by id."""
        return await self._requests.ask(lambda ledger: facts.of(ledger.db, source))

    def mark(self, name: str) -> int | None:
        """Give how far (PI's time) something of this name had got when `set_mark` was last called."""
        return self._marks.get(name)

    async def set_mark(self, name: str, ticks: int) -> None:
        """Remember how far something has got; durable on return."""
        await self._requests.ask(lambda ledger: _set_mark(ledger, name, ticks))
        self._marks[name] = ticks

    # Gaps

    async def open_gaps(self, new: Sequence[NewGap]) -> None:
        """Write gaps down; durable on return. A tag with a gap without an end keeps it, with the earlier start."""
        self._traffic.seal()
        await self._requests.change_many(gaps.insert, new, 64)

    async def end_gaps(self, numbers: Sequence[int], end_ticks: int) -> None:
        """Give those gaps of these tags that have no end this one; durable on return."""
        await self._requests.change_many(partial(gaps.end, end_ticks=end_ticks), numbers, 64)

    async def gaps(self, numbers: Collection[int] | None = None) -> list[Gap]:
        """Give what was not read yet, of all tags or of these, by tag and start."""
        return await self._requests.ask(lambda ledger: gaps.unpaid(ledger.db, numbers))

    async def seen(self, numbers: Collection[int], start_ticks: int, end_ticks: int) -> list[Event]:
        """Give the journaled events of these tags within this time, both ends included, by position.

        Raises JournalFullError: some appended ones are not on disk yet.
        """
        await self.flush()
        wanted = frozenset(numbers), start_ticks, end_ticks
        async with self._placing:
            return await self._look_up(partial(self._lookup.seen, *wanted)) + self._waiting.seen(*wanted)

    async def damaged(self) -> list[Damaged]:
        """Give chunks that could not be read and for which no gaps were opened yet."""
        return await self._requests.ask(lambda ledger: chunks.unmended(ledger.db))

    async def mend(self, damaged: Damaged, new: Sequence[NewGap]) -> None:
        """Open the gaps that stand for a damaged chunk, once; durable on return."""

        def run(ledger: Ledger) -> None:
            gaps.insert(ledger.db, new)
            chunks.mend(ledger.db, damaged)

        await self._requests.ask(run, 64 * len(new))

    # Delivery

    async def next(self, lane: Lane, after: int) -> Chunk:
        """Give the next durable events of a lane behind position `after`; wait for any. Raises JournalError."""
        return await self._feeds[lane].after(after)

    def feed(self, lane: Lane) -> Feed:
        """Give what tells which durable events of a lane are at hand, and how far all of them reach."""
        return self._feeds[lane]

    async def cursor(self, sink: str, lane: Lane, *, start: Literal["now", "retained"] = "retained") -> Cursor:
        """Give how far a sink has got. A new one starts before what is still kept, or behind all that is there now."""
        key = (sink, lane)
        if key not in self._cursors:
            self._cursors[key] = await self._requests.ask(lambda ledger: cursors.create(ledger, key, start))
        return self._cursors[key]

    async def seal(self, sink: str, lane: Lane, first: int, last: int, note: Note | None = None) -> None:
        """Fix the bounds of the batch that is about to leave, and keep the sink's note; durable on return."""
        key, bounds = (sink, lane), Sealed(first, last)
        await self._requests.ask(lambda ledger: cursors.seal(ledger.db, key, bounds, note), delivered.size_bytes(note))
        self._cursors[key] = replace(self._cursors[key], sealed=bounds)

    async def advance(  # noqa: PLR0913 - all that is to be durable together
        self,
        sink: str,
        lane: Lane,
        seq: int,
        refused: Sequence[DeadLetter] = (),
        note: Note | None = None,
        *,
        changes: Sequence[FactChange] = (),
    ) -> None:
        """Acknowledge all up to position `seq`, keep what was refused, the sink's note and facts; durable on return."""
        key, letters_bytes = (sink, lane), sum(len(letter.line) + 64 for letter in refused)
        size_bytes = letters_bytes + delivered.size_bytes(note) + facts.size_bytes(changes)

        def run(ledger: Ledger) -> int:
            delivered.add(ledger.db, sink, note)
            facts.change(ledger.db, changes)
            # In a full journal new dead letters take the place of old ones.
            room_bytes = ledger.tally.dead_bytes if self._writer.full else self._quota.dead_letter_bytes
            return cursors.advance(ledger, key, seq, refused, room_bytes)

        passed = await self._requests.ask(run, size_bytes)
        self._cursors[key] = Cursor(max(seq, self._cursors[key].seq), passed)

    async def notes(self, sink: str) -> list[bytes]:
        """Give the notes of a sink that are kept, in the order in which they were written."""
        return await self._requests.ask(lambda ledger: delivered.notes(ledger.db, sink))

    async def forget_sink(self, sink: str) -> None:
        """Remove a sink: it holds up nothing any more."""
        await self.letters.call_off(sink)
        await self.replays.call_off(sink)
        await self._requests.ask(lambda ledger: cursors.forget(ledger, sink))
        self._cursors = {key: cursor for key, cursor in self._cursors.items() if key[0] != sink}

    async def compact(self) -> Compacted:
        """Give empty pages back to the disk, for some seconds and never in the way of what is written.

        Raises JournalFullError, JournalError.
        """
        if self._writer.full:
            raise full_error()
        return await compact(lambda pages: self._requests.ask(lambda ledger: self._writer.give_back(ledger, pages)))

    def stat(self) -> JournalStat:
        """Give how the journal is."""
        return stat.of(self._writer, self._quota, self._cursors, self._waiting.events)

    async def _read(self, lane: Lane, after: int) -> list[Chunk | Damaged]:
        return await self._loop.run_in_executor(self._shelf_thread, self._shelf.read, lane, after)

    async def _look_up(self, run: Callable[[], _T]) -> _T:
        return await self._loop.run_in_executor(self._lookup_thread, run)

    async def _set_aside(self, damaged: Damaged) -> None:
        for item in await self._requests.ask(lambda ledger: chunks.set_aside(ledger, (damaged,))):
            _log.error(
                "damaged chunk set aside",
                lane=item.lane,
                first=item.first_seq,
                last=item.last_seq,
                reason=item.reason,
                hint="check the disk; its time is read from PI once more",
            )


def _nothing(_: Ledger) -> None:
    """Change nothing: done when all that was queued before is durable."""


def _set_mark(ledger: Ledger, name: str, ticks: int) -> None:
    ledger.db.execute("REPLACE INTO mark (name, ticks) VALUES (?, ?)", (name, ticks))
