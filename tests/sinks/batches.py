"""Batches of made-up values, sealed and tried again as the pump does it."""

from collections.abc import AsyncIterator, Iterable, Sequence

from pibridge.context.record import Record, context_of
from pibridge.model import ticks
from pibridge.model.event import Event, Lane
from pibridge.model.tag import Asset, Mode, Tag
from pibridge.sinks.contract import Batch, Bounds, Sink

NOON = ticks.parse("2026-03-09T12:00:00Z")
TEMPERATURE = Tag(
    stream="reactors",
    mode=Mode.REALTIME,
    name="Plant/Area1/R1|Temperature",
    path=r"\\AF1\Plant\Area1\R1|Temperature",
    web_id="F1AbEwR1",
    unit="°C",
)
IN_CONTEXT = {
    lane: context_of("houston", TEMPERATURE, Asset("Plant/Area1/R1", "Reactor", "Temperature"), lane) for lane in Lane
}


def values(first: int, count: int, lane: Lane = Lane.LIVE) -> list[Record]:
    """Give records at places `first`, `first + 1`, …; one a second from noon on, no two alike."""
    return [
        Record(seq, Event(1, NOON + seq * ticks.PER_SECOND, seq * 1.37 % 997), IN_CONTEXT[lane])
        for seq in range(first, first + count)
    ]


class ListedBatch:
    """A `Batch` over records in a list. `log`: gets `sealed` when its bounds are fixed."""

    def __init__(
        self, records: Sequence[Record], *, part: int = 100, sealed: Bounds | None = None, log: list[str] | None = None
    ) -> None:
        self.lane = records[0].context.lane
        self.first = records[0].seq
        self.day = ticks.day(records[0].event.ticks)
        self.sealed = sealed
        self.given: list[Record] = []
        self._records = records
        self._part = part
        self._log = log if log is not None else []

    async def __aiter__(self) -> AsyncIterator[Sequence[Record]]:
        """Give parts of equal size, up to the sealed end."""
        end = self.sealed.last if self.sealed else self._records[-1].seq
        records = [record for record in self._records if record.seq <= end]
        for start in range(0, len(records), self._part):
            part = records[start : start + self._part]
            self.given += part
            yield part

    async def seal(self) -> Bounds:
        """Fix the bounds, once."""
        if self.sealed is None:
            self.sealed = Bounds(self.lane, self.first, self.given[-1].seq, self.day)
            self._log.append("sealed")
        return self.sealed


async def deliver(sink: Sink, records: Iterable[Record], *, part: int = 100) -> list[Bounds]:
    """Write all records, batch after batch, as the pump does; give the bounds of the batches."""
    waiting, written = list(records), []
    while waiting:
        batch: Batch = ListedBatch(waiting, part=part)
        receipt = await sink.write(batch)
        assert not receipt.refused
        bounds = await batch.seal()
        written.append(bounds)
        waiting = [record for record in waiting if record.seq > bounds.last]
    return written
