from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from intake.lines import QUIET, SECOND, Line, opened, plant_settings
from intake.readers import points, reading, reads
from pibridge.context.choice import Choice
from pibridge.intake import backfilling
from pibridge.journal.backfill import Backfill, WantedHistory
from pibridge.journal.gaps import NewGap
from pibridge.model.event import SUBSTITUTED, UPDATE, Event
from waiting import eventually, running

BULK = ["BULK.000001", "BULK.000002", "BULK.000003"]


@pytest.fixture
async def line(tmp_path: Path) -> AsyncIterator[Line]:
    """Give a plant that archives all, and an empty journal."""
    async with opened(tmp_path, plant_settings()) as ready:
        yield ready


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backfilling, "_LOOK_S", 0.02)


def of(line: Line) -> Backfill:
    """Give the newest."""
    return line.journal.backfills.all[-1]


def wanted(line: Line, start_s: float, end_s: float, *tags: str) -> WantedHistory:
    """Give what is asked for; seconds from the plant's present."""
    now = line.clock.ticks
    choice = Choice(start_ticks=now + round(start_s * SECOND), end_ticks=now + round(end_s * SECOND), tags=tags)
    return WantedHistory(choice=choice)


async def done(line: Line) -> bool:
    """Tell whether the newest is done."""
    return of(line).state == "done"


async def test_a_range_before_the_first_start_is_told_once(line: Line) -> None:
    """Of the tags that are meant, exactly what the archive has; asked for again, nothing is read again."""
    async with running(reading(line, s=points(*BULK)).run()):
        await line.journal.backfills.order(wanted(line, -900, -600, "*1", "*2"), "backfill")
        await eventually(lambda: done(line))
        start, end = of(line).choice.start_ticks, of(line).end_ticks
        owed = {fact: count for fact, count in line.truth(BULK[:2], start).items() if fact[1] <= end}
        assert owed
        assert {fact: count for fact, count in (await line.told()).items() if start <= fact[1] <= end} == owed
        recovered = line.counters.history.recovered
        await line.journal.backfills.order(wanted(line, -800, -700, "*1"), "backfill")
        await eventually(lambda: done(line))
        assert (of(line).numbers, of(line).owed_ticks) == ((1,), 0)
        assert line.counters.history.recovered == recovered


async def test_up_to_where_reading_began_it_is_one_with_it(line: Line) -> None:
    """From then on the tags are owed since its start."""
    async with running(reading(line, s=points(*BULK)).run()):
        await line.journal.backfills.order(wanted(line, -600, 3600, "BULK*"), "backfill")
        await eventually(lambda: done(line))
        start = of(line).choice.start_ticks
        assert [line.journal.joined(number) for number in (1, 2, 3)] == [start] * 3
        owed = line.truth(BULK, start)
        assert {fact: count for fact, count in (await line.told()).items() if fact[1] >= start} == owed


async def test_what_has_just_joined_is_reached(line: Line, monkeypatch: pytest.MonkeyPatch) -> None:
    """PI's time is known to a second: it may seem a little earlier than when the tags joined."""
    async with running(reading(line, s=points(*BULK)).run()):
        await reads(line, tags=3, channels=1)
        joined = line.journal.joined(1) or 0
        monkeypatch.setattr(line.client, "server_ticks", lambda: joined - SECOND // 2)
        await line.journal.backfills.order(wanted(line, -600, 3600, "BULK*"), "backfill")
        await eventually(lambda: done(line))
        assert of(line).end_ticks == joined
        assert line.journal.joined(1) == of(line).choice.start_ticks


async def test_paused_it_is_not_read_and_resumed_it_is(line: Line) -> None:
    """What was asked for while nobody reads waits; gaps of one that is paused stay, those of others are read."""
    backfills = line.journal.backfills
    await backfills.order(wanted(line, -900, -600, "*1"), "backfill")
    async with running(reading(line, s=points(*BULK)).run()):
        await eventually(lambda: done(line))
    second = await backfills.order(wanted(line, -900, -600, "*2"), "backfill")
    start, end = of(line).choice.start_ticks, of(line).choice.end_ticks
    await backfills.begin(of(line), [2], end, [NewGap(2, start, end, of(line).reason)])
    await backfills.pause(second)
    async with running(reading(line, s=points(*BULK)).run()):
        await backfills.order(wanted(line, -900, -600, "*3"), "backfill")
        await eventually(lambda: done(line))
        assert [each.state for each in backfills.all] == ["done", "paused", "done"]
        assert await backfills.owed(backfills.all[1]) == 1
        await backfills.resume(second)
        await eventually(lambda: backfills.all[1].state == "done")
    owed = {fact: count for fact, count in line.truth(BULK, start).items() if fact[1] <= end}
    assert {fact: count for fact, count in (await line.told()).items() if start <= fact[1] <= end} == owed


async def test_what_is_only_compared_is_not_owed(line: Line) -> None:
    """A reread of time that nobody has read reads nothing, and the tag is owed from where it was."""
    async with running(reading(line, s=points(*BULK)).run()):
        await eventually(lambda: line.counters.stream("s").channels_open == 1)
        joined = [line.journal.joined(number) for number in (1, 2, 3)]
        await line.journal.backfills.order(wanted(line, -900, 3600, "BULK*"), "reread")
        await eventually(lambda: done(line))
        assert [line.journal.joined(number) for number in (1, 2, 3)] == joined
        assert min(event.ticks for event in await line.events()) > line.clock.ticks - 900 * SECOND


async def test_what_was_edited_long_ago_is_mended(line: Line) -> None:
    """A reread compares what was read with the archive, and tells the difference once."""
    line.write(-1000, 1.0)
    async with running(reading(line, s=points(QUIET, backfill="1h")).run()):
        await reads(line, 1, 1)
        line.write(-900, 3.0)
        line.simulator.plant.replace(QUIET, line.clock.ticks - 1000 * SECOND, 2.0)
        for _ in range(2):
            await line.journal.backfills.order(wanted(line, -3000, -200, QUIET), "reread")
            await eventually(lambda: done(line))
    told = [event for event in await line.events([1]) if event.ticks > line.clock.ticks - 2000 * SECOND]
    # The late value may have been heard live, before anything was compared.
    assert sorted(told, key=lambda event: (event.ticks, event.status)) == [
        Event(1, line.clock.ticks - 1000 * SECOND, 1.0),
        Event(1, line.clock.ticks - 1000 * SECOND, 2.0, SUBSTITUTED | UPDATE),
        Event(1, line.clock.ticks - 900 * SECOND, 3.0),
    ]


async def test_what_a_backfill_has_read_is_compared_wherever_it_lies(line: Line) -> None:
    """A reread finds the edit there, and leaves alone what lies between that and when the tag joined."""
    for second in (-2500, -1500, -100):
        line.write(second, 1.0)
    async with running(reading(line, s=points(QUIET)).run()):
        await reads(line, 1, 1)
        await line.journal.backfills.order(wanted(line, -3000, -2000, QUIET), "backfill")
        await eventually(lambda: done(line))
    # While nobody listens: an edit is told live, too.
    for second in (-2500, -1500):
        line.simulator.plant.replace(QUIET, line.clock.ticks + second * SECOND, 2.0)
    async with running(reading(line, s=points(QUIET)).run()):
        await line.journal.backfills.order(wanted(line, -4000, -200, QUIET), "reread")
        await eventually(lambda: done(line))
    moment = line.clock.ticks - 2500 * SECOND
    told = [event for event in await line.events([1]) if event.ticks < line.clock.ticks - 1000 * SECOND]
    assert told == [Event(1, moment, 1.0), Event(1, moment, 2.0, SUBSTITUTED | UPDATE)]
