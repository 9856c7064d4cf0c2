import asyncio
import random
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from delivery.shelves import Dock, Shelf, opened
from journal.samples import NOW, raw
from pibridge.context import deadband, filters
from pibridge.context.settings import FilterSettings
from pibridge.delivery import thinning
from pibridge.delivery.thinning import Places
from pibridge.delivery.thinning import delivered as what_was_delivered
from pibridge.model import ticks
from pibridge.model.event import BAD, Event, Lane
from pibridge.sinks.contract import Bounds
from waiting import eventually, running

THIN = FilterSettings.model_validate({"deadband": 2})
HALF = FilterSettings.model_validate({"deadband": 0.5})
WIDE = FilterSettings.model_validate({"deadband": 100})


def said(*values: float, start_s: float = 0, tag: int = 1) -> list[Event]:
    """Give events of one tag, a second apart."""
    return [Event(tag, NOW + ticks.from_seconds(start_s + i), value) for i, value in enumerate(values)]


def values(shelf: Shelf, lane: Lane = Lane.LIVE) -> list[Any]:
    """Give the values that the sink has of a lane, in the order in which they came."""
    return [record.event.value for bounds, records in shelf.kept.items() if bounds.lane is lane for record in records]


async def delivered(dock: Dock, shelf: Shelf, thins: FilterSettings = THIN, **more: Any) -> None:
    """Deliver all that is owed."""
    async with running(dock.pump(shelf, thins=thins, **more).run()):
        await eventually(lambda: dock.lag() == 0)


async def test_small_changes_are_kept_back_and_counted(dock: Dock) -> None:
    """After the other filters, under the key that did it; the cursor passes them."""
    await dock.journal.commit(Lane.LIVE, [*said(0, 1, 2, 3, 4, 5), Event(1, NOW + ticks.from_seconds(9), 4, BAD)], NOW)
    shelf = Shelf()
    good = filters.build(FilterSettings(quality=frozenset({"good"})))
    await delivered(dock, shelf, admits=good)
    assert values(shelf) == [0, 2, 4]
    assert dock.counters.sink("lake").withheld == {"deadband": 3, "quality": 1}


async def test_a_second_try_has_the_same_records_and_counts_once(dock: Dock) -> None:
    """What an earlier try delivered is no value that was delivered."""
    shelf = Shelf(breaks=3)
    await dock.journal.commit(Lane.LIVE, said(0, 1, 2, 3, 4, 5), NOW)
    await delivered(dock, shelf)
    assert values(shelf) == [0, 2, 4]
    assert (dock.counters.sink("lake").retries, dock.counters.sink("lake").withheld) == (3, {"deadband": 3})


async def test_a_restart_goes_on_where_it_was(tmp_path: Path) -> None:
    """Also behind a stretch of which nothing was delivered, and for both lanes."""
    shelf = Shelf()
    for start, told in ((0, (0, 1)), (10, (1, 0.5)), (20, (1, 1.9, 2, 1))):
        async with opened(tmp_path) as dock:
            await dock.journal.commit(Lane.LIVE, said(*told, start_s=start), NOW)
            await dock.journal.commit(Lane.HISTORY, said(*told, start_s=start - 100), NOW)
            await delivered(dock, shelf)
    assert (values(shelf), values(shelf, Lane.HISTORY)) == ([0, 2], [0, 2])


@pytest.mark.parametrize("between", [FilterSettings.model_validate({"deadband": "3%"}), FilterSettings()])
async def test_another_deadband_starts_anew(tmp_path: Path, between: FilterSettings) -> None:
    """And so does one that was away for a while: nobody knows what was delivered meanwhile."""
    shelf = Shelf()
    for start, thins in ((0, THIN), (10, between), (20, THIN)):
        async with opened(tmp_path) as dock:
            await dock.journal.commit(Lane.LIVE, said(0, start_s=start), NOW)
            await delivered(dock, shelf, thins)
    assert values(shelf) == [0, 0, 0]


async def test_a_sink_that_comes_back_starts_anew(dock: Dock) -> None:
    """What a removed sink got is forgotten."""
    shelf = Shelf()
    await dock.journal.commit(Lane.LIVE, said(0), NOW)
    await delivered(dock, shelf)
    await dock.journal.forget_sink("lake")
    await delivered(dock, shelf)
    assert shelf.seqs() == [1]
    assert dock.counters.sink("lake").delivered == 2


async def test_a_sealed_batch_is_the_same_after_a_crash(tmp_path: Path) -> None:
    """Though the other lane has delivered since what would change the verdicts, and the deadband is another one."""
    leaving = asyncio.Event()

    async def hang(bounds: Bounds) -> None:
        if bounds.lane is Lane.HISTORY:
            leaving.set()
            await asyncio.Event().wait()

    async with opened(tmp_path) as dock:
        await dock.journal.commit(Lane.HISTORY, said(0, 1, 3, 3.5, 4, 9), NOW)
        before = Shelf(before_keeping=hang)
        async with running(dock.pump(before, thins=THIN).run()):
            await asyncio.wait_for(leaving.wait(), 10)
            await dock.journal.commit(Lane.LIVE, said(3.2, 3.4, start_s=2.5), NOW)
            await eventually(lambda: values(before) == [3.2, 3.4])
        await dock.journal.commit(Lane.HISTORY, said(9.5, start_s=6), NOW)
    for thins in (THIN, WIDE):
        async with opened(tmp_path) as dock:
            again = Shelf(before_keeping=hang)
            leaving.clear()
            async with running(dock.pump(again, thins=thins).run()):
                await asyncio.wait_for(leaving.wait(), 10)
            assert again.fixed == [before.fixed[0]]
    async with opened(tmp_path) as dock:
        after = Shelf()
        await delivered(dock, after)
    assert [record.event.value for record in after.kept[before.fixed[0]]] == [0, 3, 9]
    assert values(after, Lane.HISTORY) == [0, 3, 9]


@pytest.mark.parametrize(("lane", "other"), [(Lane.LIVE, Lane.HISTORY), (Lane.HISTORY, Lane.LIVE)])
@pytest.mark.parametrize("is_killed", [False, True])
async def test_what_the_other_lane_has_on_its_way_is_not_passed_over(
    tmp_path: Path, lane: Lane, other: Lane, *, is_killed: bool
) -> None:
    """A return from a value that is not acknowledged yet passes, whichever lane has it, also after a crash."""
    shelf = Shelf()
    async with opened(tmp_path) as dock:
        await dock.journal.commit(other, said(2.7), NOW)
        await delivered(dock, shelf, HALF)
        shelf.max_age_s = 60
        async with running(dock.pump(shelf, thins=HALF).run()):
            await dock.journal.commit(other, said(2.1, 3.0, start_s=1), NOW)
            await dock.journal.commit(lane, said(2.4, 2.4, start_s=3), NOW)
            if not is_killed:
                dock.stop.set(10)
                await eventually(lambda: dock.lag() == 0)
    if is_killed:
        shelf.max_age_s = 0.02
        async with opened(tmp_path) as dock:
            await delivered(dock, shelf, HALF)
    assert values(shelf, other) == [2.7, 2.1, 3.0]
    # What was on disk at a start is not known before it is read.
    assert values(shelf, lane) in ([[2.4], [2.4, 2.4]] if is_killed else [[2.4]])


async def test_what_was_refused_is_not_compared_with(dock: Dock) -> None:
    """The next value passes: the far side has none yet."""
    shelf = Shelf(refuses=lambda record: "no" if record.seq == 1 else "")
    await dock.journal.commit(Lane.LIVE, said(0), NOW)
    await delivered(dock, shelf)
    await dock.journal.commit(Lane.LIVE, said(1, 1.5, start_s=1), NOW)
    await delivered(dock, shelf)
    assert values(shelf) == [1]


async def test_notes_that_cannot_be_read_are_no_end(tmp_path: Path) -> None:
    """The deadband starts anew, with a line that says so, and remembers from then on."""
    shelf = Shelf()
    async with opened(tmp_path) as dock:
        await dock.journal.commit(Lane.LIVE, said(0), NOW)
        await delivered(dock, shelf)
    db = raw(tmp_path)
    db.execute("UPDATE delivered SET note = x'00'")
    db.close()
    for start in (1, 2):
        async with opened(tmp_path) as dock:
            await dock.journal.commit(Lane.LIVE, said(1, start_s=start), NOW)
            with capture_logs() as lines:
                await delivered(dock, shelf)
        assert len([line for line in lines if "cannot be read" in line["event"]]) == (start == 1)
    assert values(shelf) == [0, 1]


async def test_any_number_of_crashes_changes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Killed and tried again at any moment, a lane gets what one run without end would have given it."""
    monkeypatch.setattr(thinning, "_FEWEST_BYTES", 1000)
    rng = random.Random(4)  # noqa: S311 - the same course every time
    told = [
        Event(rng.choice((1, 2, 3)), NOW + ticks.from_seconds(i + rng.choice((0, 0, -2))), float(rng.randrange(6)))
        for i in range(3000)
    ]
    shelf = Shelf(max_age_s=0.001, roll_records=10)
    fixed: list[Bounds] = []
    for start in range(0, len(told), 250):
        async with opened(tmp_path) as dock:
            for first in range(start, start + 250, 25):
                await dock.journal.commit(Lane.LIVE, told[first : first + 25], NOW)
            shelf.breaks = rng.randrange(3)
            pump = dock.pump(shelf, thins=THIN)
            stops_at = len(fixed) + rng.randrange(1, 8)
            async with running(pump.run()):
                await eventually(lambda: len(shelf.fixed) >= stops_at or dock.lag() == 0)  # noqa: B023 - of this round
            fixed = shelf.fixed
            notes = await dock.journal.notes("lake")
            assert sum(map(len, notes)) < 4000
    async with opened(tmp_path) as dock:
        await delivered(dock, shelf)
        alone = deadband.build(THIN)
        assert alone is not None
        expected = [each.seq for each in dock.stamp().records(Lane.LIVE, 1, told) if not alone.keeps_back(each)]
    assert sorted(shelf.seqs()) == expected
    assert len(set(shelf.seqs())) == len(expected) < len(told)


def test_places_are_those_that_were_added() -> None:
    """In any order, behind the start, without an end."""
    places = Places(100)
    for seq in (109, 101, 300):
        places.add(seq)
    assert [seq for seq in range(50, 1000) if seq in places] == [101, 109, 300]


async def test_what_was_delivered_can_be_read_by_others(tmp_path: Path) -> None:
    """From where on the deadband was asked, and what it remembers; another width begins anew."""
    for start, thins in ((0, THIN), (10, THIN), (20, FilterSettings.model_validate({"deadband": "3%"}))):
        async with opened(tmp_path) as dock:
            await dock.journal.commit(Lane.LIVE, said(0, 5, start_s=start), NOW)
            await delivered(dock, Shelf(), thins)
            found = what_was_delivered(await dock.journal.notes("lake"))
            assert found is not None
            assert found.width == str(thins.deadband)
            assert found.since[Lane.LIVE] == (4 if start == 20 else 0)
            assert found.cursors[Lane.LIVE] == 2 + start // 5
            assert found.marks[Lane.LIVE][1].value == 5
    assert what_was_delivered([]) is None
    assert what_was_delivered([b"no note"]) is None


async def test_a_sealed_batch_was_judged_before(tmp_path: Path) -> None:
    """Since when a new deadband is asked is not known then."""
    async with opened(tmp_path) as dock:
        await dock.journal.commit(Lane.LIVE, said(0, 1, 2), NOW)
        for lane in Lane:
            await dock.journal.cursor("lake", lane)
        await dock.journal.seal("lake", Lane.LIVE, 1, 3)
        await delivered(dock, Shelf())
        found = what_was_delivered(await dock.journal.notes("lake"))
    assert found is not None
    assert found.since == {}
