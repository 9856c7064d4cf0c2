"""Events on their way to the writer, and what it made durable on its way to those who wait for it."""

import asyncio
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Final

from pibridge.errors import JournalError
from pibridge.journal.chunks import Chunk
from pibridge.journal.feed import Feed
from pibridge.journal.held import Held, Waiting
from pibridge.journal.inflow import Inflow
from pibridge.journal.jobs import Job, Remember, Settled, Store
from pibridge.journal.newest import Newest
from pibridge.journal.requests import Requests
from pibridge.model.event import Event, Lane

_REMEMBER_EVENTS: Final = 100_000
"""At most this much is read again after a crash, or ten events a tag."""
_REMEMBER_CHUNKS: Final = 2000


class Traffic:
    """`flush_s`: the longest an event is gathered. `tags`: how many there are."""

    def __init__(  # noqa: PLR0913 - the parts on both sides; only the journal makes one
        self,
        *,
        flush_s: float,
        tags: Callable[[], int],
        newest: Newest,
        waiting: Waiting,
        feeds: Mapping[Lane, Feed],
        requests: Requests,
        submit: Callable[[Job], None],
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self._flush_s, self._tags, self._newest = flush_s, tags, newest
        self._waiting, self._feeds, self._requests, self._submit = waiting, feeds, requests, submit
        self._inflow = Inflow()
        self._timer: asyncio.TimerHandle | None = None
        self._ahead: dict[int, Store] = {}
        self._emptier = asyncio.Event()
        self._unremembered_events = self._unremembered_chunks = 0

    @property
    def bytes(self) -> int:
        """About what events that were taken and are not on disk take in memory."""
        return self._inflow.bytes

    def __bool__(self) -> bool:
        return bool(self._inflow or self._inflow.bytes or self._ahead)

    def take(self, events: Sequence[Event], arrived_ticks: int) -> None:
        """Take live events in; they leave when they are enough, or have been gathered long enough."""
        self._newest.take(events, arrived_ticks)
        if self._inflow.take(events, arrived_ticks):
            self.seal()
        elif self._timer is None:
            self._timer = self._loop.call_later(self._flush_s, self._on_timer)

    def hold(self, numbers: Collection[int]) -> None:
        """Hold the events of these tags from now on, and no others."""
        self.seal()
        # What waits goes before what comes: until it has gone, the others of its tag wait, too.
        self._inflow.hold(self._waiting.tags.union(self._inflow.held_tags, numbers))

    def seal(self) -> None:
        """Let what was gathered leave."""
        if not self._inflow or self._requests.failed.done():
            return
        for store in self._inflow.seal():
            self._unremembered_events += len(store.events)
            self._unremembered_chunks += 1
            self._submit(store)
        many_events = self._unremembered_events >= max(_REMEMBER_EVENTS, 10 * self._tags())
        if many_events or self._unremembered_chunks >= _REMEMBER_CHUNKS:
            self._submit(self._remembrance())

    async def store(self, store: Store) -> None:
        """Have new events stored behind all that was taken; durable on return.

        Raises JournalFullError, JournalError.
        """
        self.seal()
        self._ahead[id(store)] = store
        self._unremembered_events += len(store.events)
        await self._requests.store(store)

    async def emptier(self) -> None:
        """Wait until something has landed. Raises JournalError when the disk failed."""
        self._emptier.clear()
        await self._emptier.wait()
        self._requests.raise_failure()

    def settle(self, settled: Settled) -> None:
        """Tell everybody what is durable, and who was refused."""
        for store in settled.stored:
            self._hand_off(store)
            self._inflow.land(store)
            if self._ahead.pop(id(store), None) is not None:
                self._newest.take(store.events, store.arrived_ticks)
        for store in settled.refused:
            self._ahead.pop(id(store), None)
        for lane in {store.lane for store in settled.stored}:
            self._feeds[lane].announce()
        self._requests.resolve(settled.answers)
        self._emptier.set()

    def fail(self, error: JournalError) -> None:
        """Tell everybody that the disk failed."""
        self._requests.fail(error)
        for feed in self._feeds.values():
            feed.fail(error)
        self._emptier.set()

    def close(self) -> None:
        """Let what was gathered leave, with what is needed for a quick start; nobody reads on."""
        self.seal()
        if self._timer is not None:
            self._timer.cancel()
        for feed in self._feeds.values():
            feed.fail(JournalError("the journal is closed"))
        if not self._requests.failed.done():
            self._submit(self._remembrance())

    def _on_timer(self) -> None:
        self._timer = None
        self.seal()

    def _remembrance(self) -> Remember:
        self._unremembered_events = self._unremembered_chunks = 0
        return Remember(self._newest.snapshot(), list(self._ahead.values()), size_bytes=32 * self._tags())

    def _hand_off(self, store: Store) -> None:
        if store.holds:
            for held_id, part in zip(store.held_ids, store.packed, strict=True):
                self._waiting.add(Held(held_id, store.arrived_ticks, part.events))
            return
        seq = store.first_seq
        for part in store.packed:
            chunk = Chunk(store.lane, seq, store.arrived_ticks, part.events)
            self._feeds[store.lane].add(chunk, part.raw_bytes, (part.first_ticks, part.last_ticks))
            seq += len(part.events)
