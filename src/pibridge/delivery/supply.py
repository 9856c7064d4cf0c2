"""The records that one sink is owed in one lane, in order: the journal read, put in context and filtered."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence

from pibridge.context.filters import Filter
from pibridge.context.record import Record
from pibridge.context.stamp import Stamp
from pibridge.delivery.hold import Hold
from pibridge.delivery.stop import Stop
from pibridge.journal.chunks import Chunk
from pibridge.journal.journal import Journal
from pibridge.model import ticks
from pibridge.model.event import Event, Lane
from pibridge.sinks.contract import Bounds

Read = tuple[list[Record], Counter[str]]
"""What passed the filter, and how many records were withheld, by the key of the filter."""

_PART_EVENTS = 4000
"""So many live events that are at hand are taken at once: for each part a sink goes to its thread and back."""

_ON_DISK_S = 0.3
"""How long a stop waits for what the journal may still have to read from disk."""


class Supply:
    """Reads on from a position. `position`: the last place in the journal that was read, admitted or not."""

    def __init__(  # noqa: PLR0913, PLR0917 - a place in the journal, and all that makes records of what follows it
        self, journal: Journal, lane: Lane, position: int, stamp: Stamp, admits: Filter, hold: Hold
    ) -> None:
        self.position = position
        self._journal = journal
        self._lane = lane
        self._stamp = stamp
        self._admits = admits
        self._hold = hold

    def at_hand(self) -> Read | None:
        """Give what `read` would, as far as it goes into one part, if nothing of it need be waited for."""
        if self._lane is Lane.HISTORY:
            return None  # its context may have to be waited for; live events have waited before they got their place
        feed = self._journal.feed(self._lane)
        read: Read = [], Counter()
        begun = self.position
        while self.position - begun < _PART_EVENTS and (chunk := feed.at_hand(self.position)) is not None:
            self._take(chunk, chunk.events, read)
        return None if self.position == begun else read

    async def read(self, until: int | None = None) -> Read:
        """Wait for the next chunk: give what passes the filter, and how many were withheld by which key.

        `until`: nothing beyond this place is given, nor counted as read. Can be cancelled without losing anything.
        """
        chunk = await self._journal.next(self._lane, self.position)
        if self._lane is Lane.HISTORY:
            await self._hold.until_known(chunk.events, chunk.arrived_ticks)
        read: Read = [], Counter()
        self._take(chunk, chunk.events if until is None else chunk.events[: max(0, until + 1 - chunk.first_seq)], read)
        return read

    def _take(self, chunk: Chunk, events: Sequence[Event], read: Read) -> None:
        admitted, withheld = read
        for record in self._stamp.records(self._lane, chunk.first_seq, events):
            reason = self._admits(record)
            if reason:
                withheld[reason] += 1
            else:
                admitted.append(record)
        self.position = chunk.first_seq + len(events) - 1


class OpenBatch:
    """One batch while it is filled: the `Batch` of the sink contract.

    It ends when `deadline` (of the loop's clock) has passed, when `stop` is set and nothing more is there at once,
    or at the place where an earlier try was sealed.
    """

    def __init__(  # noqa: PLR0913 - what a batch is made of; only the pump makes one
        self,
        supply: Supply,
        first_part: Sequence[Record],
        *,
        lane: Lane,
        deadline: float,
        stop: Stop,
        sealed: Bounds | None,
        seal: Callable[[Bounds], Awaitable[None]],
    ) -> None:
        self.lane = lane
        self.first = sealed.first if sealed else first_part[0].seq
        self.day = sealed.day if sealed else ticks.day(first_part[0].event.ticks)
        self.sealed = sealed
        self.records = 0
        self.last_ticks = 0
        self.withheld: Counter[str] = Counter()
        self._supply = supply
        self._next_part: Sequence[Record] = first_part
        self._deadline = deadline
        self._stop = stop
        self._seal = seal
        self._last = 0

    def __aiter__(self) -> "OpenBatch":
        return self

    async def __anext__(self) -> Sequence[Record]:
        part = self._next_part
        while not part:
            if self.sealed is not None and self._supply.position >= self.sealed.last:
                raise StopAsyncIteration
            read = await self._read()
            if read is None:
                raise StopAsyncIteration
            part, withheld = read
            self.withheld += withheld
        self._next_part = ()
        self._last = part[-1].seq
        self.last_ticks = part[-1].event.ticks
        self.records += len(part)
        return part

    async def seal(self) -> Bounds:
        """Fix the bounds on disk, once."""
        if self.sealed is None:
            bounds = Bounds(self.lane, self.first, self._last, self.day)
            await self._seal(bounds)
            self.sealed = bounds
        return self.sealed

    async def _read(self) -> Read | None:
        if self.sealed is not None:
            return await self._supply.read(self.sealed.last)
        return await first_of(self._supply, self._stop, self._deadline)


class SealOnDisk:
    """Writes a batch's bounds into the journal."""

    def __init__(self, journal: Journal, sink: str) -> None:
        self._journal = journal
        self._sink = sink

    async def __call__(self, bounds: Bounds) -> None:
        """Return when the bounds are durable."""
        await self._journal.seal(self._sink, bounds.lane, bounds.first, bounds.last)


async def first_of(supply: Supply, stop: Stop, deadline: float | None) -> Read | None:
    """Read the next part. None: the deadline (of the loop's clock) passed, or a stop found nothing more to read."""
    loop = asyncio.get_running_loop()
    if stop.is_over() or (deadline is not None and loop.time() >= deadline):
        return None
    await asyncio.sleep(0)  # all others have their turn between two parts
    if (read := supply.at_hand()) is not None:
        return read
    reading = asyncio.ensure_future(supply.read())
    stopping = asyncio.ensure_future(stop.wait())
    try:
        timeout = None if deadline is None else deadline - loop.time()
        done, _ = await asyncio.wait({reading, stopping}, timeout=timeout, return_when=asyncio.FIRST_COMPLETED)
        if reading not in done and stop.is_set():
            done, _ = await asyncio.wait({reading}, timeout=_ON_DISK_S)
        return reading.result() if reading in done else None
    finally:
        reading.cancel()
        stopping.cancel()
