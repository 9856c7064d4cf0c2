from pathlib import Path

import pytest

from pibridge.errors import JournalError
from pibridge.journal.gaps import NewGap
from pibridge.model.event import Event
from pibridge.status.look import LONGEST_S, Look
from status.stage import NOW, SECOND, staged


async def test_it_sees_the_events_of_some_tags(tmp_path: Path) -> None:
    """Of these tags and this time alone, beside the writer, and all of them."""
    async with staged(tmp_path, 3) as stage:
        await stage.wave([1, 2, 3], 120)
        look = Look(stage.journal_folder)
        seen = await look.seen([1, 3], NOW - 60 * SECOND)
        assert set(seen.events) == {1, 3}
        assert sorted(event.ticks for event in seen.events[3]) == [NOW - ago * SECOND for ago in range(60, -1, -1)]
        assert seen.since_ticks == NOW - 60 * SECOND
        look.close()


async def test_a_question_takes_only_so_long(tmp_path: Path) -> None:
    """When its time is up it says how far back it got, and between there and now nothing is missing."""
    spent_s = iter(range(1000))
    async with staged(tmp_path, 1) as stage:
        await stage.wave([1], 60)
        look = Look(stage.journal_folder, lambda: next(spent_s) * LONGEST_S / 10)
        seen = await look.seen([1], 0)
        assert seen.since_ticks > NOW - 30 * SECOND
        wanted = [NOW - ago * SECOND for ago in range((NOW - seen.since_ticks) // SECOND + 1)]
        assert sorted((event.ticks for event in seen.events[1]), reverse=True) == wanted
        look.close()


async def test_it_sees_what_is_owed(tmp_path: Path) -> None:
    """Gaps as the writer left them."""
    async with staged(tmp_path, 1) as stage:
        look = Look(stage.journal_folder)
        assert await look.gaps() == []
        await stage.journal.open_gaps([NewGap(1, NOW, None, "channel lost")])
        assert [gap.reason for gap in await look.gaps()] == ["channel lost"]
        await stage.tell(Event(1, NOW, 1.0))
        look.close()


async def test_without_a_journal_it_says_so(tmp_path: Path) -> None:
    """The error names the folder; letting go of nothing is fine."""
    look = Look(tmp_path / "nowhere")
    with pytest.raises(JournalError, match="nowhere"):
        await look.gaps()
    look.close()
