"""Who pays gaps of a plant, and who judges whether all was told, and once."""

from collections.abc import Sequence

from intake.lines import SECOND, Line
from pibridge.intake.catalogue import Catalogue
from pibridge.intake.history import History
from pibridge.journal.gaps import NewGap
from pibridge.model.event import Lane
from waiting import eventually, running

BULK = ["BULK.000001", "BULK.000002", "BULK.000003"]
LONG_S = 300


class Archivist:
    """History over a line, with the tags it reads."""

    def __init__(self, line: Line, items: int = 50_000) -> None:
        self.line = line
        self.catalogue = Catalogue()
        self.history = History(line.client, line.journal, self.catalogue, line.counters, items)
        self.numbers: list[int] = []

    async def owe(self, names: Sequence[str], start_s: float, end_s: float = 0) -> None:
        """Open a gap for each point; seconds from the plant's present."""
        tags = await self.line.describe(*names)
        self.numbers = list(tags)
        self.catalogue.add(tags)
        now = self.line.clock.ticks
        start, end = now + round(start_s * SECOND), now + round(end_s * SECOND)
        await self.line.journal.open_gaps([NewGap(number, start, end, "test") for number in tags])
        self.history.recoverable()

    async def pay(self) -> None:
        """Run until nothing is owed."""
        async with running(self.history.run()):
            await eventually(self.line.owes_nothing, 15)


async def judge(line: Line, names: Sequence[str], start_s: float) -> None:
    """All that the plant knows of the time was told, once, each tag by time."""
    owed = line.truth(names, line.clock.ticks + round(start_s * SECOND))
    assert sum(owed.values()) > 0
    assert await line.told() == owed
    for number in {event.tag for event in await line.events()}:
        times = [event.ticks for event in line.on_disk(Lane.HISTORY) if event.tag == number]
        assert times == sorted(times)
