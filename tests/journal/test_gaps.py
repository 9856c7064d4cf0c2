from pathlib import Path

import pytest

from journal.samples import NOW, events, opened
from pibridge.journal.gaps import AdvanceGap, CloseGap, NewGap
from pibridge.journal.journal import Journal
from pibridge.model.event import Lane


async def told(journal: Journal) -> list[tuple[int, int, int | None, str]]:
    """Give the gaps without their ids."""
    return [(gap.tag, gap.start_ticks, gap.end_ticks, gap.reason) for gap in await journal.gaps()]


async def test_a_gap_survives_a_restart(tmp_path: Path) -> None:
    """A gap is a debt: it is there until it is paid."""
    async with opened(tmp_path) as journal:
        await journal.open_gaps([NewGap(2, 10, 20, "disconnected"), NewGap(1, 5, None, "down")])
    async with opened(tmp_path) as journal:
        assert await told(journal) == [(1, 5, None, "down"), (2, 10, 20, "disconnected")]


async def test_a_second_gap_without_end_is_the_same(tmp_path: Path) -> None:
    """Who is disconnected already keeps that gap, with the earlier start."""
    async with opened(tmp_path) as journal:
        await journal.open_gaps([NewGap(1, 50, None, "down"), NewGap(1, 90, None, "again")])
        assert await told(journal) == [(1, 50, None, "down")]
        await journal.open_gaps([NewGap(1, 40, None, "again")])
        assert await told(journal) == [(1, 40, None, "down")]


async def test_ending_touches_open_gaps_only(tmp_path: Path) -> None:
    """An end is given once, and never before the start."""
    async with opened(tmp_path) as journal:
        await journal.open_gaps([NewGap(1, 10, None, "a"), NewGap(2, 70, None, "a"), NewGap(3, 10, 20, "a")])
        await journal.end_gaps([1, 2, 3], 60)
        await journal.end_gaps([1], 80)
        assert await told(journal) == [(1, 10, 60, "a"), (2, 70, 70, "a"), (3, 10, 20, "a")]
        await journal.open_gaps([NewGap(1, 90, None, "b")])
        assert len(await journal.gaps()) == 4


async def test_gaps_change_with_the_data(tmp_path: Path) -> None:
    """What was read and what is still owed change in one step."""
    async with opened(tmp_path) as journal:
        await journal.open_gaps([NewGap(1, NOW, NOW + 100, "a"), NewGap(2, NOW, NOW + 100, "a")])
        first, second = await journal.gaps()
        await journal.commit(Lane.HISTORY, events(3), NOW, [AdvanceGap(first.id, NOW + 50), CloseGap(second.id)])
        assert await told(journal) == [(1, NOW + 50, NOW + 100, "a")]
        assert (await journal.next(Lane.HISTORY, 0)).events == events(3)


async def test_changes_without_data_are_kept_too(tmp_path: Path) -> None:
    """A gap in which PI had nothing is closed as well."""
    async with opened(tmp_path) as journal:
        await journal.open_gaps([NewGap(1, 10, 20, "a")])
        (gap,) = await journal.gaps()
        await journal.commit(Lane.HISTORY, [], NOW, [CloseGap(gap.id)])
        assert not await journal.gaps()
        assert journal.stat().events == 0


async def test_the_id_of_a_closed_gap_is_not_given_again(tmp_path: Path) -> None:
    """A late change cannot hit another gap."""
    async with opened(tmp_path) as journal:
        await journal.open_gaps([NewGap(1, 10, 20, "a")])
        (old,) = await journal.gaps()
        await journal.commit(Lane.HISTORY, [], NOW, [CloseGap(old.id)])
        await journal.open_gaps([NewGap(1, 30, 40, "a")])
        (new,) = await journal.gaps()
        assert new.id != old.id


@pytest.mark.timeout(20)
async def test_the_gaps_of_some_tags(tmp_path: Path) -> None:
    """They are all that is given, by tag and start."""
    async with opened(tmp_path) as journal:
        await journal.open_gaps([NewGap(tag, start, 100, "test") for tag in (1, 2, 3) for start in (20, 10)])
        found = await journal.gaps({3, 1, 9})
    assert [(gap.tag, gap.start_ticks) for gap in found] == [(1, 10), (1, 20), (3, 10), (3, 20)]


async def test_very_many_gaps(tmp_path: Path) -> None:
    """A plant of 20,000 tags that loses its connection is written down at once."""
    async with opened(tmp_path) as journal:
        await journal.open_gaps([NewGap(tag, tag, None, "down") for tag in range(1, 20_001)])
        await journal.end_gaps(range(1, 20_001), 50_000)
        assert [gap.end_ticks for gap in await journal.gaps()] == [50_000] * 20_000
