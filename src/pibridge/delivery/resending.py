"""Records on their way again, and dead letters made anew of their events, with context and filter as they are now."""

import asyncio
from collections import Counter
from collections.abc import Sequence
from typing import Final

from pibridge.context.filters import Filter
from pibridge.context.record import Record, json_record
from pibridge.context.stamp import Stamp
from pibridge.delivery.stop import Stop
from pibridge.journal.journal import Journal
from pibridge.journal.letters import DeadLetter, Part
from pibridge.model import ticks
from pibridge.model.event import Lane
from pibridge.sinks.contract import Bounds, Receipt, Refusal

_PART: Final = 1000


class Resent:
    """Records once more: the `Batch` of the sink contract. What it holds is on disk from the start, so it is sealed."""

    def __init__(self, bounds: Bounds, records: Sequence[Record], withheld: Counter[str]) -> None:
        self.lane = bounds.lane
        self.first = bounds.first
        self.day = bounds.day
        self.sealed: Bounds | None = bounds
        self.records = len(records)
        self.last_ticks = records[-1].event.ticks
        self.withheld = withheld
        self._bounds = bounds
        self._parts = iter([records[start : start + _PART] for start in range(0, len(records), _PART)])

    def __aiter__(self) -> "Resent":
        return self

    async def __anext__(self) -> Sequence[Record]:
        for part in self._parts:
            return part
        raise StopAsyncIteration

    async def seal(self) -> Bounds:
        """Give the bounds."""
        return self._bounds


def bounds_of(lane: Lane, records: Sequence[Record]) -> Bounds:
    """Give the bounds of records that are a batch."""
    return Bounds(lane, records[0].seq, records[-1].seq, ticks.day(records[0].event.ticks))


def remade(part: Part, stamp: Stamp, admits: Filter) -> tuple[list[Record], Counter[str]]:
    """Give the records of a part that pass the filter, and how many were withheld by which key.

    A deadband is not asked: it let them pass when they were new.
    """
    records: list[Record] = []
    withheld: Counter[str] = Counter()
    for letter in part.letters:
        for record in stamp.records(part.lane, letter.seq, [letter.event] if letter.event else []):
            reason = admits(record)
            if reason:
                withheld[reason] += 1
            else:
                records.append(record)
    return records, withheld


def letters_of(receipt: Receipt, part: Part | None = None) -> list[DeadLetter]:
    """Give the dead letters that keep what was refused. `part`: what was sent again."""
    earlier = {letter.seq: letter.tries for letter in part.letters} if part else {}
    return [_letter(refusal, earlier.get(refusal.record.seq, 0) + 1) for refusal in receipt.refused]


def _letter(refusal: Refusal, tries: int) -> DeadLetter:
    record = refusal.record
    return DeadLetter(record.seq, refusal.reason, json_record(record), record.event, tries)


async def next_part(journal: Journal, sink: str, stop: Stop) -> Part | None:
    """Wait for what is to be sent to a sink again. None: stopped, the rest waits in the journal."""
    asking = asyncio.ensure_future(journal.letters.next(sink))
    stopping = asyncio.ensure_future(stop.wait())
    try:
        await asyncio.wait({asking, stopping}, return_when=asyncio.FIRST_COMPLETED)
        return None if stop.is_set() else asking.result()
    finally:
        asking.cancel()
        stopping.cancel()
