import asyncio
from pathlib import Path

import pytest

from journal.samples import NOW, opened
from pibridge.context.choice import Choice
from pibridge.errors import PIBridgeError
from pibridge.journal.backfill import WantedHistory
from pibridge.journal.gaps import AdvanceGap, NewGap
from pibridge.journal.journal import Journal
from pibridge.model.event import Lane
from waiting import eventually

WANTED = WantedHistory(choice=Choice(start_ticks=NOW, tags=("T*",)), again=True)


async def begun(journal: Journal) -> str:
    """Have a backfill with a gap of ten and one of five ticks, beside a gap of another reason."""
    backfill_id = await journal.backfills.order(WANTED, "backfill")
    found = journal.backfills.all[-1]
    gaps = [NewGap(1, NOW, NOW + 9, found.reason), NewGap(2, NOW, NOW + 4, found.reason)]
    await journal.open_gaps([NewGap(3, NOW, NOW + 4, "not running")])
    await journal.backfills.begin(found, [1, 2, 3], NOW + 20, gaps)
    return backfill_id


async def test_it_is_on_disk_with_its_gaps(tmp_path: Path) -> None:
    """In one transaction; a restart finds how far it has got."""
    async with opened(tmp_path) as journal:
        backfill_id = await begun(journal)
        await journal.backfills.pause(backfill_id)
        before = journal.backfills.all
    async with opened(tmp_path) as journal:
        assert journal.backfills.all == before
        (found,) = before
        assert (found.numbers, found.owed_ticks, found.end_ticks, found.again) == ((1, 2, 3), 15, NOW + 20, True)
        assert await journal.backfills.owed(found) == 2
        assert journal.backfills.is_paused(found.reason)


async def test_paused_and_resumed_its_gaps_stay(tmp_path: Path) -> None:
    """Only that they are not to be read meanwhile; who works on it is told."""
    async with opened(tmp_path) as journal:
        backfills = journal.backfills
        backfill_id = await begun(journal)
        known = backfills.changes
        waiting = asyncio.ensure_future(backfills.changed(known))
        assert await backfills.pause(backfill_id) == 1
        await eventually(waiting.done)
        assert await backfills.pause(backfill_id) == 0
        assert backfills.running("backfill") is None
        assert await backfills.resume(backfill_id) == 1
        assert backfills.running("backfill") == backfills.all[-1]
        assert not backfills.is_paused(backfills.all[-1].reason)
        assert len(await journal.gaps()) == 3


async def test_cancelled_its_gaps_are_owed_no_longer(tmp_path: Path) -> None:
    """All others are; it stays cancelled, whoever notes something of it."""
    async with opened(tmp_path) as journal:
        backfill_id = await begun(journal)
        found = journal.backfills.all[-1]
        assert await journal.backfills.cancel(backfill_id) == 1
        assert [gap.reason for gap in await journal.gaps()] == ["not running"]
        await journal.backfills.finish(found)
        await journal.backfills.begin(found, [1], NOW, [NewGap(1, NOW, NOW + 9, found.reason)])
        assert [each.state for each in journal.backfills.all] == ["cancelled"]
        assert len(await journal.gaps()) == 1


async def test_cancelled_it_says_how_far_it_had_got(tmp_path: Path) -> None:
    """Also after a restart, when its gaps are long gone."""
    async with opened(tmp_path) as journal:
        backfill_id = await begun(journal)
        (gap, *_) = await journal.gaps()
        await journal.commit(Lane.HISTORY, [], NOW, [AdvanceGap(gap.id, NOW + 3)])
        await journal.backfills.cancel(backfill_id)
    async with opened(tmp_path) as journal:
        (found,) = journal.backfills.all
        assert (found.state, found.left_ticks) == ("cancelled", 12)
        assert found.progress(await journal.gaps()) == pytest.approx(0.2)


async def test_cancelled_it_leaves_what_a_later_one_was_asked_for(tmp_path: Path) -> None:
    """That one had opened no gaps where there were some already."""
    async with opened(tmp_path) as journal:
        first = await begun(journal)
        await journal.backfills.order(WANTED, "backfill")
        second = journal.backfills.all[-1]
        await journal.backfills.begin(second, [1], NOW + 6, [])
        await journal.backfills.cancel(first)
        assert [(gap.tag, gap.start_ticks, gap.end_ticks, gap.reason) for gap in await journal.gaps()] == [
            (1, NOW, NOW + 6, second.reason),
            (3, NOW, NOW + 4, "not running"),
        ]
        await journal.backfills.cancel(second.id)
        assert [gap.reason for gap in await journal.gaps()] == ["not running"]


async def test_a_comparison_is_noted_tag_by_tag(tmp_path: Path) -> None:
    """And finished."""
    async with opened(tmp_path) as journal:
        await journal.backfills.order(WANTED, "reread")
        await journal.backfills.begin(journal.backfills.all[-1], [1, 2, 3], NOW)
        await journal.backfills.look(journal.backfills.all[-1], 2)
        assert journal.backfills.all[-1].looked == 2
        await journal.backfills.finish(journal.backfills.all[-1])
        assert journal.backfills.running("reread") is None
        assert journal.backfills.all[-1].state == "done"


async def test_one_that_nobody_knows_is_said(tmp_path: Path) -> None:
    """With what shows those there are."""
    async with opened(tmp_path) as journal:
        with pytest.raises(PIBridgeError, match="backfill list"):
            await journal.backfills.cancel("19700101T000000")


async def test_what_backfills_have_read_of_a_time_is_known(tmp_path: Path) -> None:
    """It is owed again where a damaged chunk may have held it; what was cancelled, or compared, is not."""
    async with opened(tmp_path) as journal:
        assert journal.backfills.of_time(0, 2 * NOW) == []
        backfill_id = await begun(journal)
        await journal.backfills.order(WANTED, "reread")
        await journal.backfills.begin(journal.backfills.all[-1], [1], NOW + 20)
        assert journal.backfills.of_time(NOW + 5, 2 * NOW) == [(n, NOW + 5, NOW + 20) for n in (1, 2, 3)]
        assert journal.backfills.of_time(0, NOW - 1) == journal.backfills.of_time(NOW + 21, 2 * NOW) == []
        await journal.backfills.cancel(backfill_id)
        assert journal.backfills.of_time(0, 2 * NOW) == []


async def test_a_repair_is_begun_at_once(tmp_path: Path) -> None:
    """Each tag has a time of its own, and a gap of it; batches are not fetched for it."""
    spans = {2: (NOW + 5, NOW + 9), 1: (NOW, NOW + 4)}
    async with opened(tmp_path) as journal:
        known = journal.backfills.changes
        repair_id = await journal.backfills.repair(spans)
        assert journal.backfills.changes == known + 1
        before = journal.backfills.all
    async with opened(tmp_path) as journal:
        (found,) = journal.backfills.all
        assert [found] == before
        assert (found.id, found.kind, found.begun, found.numbers) == (repair_id, "repair", True, (1, 2))
        assert (found.choice.start_ticks, found.end_ticks, found.owed_ticks) == (NOW, NOW + 9, 10)
        gaps = await journal.gaps()
        assert [(gap.tag, gap.start_ticks, gap.end_ticks, gap.reason) for gap in gaps] == [
            (1, NOW, NOW + 4, found.reason),
            (2, NOW + 5, NOW + 9, found.reason),
        ]
        assert found.progress(gaps) == 0.0
        assert found.progress(gaps[1:]) == 0.5
        assert journal.backfills.of_time(NOW, NOW + 9) == []
        assert journal.backfills.running("repair") == found
        assert await journal.backfills.repair(spans) != repair_id
