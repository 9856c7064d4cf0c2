"""Journaled events on their way to one sink once more, in parts whose bounds are on disk before they leave.

A part is a batch of the lane history: live delivery never waits for one. The deadband is not asked: what it keeps back
depends on what was delivered before, and a replay goes back to what was delivered long ago.
"""

import asyncio
from bisect import bisect_right
from collections import Counter
from collections.abc import Coroutine, Iterable, Iterator, Sequence
from contextlib import suppress
from itertools import chain
from typing import Any, Final, TypeVar

from msgspec import Struct

from pibridge.context.choice import Chooser
from pibridge.context.filters import Filter
from pibridge.context.record import Record
from pibridge.context.stamp import Stamp
from pibridge.delivery.hold import Hold
from pibridge.delivery.resending import Resent
from pibridge.delivery.stop import Stop
from pibridge.journal.chunks import Chunk
from pibridge.journal.journal import Journal
from pibridge.journal.letters import DeadLetter
from pibridge.journal.replay import Replay, SealedPart, Sent
from pibridge.model import ticks
from pibridge.model.event import Lane
from pibridge.sinks.contract import Bounds

_MOST_RECORDS: Final = 10_000
_PART_S: Final = 10.0
"""A part holds at most what may be sent in this time."""
_MOST_CHUNKS: Final = 4096
"""A part ends when so many were read, however few records they gave: it is done with them for good."""

_T = TypeVar("_T")


class ReplayPart(Struct, frozen=True):
    """Of a replay what follows next: these records, and everything up to the place `until` is done with them.

    `gone`: so many chunks on the way were removed meanwhile, or are damaged.
    """

    replay: Replay
    records: list[Record]
    withheld: Counter[str]
    gone: int
    until: int

    def batch(self, sealed: SealedPart) -> Resent:
        """Give the batch that is to be written. `sealed`: its bounds, on disk."""
        bounds = Bounds(Lane.HISTORY, sealed.first, sealed.until, sealed.day, self.replay.id)
        return Resent(bounds, self.records, self.withheld)


class Replaying:
    """Makes the parts of the replays to one sink, one after the other, no faster than each may go."""

    def __init__(self, journal: Journal, sink: str, stamp: Stamp, admits: Filter, hold: Hold) -> None:
        self._journal = journal
        self._sink = sink
        self._stamp = stamp
        self._admits = admits
        self._hold = hold
        self._begun_s = self._due_s = 0.0
        self._id = ""
        self._chooser: Chooser | None = None
        self._positions: Sequence[int] = ()
        self._gone = 0

    async def next(self, stop: Stop) -> tuple[ReplayPart, Resent | None] | None:
        """Wait for what is to be sent next: the part, and its batch if any record passed. None: stopped.

        Until it is settled the same comes again, and the batch with the same bounds.
        """
        while True:
            replay = await _unless_stopped(self._journal.replays.next(self._sink), stop)
            if replay is None:
                return None
            self._begun_s = asyncio.get_running_loop().time()
            if replay.id == self._id and self._begun_s < self._due_s:
                with suppress(TimeoutError):
                    async with asyncio.timeout(self._due_s - self._begun_s):
                        await _unless_stopped(self._journal.replays.halted(replay), stop)
                continue
            part = await self._part(replay, stop)
            if part is None:
                continue
            if not part.records:
                return part, None
            sealed = replay.sealed
            if sealed is None:
                sealed = SealedPart(part.records[0].seq, part.until, ticks.day(part.records[0].event.ticks))
                await self._journal.replays.seal(replay, sealed)
            return part, part.batch(sealed)

    async def settle(self, part: ReplayPart, letters: Sequence[DeadLetter] = ()) -> None:
        """Note that a part has left, but for dead letters; durable on return. The next one waits for its time."""
        lanes = {record.seq: record.context.lane for record in part.records}
        refused = [(lanes[letter.seq], letter) for letter in letters]
        sent, left = len(part.records) - len(letters), self._begun_behind(part.until)
        await self._journal.replays.settle(part.replay, part.until, Sent(sent, part.withheld, part.gone, left), refused)
        self._gone = 0
        self._due_s = self._begun_s + len(part.records) / part.replay.rate

    async def _part(self, replay: Replay, stop: Stop) -> ReplayPart | None:
        """Read on. None: it was paused or stopped meanwhile."""
        chooser = await self._begun(replay)
        most = max(1, min(_MOST_RECORDS, int(replay.rate * _PART_S)))
        last = replay.upto if replay.sealed is None else replay.sealed.until
        records: list[Record] = []
        withheld: Counter[str] = Counter()
        gone = self._gone
        # The chunk that holds the place may hold what follows it.
        begin = max(0, bisect_right(self._positions, replay.seq + 1) - 1)
        for count, seq in enumerate(self._positions[begin:]):
            if seq > last:
                break
            if stop.is_set() or not self._journal.replays.is_running(replay):
                return None
            if replay.sealed is None and count == _MOST_CHUNKS:
                return ReplayPart(replay, records, withheld, gone, seq - 1)
            chunk = await self._journal.replays.chunk(seq)
            if not isinstance(chunk, Chunk):
                gone += 1
                continue
            for record in await self._records(chooser, chunk, replay.seq, last):
                reason = self._admits(record)
                if reason:
                    withheld[reason] += 1
                    continue
                records.append(record)
                if replay.sealed is None and len(records) == most:
                    return ReplayPart(replay, records, withheld, gone, record.seq)
        return ReplayPart(replay, records, withheld, gone, last)

    async def _begun(self, replay: Replay) -> Chooser:
        if self._chooser is None or self._id != replay.id:
            self._id, self._positions = replay.id, await self._journal.replays.positions(replay)
            self._chooser = Chooser(replay.choice, self._stamp.again(replay.id))
            self._gone = replay.left - self._begun_behind(replay.seq)
        return self._chooser

    def _begun_behind(self, seq: int) -> int:
        """Give how many chunks begin behind a place."""
        return len(self._positions) - bisect_right(self._positions, seq)

    async def _records(self, chooser: Chooser, chunk: Chunk, after: int, upto: int) -> list[Record]:
        """Give the records of a chunk that are meant, behind one place and up to another."""
        meant = [each for each in chooser.events(chunk.lane, chunk.first_seq, chunk.events) if after < each[0] <= upto]
        if not meant:
            return []
        await self._hold.until_known([event for _, event in meant], chunk.arrived_ticks)
        return chooser.records(chunk.lane, chunk.first_seq, meant)


def replayed(parts: Iterable[list[Record]], replay_id: str) -> Iterator[Resent]:
    """Give records, that a stamp made for a replay, as batches of limited size."""
    gathered: list[Record] = []
    for records in chain(parts, [[]]):
        gathered += records
        if gathered and (not records or len(gathered) >= _MOST_RECORDS):
            first, last = gathered[0], gathered[-1]
            bounds = Bounds(Lane.HISTORY, first.seq, last.seq, ticks.day(first.event.ticks), replay_id)
            yield Resent(bounds, gathered, Counter())
            gathered = []


async def _unless_stopped(work: Coroutine[Any, Any, _T], stop: Stop) -> _T | None:
    """Wait for this, or give None when the stop has begun."""
    working, stopping = asyncio.ensure_future(work), asyncio.ensure_future(stop.wait())
    try:
        await asyncio.wait({working, stopping}, return_when=asyncio.FIRST_COMPLETED)
        return None if stop.is_set() else working.result()
    finally:
        working.cancel()
        stopping.cancel()
