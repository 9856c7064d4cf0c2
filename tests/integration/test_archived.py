"""Mode recorded against the plant's archive: what compression keeps, late values, edits, outages, restarts."""

from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from context.plants import surroundings
from intake.lines import QUIET, SECOND, Fact, Line, opened, plant_settings
from intake.readers import points, reading
from pibridge.intake import owed as owed_module
from pibridge.intake import streams as streams_module
from pibridge.intake.settings import StreamSettings
from pibridge.model.event import DELETE, UPDATE
from waiting import eventually, running

NAMES = ["BULK.000001", "BULK.000002", "BULK.000003", "R1.Temperature", "R1.State", QUIET]


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(owed_module, "_SET_ASIDE_S", 0.05)
    monkeypatch.setattr(streams_module, "_RETRY_S", 0.05)


@pytest.fixture(params=[{}, {"previous_event_told": False}, {"recorded_has_snapshot": False}], ids=str)
async def line(tmp_path: Path, request: pytest.FixtureRequest) -> AsyncIterator[Line]:
    """Give a plant that compresses, in each way of which it is not known whether PI's is so, and an empty journal."""
    async with opened(tmp_path / "journal", plant_settings(compression=True, **request.param)) as ready:
        for second in (-60, -50, -40):
            ready.write(second, float(second))
        yield ready


def archived(via: str, **settings: object) -> StreamSettings:
    """Give a stream of archived values, with a look back at five minutes that have settled."""
    reread = {"back": 300, "every": "100ms"}
    return points(*NAMES, mode="recorded", via=via, interval="20ms", reread=reread, **settings)


async def is_open(line: Line) -> None:
    """Wait until all is read and nothing is owed."""
    counters = line.counters.stream("s")
    await eventually(lambda: counters.tags == len(NAMES) and counters.channels_open == counters.channels == 1)
    await eventually(line.owes_nothing)


async def agrees(line: Line, start: int) -> None:
    """Wait until the journal says what the archive says; what PI may still discard was never told."""
    found: Counter[Fact] = Counter()

    async def is_so() -> bool:
        nonlocal found
        found = Counter({fact: count for fact, count in (await line.standing()).items() if fact[1] >= start})
        return found == line.archived(NAMES, start)

    try:
        await eventually(is_so, 15)
    except AssertionError:
        truth = line.archived(NAMES, start)
        raise AssertionError(f"too many: {found - truth}, too few: {truth - found}") from None


async def lives(line: Line, seconds: float, steps: int) -> None:
    """Let time pass in steps, with a glance of the client at PI's clock after each."""
    for _ in range(steps):
        line.clock.advance(seconds)
        line.write(0, float(line.clock.ticks % 977))
        line.write(-0.5, float(line.clock.ticks % 983))
        await line.tell_time()


async def looks(line: Line) -> None:
    """Wait until settled time was read again: what an earlier look found may be found missing."""
    before = line.counters.history.looks
    await eventually(lambda: line.counters.history.looks > before + 1)


@pytest.mark.parametrize("via", ["updates", "poll"])
async def test_the_journal_agrees_with_the_archive(line: Line, via: str) -> None:
    """Compression, late values, edits and deletions, an outage and a restart: after each the two say the same."""
    plant = line.simulator.plant
    async with running(reading(line, s=archived(via)).run()):
        await is_open(line)
        start = line.clock.ticks + 1
        await lives(line, 1, 10)
        await agrees(line, start)
        await lives(line, 20, 8)
        await looks(line)
        edited, removed = (fact[1] for fact in sorted(line.archived(NAMES[:1], start))[4:6])
        plant.replace(NAMES[0], edited, 4711.0)
        plant.delete(NAMES[0], removed)
        line.write(-5.25, 815.0, name=NAMES[1])
        await lives(line, 20, 6)
        await agrees(line, start)
        await line.simulator.kill()
        await eventually(lambda: line.counters.stream("s").channels_open == 0)
        line.clock.advance(100)
        line.write(-50, 1.0)
        line.write(-30, 2.0)
        line.write(-10, 3.0)
        plant.replace(QUIET, line.clock.ticks - 30 * SECOND, 2.5)
        await line.simulator.start()
        await eventually(lambda: line.counters.stream("s").channels_open == 1)
        await eventually(line.owes_nothing)
        await lives(line, 1, 5)
        await agrees(line, start)
    line.clock.advance(200)
    line.write(-20, 7.0)
    async with running(reading(line, s=archived(via)).run()):
        await is_open(line)
        await agrees(line, start)
        await lives(line, 1, 5)
        await agrees(line, start)
    assert line.truth(NAMES, start) - line.archived(NAMES, start), "compression discarded something"
    edits = [event.status & (UPDATE | DELETE) for event in await line.events()]
    assert UPDATE in edits
    assert DELETE in edits


@pytest.mark.parametrize("via", ["updates", "poll"])
async def test_a_backfill_tells_what_was_archived(line: Line, via: str) -> None:
    """The history of the last hour, but for what PI may still discard."""
    async with running(reading(line, s=archived(via, backfill="1h")).run()):
        await is_open(line)
        start = line.journal.joined(1)
        assert start is not None
        await agrees(line, start)
        await lives(line, 1, 5)
        await agrees(line, start)


@pytest.mark.parametrize("via", ["updates", "poll"])
async def test_what_waits_is_not_lost_in_a_crash(line: Line, via: str) -> None:
    """The journal goes on elsewhere with what is on disk: the snapshot that waited was archived meanwhile."""
    line.write(0, 1.0)
    async with running(reading(line, s=archived(via)).run()):
        await is_open(line)
        start = line.clock.ticks + 1
        line.clock.advance(3)
        line.write(0, 2.0)
        line.clock.advance(1)
        line.write(0, 3.0)
        await agrees(line, start)
    assert 3.0 not in {event.value for event in await line.events()}
    line.clock.advance(30)
    line.write(0, 4.0)
    async with running(reading(line, s=archived(via)).run()):
        await is_open(line)
        await agrees(line, start)
    assert 3.0 in {event.value for event in await line.events()}


@pytest.mark.parametrize(
    "fault",
    [
        "lost-registrations@count=1",
        "signup-updated@count=1",
        "truncate@path=/streamsets/updates,method=GET,count=3",
        "reset@path=/streamsets/updates,method=GET,count=3",
        "stream-error@tag=BULK.000001,count=2",
    ],
)
async def test_what_updates_lose_is_recovered(line: Line, fault: str) -> None:
    """Registrations and answers that get lost, while PI archives and discards."""
    async with running(reading(line, s=archived("updates")).run()):
        await is_open(line)
        start = line.clock.ticks + 1
        await lives(line, 1, 5)
        broken = line.simulator.faults.add(fault)
        await lives(line, 1, 5)
        await eventually(lambda: broken.acted)
        await lives(line, 1, 5)
        await agrees(line, start)


async def test_another_road_goes_on_where_the_one_before_ended(line: Line) -> None:
    """A reload changes `via`, twice; nothing is lost and nothing provisional is told."""
    streams = reading(line, s=archived("updates"))
    async with running(streams.run()):
        await is_open(line)
        start = line.clock.ticks + 1
        for via in ("poll", "updates", "poll"):
            await lives(line, 1, 5)
            streams.change({"s": archived(via)}, 3600, surroundings())
            await lives(line, 1, 5)
            await agrees(line, start)
