from collections import Counter
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from audit.benches import BULK, at, audit, findings, joined, read
from intake import lines
from intake.lines import QUIET, plant_settings
from intake.readers import points, reading
from journal.samples import NOW, opened
from pibridge.audit.findings import Mend
from pibridge.audit.mending import mend, repair_of, replays_of
from pibridge.intake import backfilling
from pibridge.journal import backfill
from pibridge.journal.backfill import WantedRepair
from pibridge.journal.gaps import Gap
from pibridge.journal.journal import Journal
from pibridge.journal.settings import JournalSettings
from pibridge.model.event import DELETE, UPDATE, Event, Lane
from waiting import eventually, running

GONE = Event(2, NOW + 5, None, DELETE)


def test_nothing_is_asked_for_where_nothing_differs() -> None:
    """Neither of PI nor of sinks."""
    assert repair_of(Mend(absent={"lake": {1: NOW}})) is None
    assert replays_of(Mend(spans={1: (1, 2)})) == []
    assert repair_of(Mend(spans={1: (1, 2)}, deletions=[GONE])) == WantedRepair(spans={1: (1, 2)}, deletions=(GONE,))


@given(st.dictionaries(st.integers(1, 30), st.integers(0, 99), min_size=1))
def test_exactly_what_a_sink_lacks_is_sent_again(times: dict[int, int]) -> None:
    """As runs of positions in order, within the times of these events; each sink gets its own."""
    first, second = replays_of(Mend(absent={"lake": times, "bus": {7: 70}}))
    assert (first.sinks, first.choice.places) == (("bus",), ((7, 7),))
    assert second.sinks == ("lake",)
    places = second.choice.places
    assert [seq for start, end in places for seq in range(start, end + 1)] == sorted(times)
    assert all(end + 1 < start for (_, end), (start, _) in pairwise(places))
    assert (second.choice.start_ticks, second.choice.end_ticks) == (min(times.values()), max(times.values()))


async def test_it_is_written_down(tmp_path: Path) -> None:
    """Deletions become events, times become gaps of one repair that is begun; both outlive the process."""
    async with opened(tmp_path) as journal:
        repair_id = await mend(journal, WantedRepair(spans={1: (NOW, NOW + 9)}, deletions=(GONE,)), NOW + 50)
        before = journal.backfills.all
    async with opened(tmp_path) as journal:
        assert await journal.seen([2], NOW, NOW + 9) == [GONE]
        chunk = await journal.next(Lane.HISTORY, 0)
        assert chunk.arrived_ticks == NOW + 50
        (gap,) = await journal.gaps()
        assert gap == Gap(gap.id, 1, NOW, NOW + 9, f"backfill {repair_id}")
        (found,) = journal.backfills.all
        assert [found] == before
        assert (found.kind, found.state, found.numbers, found.owed_ticks) == ("repair", "running", (1,), 10)


async def test_deletions_alone_are_no_repair(tmp_path: Path) -> None:
    """There is nothing to be read, and nothing to wait for."""
    async with opened(tmp_path) as journal:
        assert await mend(journal, WantedRepair(deletions=(GONE,)), NOW) == ""
        assert (journal.backfills.all, await journal.gaps()) == ([], [])


@pytest.fixture
def _no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backfilling, "_LOOK_S", 0.02)


@pytest.mark.usefixtures("_no_waiting")
async def test_what_was_found_is_mended_by_the_parts_of_a_daemon(tmp_path: Path) -> None:
    """Missing, edited, inserted and deleted values: told once, by the normal road; then an audit finds nothing."""
    async with lines.opened(tmp_path, plant_settings()) as line:
        plant = line.simulator.plant
        quiet, bulk = await joined(line, QUIET, BULK[0])
        for second in (-500, -400, -300, -200, -10):
            line.write(second, float(second))
        await read(line, quiet, QUIET, but=(1,))
        await read(line, bulk, BULK[0], but=(5, 6, 50))
        plant.replace(QUIET, at(line, -300), 7.0)
        plant.delete(QUIET, at(line, -200))
        line.write(-350, 8.0)
        first = await audit(line)
        assert first.count.unexplained == 7
        assert (first.count.missing, first.count.edited, first.count.deleted) == (5, 1, 1)
        wanted = repair_of(first.mend)
        assert wanted is not None
        await mend(line.journal, wanted, line.clock.ticks)
        async with running(reading(line, s=points(QUIET, BULK[0])).run()):
            await eventually(lambda: line.journal.backfills.all[-1].state == "done")
            await line.journal.flush()
            again = await audit(line, earlier=first.cells)
        assert (findings(again), again.count.unexplained, again.count.owed) == ([], 0, 0)
        told = [event for event in await line.events([quiet]) if event.ticks > at(line, -600)]
        assert sorted(
            (event.ticks, event.value, event.status & (UPDATE | DELETE)) for event in told if event.value
        ) == [
            (at(line, -500), -500.0, 0),
            (at(line, -400), -400.0, 0),
            (at(line, -350), 8.0, 0),
            (at(line, -300), -300.0, 0),
            (at(line, -300), 7.0, UPDATE),
            (at(line, -200), -200.0, 0),
            (at(line, -10), -10.0, 0),
        ]
        assert [event.ticks for event in told if event.status & DELETE] == [at(line, -200)]
        since = at(line, -590)
        had = [event.ticks for event in await line.events([bulk]) if since <= event.ticks <= line.clock.ticks]
        assert sorted(had) == [sample.ticks for sample in plant.snapshots(BULK[0], since, line.clock.ticks)]


@pytest.mark.usefixtures("_no_waiting")
async def test_of_several_values_of_a_time_the_one_that_changed_is_found_and_mended(tmp_path: Path) -> None:
    """Deleted or edited: it is named, the numbers add up, and afterwards the journal has what PI has."""
    async with lines.opened(tmp_path, plant_settings()) as line:
        plant = line.simulator.plant
        (quiet,) = await joined(line, QUIET)
        for second in (-500, -400, -300):
            line.write(second, 1.0)
            line.write(second, 2.0)
        line.write(-10, 3.0)
        await read(line, quiet, QUIET, lane=Lane.HISTORY)
        for second, stays in ((-500, [2.0]), (-400, [7.0, 2.0]), (-300, [8.0])):
            plant.delete(QUIET, at(line, second))
            for value in stays:
                line.write(second, value)
        first = await audit(line)
        assert [(each.what, each.pi, each.journal) for each in first.findings] == [
            ("edited", 7.0, 1.0),
            ("edited", 8.0, 1.0),
            ("deleted", None, 1.0),
            ("deleted", None, 2.0),
        ]
        count = first.count
        assert count.journaled - count.deleted - count.only_here == count.archived - count.missing - count.owed == 4
        wanted = repair_of(first.mend)
        assert wanted is not None
        await mend(line.journal, wanted, line.clock.ticks)
        async with running(reading(line, s=points(QUIET)).run()):
            await eventually(lambda: line.journal.backfills.all[-1].state == "done")
            await line.journal.flush()
            again = await audit(line, earlier=first.cells)
        assert (findings(again), again.count.archived, again.count.journaled) == ([], 4, 4)
        told = [event for event in await line.events([quiet]) if event.ticks == at(line, -500)]
        assert [(event.value, event.status & UPDATE) for event in told] == [(1.0, 0), (2.0, 0), (2.0, UPDATE)]


@pytest.mark.usefixtures("_no_waiting")
async def test_a_repair_that_a_stop_interrupts_goes_on(tmp_path: Path) -> None:
    """It is in the journal, with its gaps: the next start reads them, and it is done."""
    async with lines.opened(tmp_path, plant_settings()) as line:
        (number,) = await joined(line, BULK[0])
        events = await read(line, number, BULK[0], but=(5,))
        wanted = repair_of((await audit(line)).mend)
        assert wanted is not None
        repair_id = await mend(line.journal, wanted, line.clock.ticks)
        await line.journal.close()
        line.journal = await Journal.open(JournalSettings(path=tmp_path, flush=0.005))
        try:
            (found,) = line.journal.backfills.all
            assert (found.id, found.kind, found.state) == (repair_id, "repair", "running")
            told = backfill.told(found, await line.journal.gaps())
            assert (told["kind"], told["progress"], told["tags"]) == ("repair", 0.0, 1)
            async with running(reading(line, s=points(BULK[0])).run()):
                await eventually(lambda: line.journal.backfills.all[-1].state == "done")
            assert Counter(event.ticks for event in await line.events([number]))[events[5].ticks] == 1
            assert findings(await audit(line)) == []
            # The tag is not owed from the repair's start on, as it would be after a backfill.
            assert line.journal.joined(number) == at(line, -600)
        finally:
            await line.journal.close()
