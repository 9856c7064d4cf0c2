from pathlib import Path

from journal.samples import NOW, events, opened
from pibridge.journal.gaps import NewGap
from pibridge.model.event import Event, Lane


async def test_it_counts_what_is_kept_owed_and_held(tmp_path: Path) -> None:
    """Events in the journal, those a sink has not taken, and those that wait for their place."""
    async with opened(tmp_path) as journal:
        await journal.cursor("lake", Lane.LIVE)
        journal.hold([2])
        journal.append([*events(5), Event(2, NOW, 1)], NOW)
        await journal.flush()
        stat = journal.stat()
        assert (stat.events, stat.newest_seq, stat.held, stat.full) == (5, 5, 1, False)
        assert stat.lag["lake", Lane.LIVE] == 5
        await journal.advance("lake", Lane.LIVE, 3)
        assert journal.stat().lag["lake", Lane.LIVE] == 2


async def test_it_counts_gaps_with_and_without_an_end(tmp_path: Path) -> None:
    """Those of tags that are not heard now are debts, too."""
    async with opened(tmp_path) as journal:
        assert journal.stat().gaps == 0
        await journal.open_gaps([NewGap(1, 0, 10, "test"), NewGap(2, 0, None, "test")])
    async with opened(tmp_path) as journal:
        assert journal.stat().gaps == 2
