import time
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from context.plants import surroundings
from intake.lines import QUIET, SECOND, Line, opened, pi_settings, plant_settings
from intake.readers import listed, points, reading, write
from intake.samples import expected
from pibridge.intake import channels as channels_module
from pibridge.intake import owed as owed_module
from pibridge.intake import quarantine as quarantine_module
from pibridge.intake import sampling as sampling_module
from pibridge.intake import streams as streams_module
from pibridge.intake.settings import StreamSettings
from pibridge.model import ticks
from pibridge.model.event import BAD, Lane
from pibridge.model.tag import Mode
from pibridge.pi.client import PiClient
from pibridge.simulator.samples import NO_DATA
from waiting import eventually, running

NAMES = ("BULK.000001", "BULK.000002", "U.Energy.Total", "R1.State", "LAB.Remark", QUIET)
SPACING = 10 * SECOND


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    # The plant's time does not pass by itself, and nobody waits here for a second try.
    monkeypatch.setattr(sampling_module, "_LONGEST_SLEEP_S", 0.01)
    monkeypatch.setattr(owed_module, "_SET_ASIDE_S", 0.05)
    monkeypatch.setattr(quarantine_module, "_FIRST_S", 0.2)
    monkeypatch.setattr(channels_module, "_RETRY_S", 0.05)
    monkeypatch.setattr(streams_module, "_RETRY_S", 0.05)
    monkeypatch.setattr(streams_module, "_SOON_S", 0.05)


@pytest.fixture
async def line(tmp_path: Path) -> AsyncIterator[Line]:
    """Give a plant, some values and states on a tag that has no others, and an empty journal."""
    async with opened(tmp_path / "journal", plant_settings(bulk_points=8)) as ready:
        for second, value in ((-3600, 1.0), (-97, 2.0), (-83, NO_DATA), (-69, 8.0), (-62, 9.0), (-10, 10.0)):
            ready.write(second, value, good=not isinstance(value, dict))
        yield ready


def sampled(*names: str, **settings: Any) -> StreamSettings:
    """Give a stream that samples these points every ten seconds."""
    return points(*names, **{"mode": "interpolated", "interval": "10s", "delay": "2s", **settings})


async def passes(line: Line, seconds: float) -> None:
    """Let time pass, and the client know of it."""
    line.clock.advance(seconds)
    await line.tell_time()


async def is_open(line: Line, tags: int, channels: int = 1) -> None:
    """Wait until so many tags are read and nothing is owed."""
    counters = line.counters.stream("s")

    async def is_so() -> bool:
        numbers = (counters.tags, counters.channels, counters.channels_open)
        return numbers == (tags, channels, channels) and await line.owes_nothing()

    await eventually(is_so)


def instants(line: Line, start: int, late_s: float = 2.0, spacing: int = SPACING) -> range:
    """Give the instants after `start` that are past."""
    return range((start // spacing + 1) * spacing, line.clock.ticks - round(late_s * SECOND) + 1, spacing)


async def tells(line: Line, names: Sequence[str], moments: Sequence[int]) -> None:
    """Wait until the journal has what the archive makes of each instant; nothing more, and nothing twice."""
    owed = expected(line, names, moments)
    assert owed

    async def is_told() -> bool:
        return not owed - await line.told()

    await eventually(is_told)
    told = await line.told()
    assert told == owed, (told - owed, owed - told)


async def test_every_instant_is_sampled_once(line: Line) -> None:
    """Numbers lie on a line, steps, states and texts hold; a new tag begins with the next instant."""
    start = line.clock.ticks
    async with running(reading(line, s=sampled(*NAMES)).run()):
        await is_open(line, len(NAMES))
        for seconds in (3, 10, 10, 9, 35, 40, 10):
            await passes(line, seconds)
            if moments := instants(line, start):
                await tells(line, NAMES, moments)
    assert moments[0] == start + SPACING


async def test_one_call_samples_all_tags(line: Line) -> None:
    """However many: every tag of a stream at one instant in one request."""
    names = [f"BULK.{number:06d}" for number in range(1, 9)]
    async with running(reading(line, s=sampled(*names)).run()):
        await is_open(line, len(names))
        await passes(line, 13)
        await tells(line, names, instants(line, line.clock.ticks - 13 * SECOND))
        asked = line.simulator.requests
        await passes(line, 10)
        await tells(line, names, instants(line, line.clock.ticks - 23 * SECOND))
    assert line.simulator.requests == asked + 2, "one that tells the time, one that samples"


async def test_an_instant_is_not_asked_for_before_its_delay(line: Line) -> None:
    """Late values get their time."""
    async with running(reading(line, s=sampled(*NAMES, delay="8s")).run()):
        await is_open(line, len(NAMES))
        await passes(line, 15)
        await line.tell_time()
        assert await line.events() == []
        await passes(line, 3)
        await tells(line, NAMES, instants(line, line.clock.ticks - 18 * SECOND, late_s=8))


async def test_an_outage_is_made_up_for_in_the_history_lane(line: Line) -> None:
    """PI goes away and comes back: what it makes of the instants between is told too."""
    start = line.clock.ticks
    async with running(reading(line, s=sampled(*NAMES)).run()):
        await is_open(line, len(NAMES))
        await passes(line, 25)
        await tells(line, NAMES, instants(line, start))
        await line.simulator.kill()
        await eventually(lambda: line.counters.stream("s").channels_open == 0, 20)
        line.clock.advance(600)
        await line.simulator.start()
        await eventually(lambda: line.counters.stream("s").channels_open == 1)
        await tells(line, NAMES, instants(line, start))
    assert len({event.ticks for event in line.on_disk(Lane.HISTORY)}) >= 55


@pytest.mark.parametrize("items", [1, 7, 60, 50_000])
async def test_a_restart_goes_on_with_what_was_missed(line: Line, items: int) -> None:
    """In windows as long as one answer allows; nothing twice, none left out."""
    start = line.clock.ticks
    async with running(reading(line, s=sampled(*NAMES)).run()):
        await is_open(line, len(NAMES))
        await passes(line, 25)
        await tells(line, NAMES, instants(line, start))
    line.clock.advance(304)
    again = reading(line, s=sampled(*NAMES))
    again._history._items = items  # as if PI gave no more
    async with running(again.run()):
        await is_open(line, len(NAMES))
        await tells(line, NAMES, instants(line, start))
        await passes(line, 30)
        await tells(line, NAMES, instants(line, start))


async def test_too_many_for_one_answer_are_asked_for_in_parts(tmp_path: Path) -> None:
    """PI gives less than is configured."""
    settings = sampled(*NAMES[:2], backfill="10m")
    async with (
        opened(tmp_path, plant_settings(max_items_per_call=20)) as line,
        running(reading(line, s=settings).run()),
    ):
        await is_open(line, 2)
        await tells(line, NAMES[:2], instants(line, (line.journal.joined(1) or 0) - 1))


async def test_backfill_begins_with_its_first_instant(line: Line) -> None:
    """New tags are sampled from the time on that the configuration says."""
    async with running(reading(line, s=sampled(*NAMES, backfill="10m")).run()):
        await is_open(line, len(NAMES))
        since = line.journal.joined(1)
        assert since is not None
        assert abs(line.clock.ticks - since - 600 * SECOND) < 5 * SECOND
        await tells(line, NAMES, instants(line, since - 1))
    (quiet,) = await line.describe(QUIET, mode=Mode.INTERPOLATED)
    assert (NO_DATA, BAD) in [(event.value, event.status) for event in await line.events([quiet])]


@pytest.mark.parametrize("fault", ["stream-error@tag=BULK.000002", "value-error@tag=BULK.000002"])
async def test_one_tag_that_fails_for_a_while_catches_up(line: Line, fault: str) -> None:
    """The others go on meanwhile, live."""
    start = line.clock.ticks
    others = [name for name in NAMES if name != "BULK.000002"]
    async with running(reading(line, s=sampled(*NAMES)).run()):
        await is_open(line, len(NAMES))
        await passes(line, 15)
        await tells(line, NAMES, instants(line, start))
        broken = line.simulator.faults.add(fault)
        for _ in range(3):
            await passes(line, 10)
            owed = expected(line, others, instants(line, start))

            async def go_on(owed: Any = owed) -> bool:
                return not owed - await line.told()

            await eventually(go_on)
        line.simulator.faults.remove(broken.number)
        await passes(line, 10)
        await tells(line, NAMES, instants(line, start))
    (late,) = {event.tag for event in line.on_disk(Lane.HISTORY)}
    assert line.journal.tag(late, line.journal.stat().newest_seq).path.endswith("BULK.000002")


async def test_a_refused_tag_is_set_aside_and_owes_what_it_missed(line: Line) -> None:
    """It is tried again; the others lose nothing."""
    (tag,) = (await line.describe(NAMES[0])).values()
    refusal = line.simulator.faults.add(f"status=409@path={tag.web_id}")
    start = line.clock.ticks
    async with running(reading(line, s=sampled(*NAMES[:2])).run()):
        await eventually(lambda: line.counters.stream("s").quarantined == 1)
        await passes(line, 25)
        owed = expected(line, NAMES[1:2], instants(line, start))

        async def go_on() -> bool:
            return not owed - await line.told()

        await eventually(go_on)
        line.simulator.faults.remove(refusal.number)
        await eventually(lambda: line.counters.stream("s").quarantined == 0)
        await tells(line, NAMES[:2], instants(line, start))


@pytest.mark.parametrize("jump_s", [3600, -45])
async def test_a_clock_that_is_set_repeats_and_leaves_out_nothing(line: Line, jump_s: float) -> None:
    """Forwards what is skipped is made up for; backwards nothing is told again."""
    start = line.clock.ticks
    names = NAMES[:2]
    async with running(reading(line, s=sampled(*names)).run()):
        await is_open(line, len(names))
        await passes(line, 65)
        moments = instants(line, start)
        await tells(line, names, moments)
        await passes(line, jump_s)
        await passes(line, 0)
        for seconds in (20, 20, 20):
            await passes(line, seconds)
        await tells(line, names, instants(line, start))
        await eventually(line.owes_nothing)


@pytest.mark.parametrize("ahead_s", [None, 3600])
async def test_a_restart_begins_by_pis_clock(line: Line, ahead_s: float | None) -> None:
    """What is read is known before PI tells its time, which may lie behind ours or ahead: no instant of ours counts."""
    if ahead_s is not None:
        line.clock.ticks = ticks.from_seconds(time.time() + ahead_s) // SPACING * SPACING
        await line.tell_time()
    start = line.clock.ticks
    names = NAMES[:2]
    async with running(reading(line, s=sampled(*names)).run()):
        await is_open(line, len(names))
        await passes(line, 25)
        await tells(line, names, instants(line, start))
    async with PiClient(pi_settings(line.simulator)) as line.client, running(reading(line, s=sampled(*names)).run()):
        await is_open(line, len(names))
        await passes(line, 30)
        await tells(line, names, instants(line, start))


async def test_a_changed_delay_and_interval_go_on_from_the_last_instant(line: Line) -> None:
    """Each change applies to what comes after it."""
    start = line.clock.ticks
    names = NAMES[:2]
    streams = reading(line, s=sampled(*names))
    async with running(streams.run()):
        await is_open(line, len(names))
        for delay in ("30s", "1s", "2s"):
            await passes(line, 34)
            streams.change({"s": sampled(*names, delay=delay)}, 3600, surroundings())
            await eventually(lambda: not streams._has_changed.is_set())
            await is_open(line, len(names))
            await passes(line, 30)
        await tells(line, names, instants(line, start))
        changed_at = instants(line, start)[-1]
        before = await line.told()
        streams.change({"s": sampled(*names, interval="4s")}, 3600, surroundings())
        await eventually(lambda: not streams._has_changed.is_set())
        await is_open(line, len(names))
        await passes(line, 30)
        owed = expected(line, names, instants(line, changed_at, spacing=4 * SECOND))

        async def goes_on() -> bool:
            return await line.told() == before + owed

        await eventually(goes_on)


async def test_a_tag_that_joins_later_begins_then(line: Line, tmp_path: Path) -> None:
    """Those that are there notice nothing; the new one begins with its next instant."""
    file = tmp_path / "points.csv"
    settings = listed(file, NAMES[0])
    settings = StreamSettings.model_validate(
        {"select": settings.select, "mode": "interpolated", "interval": 10, "delay": 2}
    )
    start = line.clock.ticks
    async with running(reading(line, 0.05, s=settings).run()):
        await is_open(line, 1)
        await passes(line, 25)
        write(file, *NAMES[:2])
        await is_open(line, 2, channels=2)
        await passes(line, 40)
        joined = line.journal.joined(2)
        assert joined is not None
        owed = expected(line, NAMES[:1], instants(line, start))
        owed += expected(line, NAMES[1:2], instants(line, joined))

        async def is_told() -> bool:
            return await line.told() == owed

        await eventually(is_told)
