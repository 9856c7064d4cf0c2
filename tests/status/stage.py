"""A journal with tags and values, shown as the daemon shows it."""

import math
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from msgspec.structs import replace

from pibridge.context.assets import AssetMap
from pibridge.context.settings import ContextSettings
from pibridge.context.surroundings import Surroundings
from pibridge.journal.journal import Journal
from pibridge.journal.settings import JournalSettings
from pibridge.model import ticks
from pibridge.model.event import Event, Lane
from pibridge.model.tag import Asset, Mode, Tag
from pibridge.status.snapshot import Snapshot
from pibridge.status.tag_table import TagsNow
from status.moments import BUSY

NOW = ticks.parse("2026-03-01T12:00:00Z")
SECOND = ticks.PER_SECOND


def tag(number: int, **changes: object) -> Tag:
    """Give a tag of a unit: ten tags each."""
    unit = f"Plant/Unit{number // 10:04d}"
    known = Tag(
        stream="reactors" if number % 2 else "utilities",
        mode=Mode.REALTIME,
        name=f"U{number // 10:04d}.Value{number % 10}",
        path=rf"\\PISRV1\U{number:06d}",
        web_id=f"W{number}",
        unit="°C",
        asset=Asset(unit, "Unit"),
    )
    return replace(known, **changes)


class Stage:
    """A `Source` on a real journal. What it says can be set."""

    def __init__(self, journal: Journal, folder: Path) -> None:
        self.journal = journal
        self.journal_folder = folder
        self.surroundings: Surroundings | None = Surroundings(ContextSettings(), [])
        self.said: Snapshot = BUSY
        self.reading: set[int] = set()
        self.refused: dict[int, str] = {}
        self.now_ticks = NOW
        self.asked = 0

    def snapshot(self) -> Snapshot:
        """Give the state."""
        self.asked += 1
        return self.said

    def tags(self) -> TagsNow:
        """Give what the journal knows of the tags."""
        return TagsNow(
            tags=self.journal.tags(),
            newest=self.journal.newest(),
            reading=self.reading,
            refused=self.refused,
            assets=AssetMap([]),
            now_ticks=self.now_ticks,
        )

    async def add(self, count: int) -> list[int]:
        """Have so many more tags read."""
        known = len(self.journal.tags())
        numbers = await self.journal.describe([tag(number) for number in range(known, known + count)])
        self.reading |= set(numbers)
        return numbers

    async def tell(self, *events: Event) -> None:
        """Have live events stored."""
        await self.journal.commit(Lane.LIVE, events, self.now_ticks)

    async def wave(self, numbers: list[int], seconds: int) -> None:
        """Store a value a second for each tag, up to now."""
        for ago in range(seconds, -1, -1):
            at = self.now_ticks - ago * SECOND
            await self.tell(*(Event(number, at, math.sin((number + ago) / 5) * 10) for number in numbers))


@asynccontextmanager
async def staged(folder: Path, count: int = 0) -> AsyncIterator[Stage]:
    """Open a journal with so many tags."""
    journal = await Journal.open(JournalSettings(path=folder / "journal", max_size=256 << 20))
    stage = Stage(journal, folder / "journal")
    await stage.add(count)
    yield stage
    await journal.close()
