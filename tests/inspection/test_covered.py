import asyncio
from pathlib import Path

from journal.samples import NOW, opened
from pibridge.context.choice import Choice
from pibridge.inspection.covered import covered
from pibridge.journal.backfill import WantedHistory
from pibridge.journal.gaps import NewGap
from pibridge.journal.reader import JournalReader
from pibridge.model import ticks

WANTED = WantedHistory(choice=Choice(start_ticks=NOW, tags=("T*",)))


async def test_a_backfill_counts_as_far_as_it_has_read(tmp_path: Path) -> None:
    """With what is read live; what it still owes is a gap, as the journal has it."""
    async with opened(tmp_path) as journal:
        await journal.join([1, 2], NOW + 100)
        await journal.backfills.order(WANTED, "backfill")
        found = journal.backfills.all[-1]
        await journal.backfills.begin(found, [1], NOW + 20, [NewGap(1, NOW + 5, NOW + 20, found.reason)])

        def look() -> None:
            reader = JournalReader.open(tmp_path)
            coverage, gaps = covered(reader)
            reader.close()
            live = (NOW + 100, ticks.FOREVER)
            assert [coverage.spans(number) for number in (1, 2, 3)] == [[(NOW, NOW + 4), live], [live], []]
            assert [(gap.tag, gap.start_ticks, gap.end_ticks) for gap in gaps] == [(1, NOW + 5, NOW + 20)]

        await asyncio.to_thread(look)
