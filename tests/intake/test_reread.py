from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from intake.lines import QUIET, SECOND, Line, opened, plant_settings
from pibridge.intake.catalogue import Catalogue
from pibridge.intake.history import History
from pibridge.intake.reread import SETTLED_TICKS, Reread
from pibridge.intake.settings import RereadSettings
from pibridge.journal.gaps import NewGap
from pibridge.model.event import DELETE, SUBSTITUTED, UPDATE, Event, Lane
from pibridge.model.tag import Mode
from pibridge.simulator.samples import Sample
from waiting import eventually, running

BULK = ["BULK.000001", "BULK.000002", "BULK.000003"]
AGAIN = "50ms"


@pytest.fixture
async def line(tmp_path: Path) -> AsyncIterator[Line]:
    """Give a plant that archives all, and an empty journal."""
    async with opened(tmp_path, plant_settings()) as ready:
        yield ready


class Archivist:
    """Looks back at tags whose history has been read since `joined_s` (seconds from the plant's present)."""

    def __init__(self, line: Line) -> None:
        self.line = line
        self.catalogue = Catalogue()
        self.history = History(line.client, line.journal, self.catalogue, line.counters, 50_000)
        self.numbers: list[int] = []

    async def read(self, *names: str, joined_s: float = -600) -> int:
        """Read what the archive has of these points until now; give the number of the first."""
        tags = await self.line.describe(*names)
        self.catalogue.add(tags)
        self.numbers += tags
        joined = self.line.clock.ticks + round(joined_s * SECOND)
        await self.line.journal.join(list(tags), joined)
        await self.line.journal.open_gaps([NewGap(number, joined, self.line.clock.ticks, "test") for number in tags])
        async with running(self.history.run()):
            await eventually(self.line.owes_nothing)
        return next(iter(tags))

    def reread(self, **settings: Any) -> Reread:
        """Give who looks again at what was read, over and over unless `every` says otherwise."""
        configured = RereadSettings.model_validate({"every": AGAIN, "back": "200s", **settings})
        return Reread(
            "s",
            configured,
            lambda: self.numbers,
            self.line.client,
            self.line.journal,
            self.history,
            self.line.counters.history,
        )

    async def looks(self, count: int = 3) -> None:
        """Wait until so many more looks are done."""
        wanted = self.line.counters.history.looks + count
        await eventually(lambda: self.line.counters.history.looks >= wanted)


def at(line: Line, second: float) -> int:
    """Give a time, in seconds from the plant's present."""
    return line.clock.ticks + round(second * SECOND)


def late_value(moment_ticks: int) -> Sample:
    """Give a value for a time."""
    return Sample(moment_ticks, 5.0)


async def told(line: Line, number: int) -> list[Event]:
    """Give the events of a tag that a test wrote."""
    return [event for event in await line.events([number]) if event.ticks > at(line, -86_400)]


async def test_a_late_value_is_told_once(line: Line) -> None:
    """It was written behind newer ones, and becomes a record like any other."""
    archivist = Archivist(line)
    line.write(-150, 1.0)
    number = await archivist.read(QUIET)
    async with running(archivist.history.run(), archivist.reread().run()):
        await archivist.looks()
        line.write(-200, 7.0)
        await archivist.looks(5)
    assert await told(line, number) == [Event(number, at(line, -150), 1.0), Event(number, at(line, -200), 7.0)]
    assert (line.counters.history.updates, line.counters.history.deletions) == (0, 0)


async def test_an_edit_is_told_once_as_an_update(line: Line) -> None:
    """PI has another value in place of the one that was journaled."""
    archivist = Archivist(line)
    line.write(-150, 1.0)
    number = await archivist.read(QUIET)
    async with running(archivist.history.run(), archivist.reread().run()):
        await archivist.looks()
        line.simulator.plant.replace(QUIET, at(line, -150), 2.0)
        await archivist.looks(5)
    assert await told(line, number) == [
        Event(number, at(line, -150), 1.0),
        Event(number, at(line, -150), 2.0, SUBSTITUTED | UPDATE),
    ]
    assert (line.counters.history.updates, line.counters.history.deletions) == (1, 0)


async def test_a_deletion_is_told_once(line: Line) -> None:
    """With `back` longer than `every` a time is looked at again: what the archive had there and has no more is told."""
    archivist = Archivist(line)
    for second in (-150, -160):
        line.write(second, 1.0)
    number = await archivist.read(QUIET)
    async with running(archivist.history.run(), archivist.reread().run()):
        await archivist.looks()
        line.simulator.plant.delete(QUIET, at(line, -150))
        await archivist.looks(5)
    assert (await told(line, number))[2:] == [Event(number, at(line, -150), None, DELETE)]
    assert (line.counters.history.updates, line.counters.history.deletions) == (0, 1)


async def test_of_mode_recorded_one_look_finds_a_deletion(line: Line) -> None:
    """All that was journaled was archived: what is gone when its time is first looked at was deleted."""
    for second in (-160, -140):
        line.write(second, 1.0)
    tags = await line.describe(QUIET, mode=Mode.RECORDED)
    (number,) = tags
    await line.journal.join([number], at(line, -600))
    moments = at(line, -160), at(line, -150), at(line, -140)
    await line.journal.commit(Lane.LIVE, [Event(number, moment, 1.0) for moment in moments], line.clock.ticks)
    archivist = Archivist(line)
    archivist.catalogue.add(tags)
    archivist.numbers = [number]
    async with running(archivist.history.run(), archivist.reread().run()):
        await archivist.looks()
    assert (await told(line, number))[3:] == [Event(number, moments[1], None, DELETE)]


async def test_a_value_written_anew_where_one_was_deleted_is_told(line: Line) -> None:
    """After its deletion nothing stands there: the next value is new, and its deletion counts again."""
    archivist = Archivist(line)
    line.write(-150, 1.0)
    number = await archivist.read(QUIET)
    moment = at(line, -150)
    async with running(archivist.history.run(), archivist.reread().run()):
        await archivist.looks()
        line.simulator.plant.delete(QUIET, moment)
        await eventually(lambda: line.counters.history.deletions == 1)
        line.write(-150, 1.0)
        await eventually(lambda: _count(line, number, 3))
        await archivist.looks()
        line.simulator.plant.delete(QUIET, moment)
        await eventually(lambda: line.counters.history.deletions == 2)
    assert [event.value for event in await told(line, number)] == [1.0, None, 1.0, None]


async def _count(line: Line, number: int, events: int) -> bool:
    return len(await told(line, number)) == events


async def test_what_compression_discarded_is_not_deleted(tmp_path: Path) -> None:
    """The journal has live values that the archive never kept: that PI has them not says nothing."""
    async with opened(tmp_path, plant_settings(compression=True)) as line:
        plant = line.simulator.plant
        tags = await line.describe(*BULK)
        await line.journal.join(list(tags), at(line, -600))
        for number, name in zip(tags, BULK, strict=True):
            live = plant.snapshots(name, at(line, -600), at(line, 0))
            line.journal.append([Event(number, each.ticks, each.value) for each in live], line.clock.ticks)
        seen, archived = at(line, -300), at(line, -150)
        assert len(plant.archive(BULK[0], seen, archived, line.clock.ticks)) < len(
            plant.snapshots(BULK[0], seen, archived)
        )
        before = await line.events()
        archivist = Archivist(line)
        archivist.catalogue.add(tags)
        archivist.numbers = list(tags)
        async with running(archivist.history.run(), archivist.reread().run()):
            await archivist.looks(5)
        assert await line.events() == before


async def test_the_time_before_a_tag_joined_is_not_looked_at(line: Line) -> None:
    """Nobody asked for it, however far back the looks reach."""
    archivist = Archivist(line)
    line.write(-250, 1.0)
    number = await archivist.read(QUIET, joined_s=-200)
    async with running(archivist.history.run(), archivist.reread(back="1h").run()):
        await archivist.looks()
        line.write(-250, 2.0)
        line.write(-150, 3.0)
        await archivist.looks(5)
    assert await told(line, number) == [Event(number, at(line, -150), 3.0)]


async def test_time_that_has_not_settled_is_left_alone(line: Line) -> None:
    """The last two minutes may still be on their way over the channel."""
    archivist = Archivist(line)
    number = await archivist.read(QUIET)
    async with running(archivist.history.run(), archivist.reread().run()):
        line.write(-100, 1.0)
        await archivist.looks(5)
        assert await told(line, number) == []
        line.clock.advance(60)
        await eventually(lambda: _count(line, number, 1))


async def test_who_looks_back_less_far_waits_less(line: Line) -> None:
    """Time counts as settled after `back` if that is less than two minutes."""
    archivist = Archivist(line)
    number = await archivist.read(QUIET)
    async with running(archivist.history.run(), archivist.reread(back="10s").run()):
        await archivist.looks()
        line.write(-15, 1.0)
        await eventually(lambda: _count(line, number, 1))


async def test_every_look_begins_where_the_last_ended(line: Line) -> None:
    """Looks that reach back for less than lies between them leave no time out."""
    archivist = Archivist(line)
    number = await archivist.read(QUIET)
    async with running(archivist.history.run(), archivist.reread(back="120s").run()):
        await archivist.looks()
        line.clock.advance(300)
        for second in (-400, -300, -200, -130):
            line.write(second, 1.0)
        await eventually(lambda: _count(line, number, 4))
        await archivist.looks()
    found = [event.ticks for event in await told(line, number)]
    assert found == [at(line, second) for second in (-400, -300, -200, -130)]


async def test_after_a_crash_the_time_that_had_not_settled_is_looked_at(line: Line) -> None:
    """How far the looks had got is in the journal: what came late just before the end is found after the start."""
    archivist = Archivist(line)
    number = await archivist.read(QUIET)
    async with running(archivist.history.run(), archivist.reread().run()):
        await archivist.looks()
    mark = line.journal.mark("reread s")
    assert mark is not None
    assert abs(mark - (line.clock.ticks - SETTLED_TICKS)) < 3 * SECOND
    late = at(line, -60)
    line.clock.advance(1000)
    line.simulator.plant.insert(QUIET, late_value(late))
    await line.tell_time()
    async with running(archivist.history.run(), archivist.reread(every="10m").run()):
        await eventually(lambda: _count(line, number, 1))
        await eventually(lambda: line.journal.mark("reread s") != mark)
    assert await told(line, number) == [Event(number, late, 5.0)]


async def test_the_first_start_looks_at_nothing(line: Line) -> None:
    """What was before is no business of a reread: it begins with the time that settles from now on."""
    archivist = Archivist(line)
    await archivist.read(QUIET)
    asked = line.simulator.requests
    async with running(archivist.reread(every="1h").run()):
        await eventually(lambda: line.journal.mark("reread s") is not None)
    assert (line.simulator.requests, line.counters.history.looks) == (asked, 0)


async def test_a_tag_that_cannot_be_looked_at_holds_up_no_other(line: Line) -> None:
    """PI gives an error for one: the look goes on with the others, and that one has its turn with the next look."""
    archivist = Archivist(line)
    number = await archivist.read(QUIET, *BULK)
    broken = line.simulator.faults.add("stream-error@tag=BULK.000002")
    async with running(archivist.history.run(), archivist.reread().run()):
        await archivist.looks()
        line.write(-150, 1.0)
        line.write(-150, 1.0, name=BULK[1])
        await eventually(lambda: _count(line, number, 1))
        line.simulator.faults.remove(broken.number)
        second = archivist.numbers[2]
        before = len(await told(line, second))
        await eventually(lambda: _count(line, second, before + 1))
    assert await line.owes_nothing()


async def test_a_tag_that_is_read_no_longer_ends_its_look(line: Line) -> None:
    """Nobody waits for it for ever."""
    archivist = Archivist(line)
    number = await archivist.read(QUIET)
    async with running(archivist.history.run(), archivist.reread().run()):
        await archivist.looks()
        archivist.catalogue.remove([number])
        await archivist.looks()


async def test_pages_of_a_look_lose_nothing(tmp_path: Path) -> None:
    """More values than fit into one answer: late ones, edits and deletions on all its pages are found once."""
    async with opened(tmp_path, plant_settings()) as line:
        archivist = Archivist(line)
        archivist.history = History(line.client, line.journal, archivist.catalogue, line.counters, 70)
        number = await archivist.read(BULK[0])
        values = line.simulator.plant.snapshots(BULK[0], at(line, -300), at(line, -140))
        times = sorted({each.ticks for each in values})
        assert len(times) > 140
        async with running(archivist.history.run(), archivist.reread().run()):
            await archivist.looks()
            before = len(await told(line, number))
            for moment in times[::10]:
                line.simulator.plant.insert(BULK[0], late_value(moment + 3))
            for moment in times[1::10]:
                line.simulator.plant.replace(BULK[0], moment, -1.0)
            for moment in times[2::10]:
                line.simulator.plant.delete(BULK[0], moment)
            await archivist.looks(6)
        found = (await told(line, number))[before:]
    assert sorted(event.ticks for event in found if not event.status & (UPDATE | DELETE)) == [
        moment + 3 for moment in times[::10]
    ]
    assert sorted(event.ticks for event in found if event.status & UPDATE) == times[1::10]
    assert sorted(event.ticks for event in found if event.status & DELETE) == times[2::10]
