"""The durable log as the daemon sees it: append, read, cursors, gaps. All calls come from one event loop."""

import asyncio
import sys
import time
from collections.abc import Callable, Collection, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Final, Literal, NoReturn, Self

import structlog
from filelock import FileLock
from msgspec.structs import replace

from pibridge.errors import JournalError
from pibridge.journal import chunks, cursors, gaps, opening, tags
from pibridge.journal.chunks import Chunk, Damaged
from pibridge.journal.cursors import Cursor, DeadLetter, Sealed
from pibridge.journal.feed import Feed
from pibridge.journal.gaps import Gap, GapChange, NewGap
from pibridge.journal.jobs import Remember, Settled, Store, full_error
from pibridge.journal.newest import Last
from pibridge.journal.requests import Requests
from pibridge.journal.selections import Selections
from pibridge.journal.settings import JournalSettings
from pibridge.journal.stat import JournalStat
from pibridge.journal.tags import Description
from pibridge.journal.tally import Ledger
from pibridge.journal.writer import Writer
from pibridge.model.event import Event, Lane
from pibridge.model.tag import Tag

_log = structlog.get_logger()

_SEAL_EVENTS: Final = 1000
_IN_FLIGHT_BYTES: Final = 16 << 20
_EVENT_BYTES: Final = 150
"""What an event takes in memory, without its value."""
_TAGS_AT_ONCE: Final = 2000
_GAPS_AT_ONCE: Final = 5000
_REMEMBER_EVENTS: Final = 100_000
"""At most this much is read again after a crash, or ten events a tag."""
_REMEMBER_CHUNKS: Final = 2000


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
            settle=lambda settled: self._requests.from_thread(self._settle, settled),
            fail=lambda error: self._requests.from_thread(self._fail, error),
        )
        self._requests = Requests(self._writer.submit)
        self.failed: asyncio.Future[NoReturn] = self._requests.failed
        self.selections = Selections(self._requests)
        floor = self._writer.tally.next_seq - 1
        self._feeds = {lane: Feed(floor, partial(self._read, lane), self._set_aside) for lane in Lane}
        self._buffer: list[Event] = []
        self._buffer_bytes = self._buffer_arrived_ticks = 0
        self._timer: asyncio.TimerHandle | None = None
        self._ahead: dict[int, Store] = {}
        self._in_flight_bytes = 0
        self._describing, self._emptier = asyncio.Lock(), asyncio.Event()
        self._unremembered_events = self._unremembered_chunks = 0

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
        self._seal()
        if self._timer is not None:
            self._timer.cancel()
        for feed in self._feeds.values():
            feed.fail(JournalError("the journal is closed"))
        for thread, reader in ((self._lookup_thread, self._lookup), (self._shelf_thread, self._shelf)):
            await asyncio.to_thread(thread.shutdown)
            reader.close()  # before the writer, which then leaves one file
        if not self.failed.done():
            self._writer.submit(self._remembrance())
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
                self._seal()
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

    def joined(self, number: int) -> int | None:
        """Give PI's time since when the tag is owed: what lies between it and `last`, and in no gap, has been read."""
        return self._joined.get(number)

    def owed(self) -> dict[int, int]:
        """Give since when each tag is owed, also those that are read no longer."""
        return dict(self._joined)

    async def join(self, numbers: Sequence[int], ticks: int) -> None:
        """Note that these tags are owed from this time of PI on; an earlier time stays."""
        new = [number for number in numbers if self._joined.get(number, ticks + 1) > ticks]
        for start in range(0, len(new), _GAPS_AT_ONCE):
            part = new[start : start + _GAPS_AT_ONCE]
            await self._requests.ask(partial(_join, part, ticks), 16 * len(part))
        self._joined.update(dict.fromkeys(new, ticks))

    # Events in

    def append(self, events: Sequence[Event], arrived_ticks: int) -> None:
        """Take live events in; they are durable soon, in this order. `arrived_ticks`: PI's time when they were read.

        Raises JournalFullError: nothing was taken. JournalError: the disk failed.
        """
        if self._writer.full:
            raise full_error()
        self._requests.raise_failure()
        if not events:
            return
        self._newest.take(events, arrived_ticks)
        self._buffer += events
        self._buffer_bytes += len(events) * (_EVENT_BYTES + sys.getsizeof(events[-1].value))
        self._buffer_arrived_ticks = arrived_ticks
        if len(self._buffer) >= _SEAL_EVENTS:
            self._seal()
        elif self._timer is None:
            self._timer = self._loop.call_later(self._settings.flush, self._on_timer)

    async def room(self) -> None:
        """Wait while too much is on its way to the disk. Raises JournalError when the disk failed."""
        while self._in_flight_bytes > _IN_FLIGHT_BYTES and not self._writer.full:
            self._emptier.clear()
            await self._emptier.wait()
            self._requests.raise_failure()

    async def flush(self) -> None:
        """Return when all that was appended is durable. Raises JournalFullError, JournalError."""
        self._requests.raise_failure()
        if not self._buffer and not self._in_flight_bytes and not self._ahead:
            return
        self._seal()
        await self._requests.ask(_nothing)
        if self._in_flight_bytes and self._writer.full:
            raise full_error()

    async def commit(
        self, lane: Lane, events: Sequence[Event], arrived_ticks: int, changes: Sequence[GapChange] = ()
    ) -> None:
        """Store events and what they change of gaps, all or nothing; durable on return.

        Raises JournalFullError, JournalError.
        """
        self._requests.raise_failure()
        self._seal()
        store = Store(lane, list(events), arrived_ticks, changes=changes)
        self._ahead[id(store)] = store
        self._unremembered_events += len(events)
        await self._requests.store(store)

    def mark(self, name: str) -> int | None:
        """Give how far (PI's time) something of this name had got when `set_mark` was last called."""
        return self._marks.get(name)

    async def set_mark(self, name: str, ticks: int) -> None:
        """Remember how far something has got; durable on return."""
        await self._requests.ask(partial(_set_mark, name, ticks))
        self._marks[name] = ticks

    # Gaps

    async def open_gaps(self, new: Sequence[NewGap]) -> None:
        """Write gaps down; durable on return. A tag with a gap without an end keeps it, with the earlier start."""
        self._seal()
        for start in range(0, len(new), _GAPS_AT_ONCE):
            part = new[start : start + _GAPS_AT_ONCE]
            await self._requests.ask(partial(_insert_gaps, part), 64 * len(part))

    async def end_gaps(self, numbers: Sequence[int], end_ticks: int) -> None:
        """Give those gaps of these tags that have no end this one; durable on return."""
        for start in range(0, len(numbers), _GAPS_AT_ONCE):
            part = numbers[start : start + _GAPS_AT_ONCE]
            await self._requests.ask(partial(_end_gaps, part, end_ticks), 64 * len(part))

    async def gaps(self) -> list[Gap]:
        """Give what was not read yet, by tag and start."""
        return await self._requests.ask(lambda ledger: gaps.unpaid(ledger.db))

    async def seen(self, numbers: Collection[int], start_ticks: int, end_ticks: int) -> list[Event]:
        """Give the journaled events of these tags within this time, both ends included, by position.

        Raises JournalFullError: some appended ones are not on disk yet.
        """
        await self.flush()
        return await self._loop.run_in_executor(self._lookup_thread, self._lookup.seen, numbers, start_ticks, end_ticks)

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
        """Give the next durable events of a lane behind position `after`; wait until there are any.

        Raises JournalError.
        """
        return await self._feeds[lane].after(after)

    async def cursor(self, sink: str, lane: Lane, *, start: Literal["now", "retained"] = "retained") -> Cursor:
        """Give how far a sink has got. A new one starts before what is still kept, or behind all that is there now."""
        key = (sink, lane)
        if key not in self._cursors:
            self._cursors[key] = await self._requests.ask(lambda ledger: cursors.create(ledger, key, start))
        return self._cursors[key]

    async def seal(self, sink: str, lane: Lane, first: int, last: int) -> None:
        """Fix the bounds of the batch that is about to leave; durable on return."""
        key, bounds = (sink, lane), Sealed(first, last)
        await self._requests.ask(lambda ledger: cursors.seal(ledger.db, key, bounds))
        self._cursors[key] = replace(self._cursors[key], sealed=bounds)

    async def advance(self, sink: str, lane: Lane, seq: int, refused: Sequence[DeadLetter] = ()) -> None:
        """Acknowledge everything up to position `seq` and keep what was refused; durable on return."""
        key, size_bytes = (sink, lane), sum(len(letter.line) + 64 for letter in refused)

        def run(ledger: Ledger) -> int:
            # In a full journal new dead letters take the place of old ones.
            room_bytes = ledger.tally.dead_bytes if self._writer.full else self._quota.dead_letter_bytes
            return cursors.advance(ledger, key, seq, refused, room_bytes)

        passed = await self._requests.ask(run, size_bytes)
        self._cursors[key] = Cursor(max(seq, self._cursors[key].seq), passed)

    async def forget_sink(self, sink: str) -> None:
        """Remove a sink: it holds up nothing any more."""
        await self._requests.ask(lambda ledger: cursors.forget(ledger, sink))
        self._cursors = {key: cursor for key, cursor in self._cursors.items() if key[0] != sink}

    def stat(self) -> JournalStat:
        """Give how the journal is."""
        tally = self._writer.tally
        return JournalStat(
            used_bytes=self._writer.used_bytes + self._quota.overhead_bytes,
            max_bytes=self._quota.max_bytes,
            full=self._writer.full,
            events=tally.events,
            oldest_seq=self._writer.oldest_seq,
            newest_seq=tally.next_seq - 1,
            lag={key: tally.stored(key[1]) - cursor.passed for key, cursor in self._cursors.items()},
            damaged_chunks=tally.damaged_chunks,
            dead_letters=tally.dead_letters,
            dropped_events=tally.dropped_events,
            trimmed_ticks=tally.trimmed_ticks,
        )

    # To the writer and back

    def _on_timer(self) -> None:
        self._timer = None
        self._seal()

    def _seal(self) -> None:
        if not self._buffer or self.failed.done():
            return
        events, size_bytes = self._buffer, self._buffer_bytes
        self._buffer, self._buffer_bytes = [], 0
        self._in_flight_bytes += size_bytes
        self._unremembered_events += len(events)
        self._unremembered_chunks += 1
        self._writer.submit(Store(Lane.LIVE, events, self._buffer_arrived_ticks, memory_bytes=size_bytes))
        many_events = self._unremembered_events >= max(_REMEMBER_EVENTS, 10 * len(self._book))
        if many_events or self._unremembered_chunks >= _REMEMBER_CHUNKS:
            self._writer.submit(self._remembrance())

    def _remembrance(self) -> Remember:
        self._unremembered_events = self._unremembered_chunks = 0
        return Remember(self._newest.snapshot(), list(self._ahead.values()), size_bytes=32 * len(self._book))

    def _settle(self, settled: Settled) -> None:
        for store in settled.stored:
            self._hand_off(store)
            self._in_flight_bytes -= store.memory_bytes
            if self._ahead.pop(id(store), None) is not None:
                self._newest.take(store.events, store.arrived_ticks)
        for store in settled.refused:
            del self._ahead[id(store)]
        for lane in {store.lane for store in settled.stored}:
            self._feeds[lane].announce()
        self._requests.resolve(settled.answers)
        self._emptier.set()

    def _hand_off(self, store: Store) -> None:
        seq = store.first_seq
        for part in store.packed:
            self._feeds[store.lane].add(Chunk(store.lane, seq, store.arrived_ticks, part.events), part.raw_bytes)
            seq += len(part.events)

    def _fail(self, error: JournalError) -> None:
        self._requests.fail(error)
        for feed in self._feeds.values():
            feed.fail(error)
        self._emptier.set()

    async def _read(self, lane: Lane, after: int) -> list[Chunk | Damaged]:
        return await self._loop.run_in_executor(self._shelf_thread, self._shelf.read, lane, after)

    async def _set_aside(self, damaged: Damaged) -> None:
        for item in await self._requests.ask(lambda ledger: chunks.set_aside(ledger, (damaged,))):
            _log.error(
                "damaged chunk set aside", lane=item.lane, first=item.first_seq, last=item.last_seq, reason=item.reason
            )


def _nothing(_: Ledger) -> None:
    """Change nothing: done when all that was queued before is durable."""


def _insert_gaps(new: Sequence[NewGap], ledger: Ledger) -> None:
    gaps.insert(ledger.db, new)


def _end_gaps(numbers: Sequence[int], end_ticks: int, ledger: Ledger) -> None:
    gaps.end(ledger.db, numbers, end_ticks)


def _set_mark(name: str, ticks: int, ledger: Ledger) -> None:
    ledger.db.execute("REPLACE INTO mark (name, ticks) VALUES (?, ?)", (name, ticks))


def _join(numbers: Sequence[int], ticks: int, ledger: Ledger) -> None:
    tags.join(ledger.db, numbers, ticks)
