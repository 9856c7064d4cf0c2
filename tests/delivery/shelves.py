"""A journal on a real disk, and sinks that keep what they are given in memory."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from context.plants import surroundings
from journal.samples import NOW, tags
from pibridge.context import deadband, filters
from pibridge.context.filters import Filter
from pibridge.context.record import Record
from pibridge.context.settings import FilterSettings
from pibridge.context.stamp import Stamp
from pibridge.context.surroundings import Surroundings
from pibridge.delivery.hold import Hold
from pibridge.delivery.manifests import Manifests
from pibridge.delivery.pump import Pump
from pibridge.delivery.stop import Stop
from pibridge.errors import UnavailableError
from pibridge.journal.journal import Journal
from pibridge.journal.settings import JournalSettings
from pibridge.model.event import Lane
from pibridge.sinks.contract import Batch, Bounds, KeepsManifests, Receipt, Refusal, Sink
from pibridge.status.counters import Counters

NOTHING_THINNED = FilterSettings()
EVERYTHING = filters.build(NOTHING_THINNED)


@dataclass
class Shelf:
    """A sink: each batch under its bounds, so that the same one again takes its own place."""

    max_age_s: float = 0.02
    roll_records: int = 1 << 30
    is_away: bool = False
    """Nothing can be opened or written."""
    breaks: int = 0
    """So many writes fail once their bounds are fixed."""
    refuses: Callable[[Record], str] = lambda _: ""
    """Why a record is refused for good, or nothing."""
    before_keeping: Callable[[Bounds], Awaitable[None]] | None = None
    """Happens between the fixing of the bounds and the far side's confirmation."""
    kept: dict[Bounds, list[Record]] = field(default_factory=dict)
    fixed: list[Bounds] = field(default_factory=list)
    manifests: dict[str, list[bytes]] = field(default_factory=dict)
    """All that were ever kept under a name."""
    is_closed: bool = False

    async def open(self) -> None:
        """Make ready."""
        self._reach()

    async def write(self, batch: Batch) -> Receipt:
        """Keep the batch."""
        self._reach()
        records: list[Record] = []
        async for part in batch:
            assert part
            records += part
            if batch.sealed is None and len(records) >= self.roll_records:
                break
        bounds = await batch.seal()
        self.fixed.append(bounds)
        if self.before_keeping is not None:
            await self.before_keeping(bounds)
        self._reach()
        if self.breaks:
            self.breaks -= 1
            raise UnavailableError("the link broke")
        refused = [Refusal(record, reason) for record in records if (reason := self.refuses(record))]
        others = {id(refusal.record) for refusal in refused}
        self.kept[bounds] = [record for record in records if id(record) not in others]
        return Receipt(refused)

    async def keep_manifest(self, name: str, content: bytes) -> None:
        """Keep it."""
        self._reach()
        self.manifests.setdefault(name, []).append(content)

    async def probe(self) -> str:
        """Nothing to try."""
        return "in memory"

    async def close(self) -> None:
        """Nothing to let go of."""
        self.is_closed = True

    def seqs(self, lane: Lane = Lane.LIVE) -> list[int]:
        """Give the places of the records of a lane, in the order in which they came."""
        return [record.seq for bounds, records in self.kept.items() if bounds.lane is lane for record in records]

    def _reach(self) -> None:
        if self.is_away:
            raise UnavailableError("nobody is there")


@dataclass
class Dock:
    """A journal, and pumps out of it."""

    journal: Journal
    folder: Path
    around: Surroundings = field(default_factory=surroundings)
    stop: Stop = field(default_factory=Stop)
    counters: Counters = field(default_factory=Counters)
    now: int = NOW
    """PI's time."""

    def pump(
        self, sink: Sink, name: str = "lake", admits: Filter = EVERYTHING, thins: FilterSettings = NOTHING_THINNED
    ) -> Pump:
        """Give a pump for the sink. `thins`: has its deadband."""
        counters, thinned, hold = self.counters.sink(name), deadband.build(thins), self.hold()
        manifests = None
        if isinstance(sink, KeepsManifests):
            manifests = Manifests("houston", name, sink, self.journal, self.around, lambda: self.now)
        return Pump(name, sink, self.journal, self.stamp(), admits, hold, counters, self.stop, thinned, manifests)

    def stamp(self) -> Stamp:
        """Give what makes records."""
        return Stamp("houston", self.around, self.journal.tag)

    def hold(self) -> Hold:
        """Give what makes events wait."""
        return Hold(self.around, lambda number: self.journal.tag(number, 1 << 62), lambda: self.now, lambda _: None)

    def lag(self, name: str = "lake") -> int:
        """Give how far the sink is behind, both lanes together."""
        stat = self.journal.stat()
        lags = [lag for (sink, _), lag in stat.lag.items() if sink == name]
        return sum(lags) if len(lags) == len(Lane) else stat.newest_seq


@asynccontextmanager
async def opened(folder: Path) -> AsyncIterator[Dock]:
    """Open the journal in a folder; it knows three tags."""
    journal = await Journal.open(JournalSettings(path=folder, flush=0.005))
    try:
        await journal.describe(tags(3))
        yield Dock(journal, folder)
    finally:
        await journal.close()
