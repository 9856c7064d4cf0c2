from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from intake.lines import SECOND, Line, opened, plant_settings
from intake.readers import doorkeeper, listed, points, reading, reads, tells, write
from pibridge.intake import channels as channels_module
from pibridge.intake import quarantine as quarantine_module
from pibridge.intake import streams as streams_module
from waiting import eventually, running

BULK = [f"BULK.{number:06d}" for number in range(1, 9)]
BAD = BULK[2]
GOOD = [name for name in BULK if name != BAD]
REFRESH_S = 0.05


@pytest.fixture
async def line(tmp_path: Path) -> AsyncIterator[Line]:
    """Give a plant with eight points that speak once a second, and an empty journal."""
    settings = plant_settings(bulk_points=len(BULK))
    async with opened(tmp_path / "journal", settings, timeouts={"silent_channel": "400ms"}) as ready:
        yield ready


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    # What is set aside is tried again after half a minute, what is unresolved after ten seconds; nobody waits here.
    monkeypatch.setattr(quarantine_module, "_FIRST_S", 0.2)
    monkeypatch.setattr(channels_module, "_RETRY_S", 0.05)
    monkeypatch.setattr(streams_module, "_RETRY_S", 0.05)
    monkeypatch.setattr(streams_module, "_SOON_S", 0.05)


async def web_id(line: Line, name: str) -> str:
    """Give the WebID under which a point is read."""
    (tag,) = (await line.describe(name)).values()
    return tag.web_id


async def is_set_aside(line: Line, tags: int = 1) -> None:
    """Wait until so many tags are in quarantine and all channels of the others are open."""
    counters = line.counters.stream("s")

    def is_so() -> bool:
        return counters.quarantined == tags and counters.channels_open == counters.channels == line.simulator.channels

    await eventually(is_so)


async def told_once(line: Line, names: Sequence[str], since_ticks: int) -> None:
    """Wait until all that the plant knows of these points is in the journal; nothing may be there twice."""
    owed = line.truth(names, since_ticks)
    assert owed

    async def is_told() -> bool:
        return not (owed - await line.told())

    await eventually(is_told)
    assert max((await line.told()).values()) == 1


@pytest.mark.parametrize("refusal", ["status=403@path={}", "status=404@path={}", "status=400@path={}"])
async def test_one_refused_tag_is_found_and_the_others_lose_nothing(line: Line, refusal: str) -> None:
    """PI refuses whatever names the tag, and does not say which: it is set aside with path and reason, once."""
    fault = line.simulator.faults.add(refusal.format(await web_id(line, BAD)))
    start = line.clock.ticks + 1
    with capture_logs() as logs:
        streams = reading(line, s=points(*BULK))
        async with running(streams.run()):
            await is_set_aside(line)
            ((number, reason),) = streams.refused().items()
            assert line.journal.tags()[number - 1].name == BAD
            assert reason
            assert number in streams.reading()
            line.clock.advance(10)
            await tells(line, GOOD, start)
            tried = fault.acted
            await eventually(lambda: fault.acted >= tried + 3)
            (told,) = [
                log for log in logs if log["event"] == "PI refuses to read a tag; it is set aside and tried again"
            ]
            assert (told["stream"], told["tag"]) == ("s", rf"\\PISRV1\{BAD}")
            assert told["error"]
            line.simulator.faults.remove(fault.number)
            await eventually(lambda: line.counters.stream("s").quarantined == 0)
            await tells(line, BULK, start)
            line.clock.advance(5)
            await tells(line, BULK, start)
    assert await line.owes_nothing()
    back = [log for log in logs if log["event"] == "PI reads a tag again"]
    assert [log["tag"] for log in back] == [rf"\\PISRV1\{BAD}"]


async def test_channels_that_nobody_lets_through_are_one_line(line: Line) -> None:
    """All tags are refused although REST reads them: it is said once, with the likely cause, and again when it ends."""
    fault = line.simulator.faults.add("status=404@path=/channel")
    with capture_logs() as logs:
        streams = reading(line, s=points(*BULK))
        async with running(streams.run()):
            await is_set_aside(line, len(BULK))
            (told,) = [log for log in logs if log["log_level"] == "warning"]
            assert (
                told["event"] == "PI opens no channel for a tag that it reads by REST; it is set aside and tried again"
            )
            assert (told["stream"], "WebSockets" in told["error"]) == ("s", True)
            assert len(streams.refused()) == len(BULK)
            line.simulator.faults.remove(fault.number)
            await is_set_aside(line, 0)
    assert len([log for log in logs if log["event"] == "PI reads a tag again"]) == len(BULK)


async def test_several_refused_tags_are_all_found(line: Line) -> None:
    """However many there are, those that are left are read."""
    for name in (BULK[0], BULK[3], BULK[7]):
        line.simulator.faults.add(f"status=403@path={await web_id(line, name)}")
    start = line.clock.ticks + 1
    async with running(reading(line, s=points(*BULK)).run()):
        await is_set_aside(line, 3)
        line.clock.advance(10)
        await tells(line, [name for name in BULK if name not in {BULK[0], BULK[3], BULK[7]}], start)


async def test_a_tag_that_only_channels_refuse_is_found_by_parting(line: Line) -> None:
    """Its present value can be read, so that only ever smaller channels tell which one it is."""
    doorkeeper(line).unwelcome = await web_id(line, BAD)
    start = line.clock.ticks + 1
    async with running(reading(line, s=points(*BULK)).run()):
        await is_set_aside(line)
        assert line.counters.stream("s").channels == 3, "eight tags: four, two, one, and the one"
        line.clock.advance(10)
        await tells(line, GOOD, start)
        doorkeeper(line).unwelcome = ""
        await eventually(lambda: line.counters.stream("s").quarantined == 0)
        await tells(line, BULK, start)


async def test_while_pi_cannot_be_asked_nobody_is_found_guilty(line: Line) -> None:
    """A refused channel and no answer about its tags: it is tried again as it is."""
    refusal = line.simulator.faults.add("status=404@path=channel")
    outage = line.simulator.faults.add("status=503@path=streamsets/value")
    start = line.clock.ticks + 1
    async with running(reading(line, s=points(*BULK)).run()):
        await eventually(lambda: refusal.acted >= 3)
        assert line.counters.stream("s").quarantined == 0
        line.simulator.faults.remove(refusal.number)
        line.simulator.faults.remove(outage.number)
        line.clock.advance(10)
        await is_set_aside(line, 0)
        await told_once(line, BULK, start + 2 * SECOND)


async def test_a_deleted_point_leaves_and_the_others_lose_nothing(line: Line) -> None:
    """The channel breaks off and is refused without saying why; the point is unknown, the selection notices."""
    async with running(reading(line, s=points(*BULK)).run()):
        await reads(line, tags=len(BULK), channels=1)
        start = line.clock.ticks + 1
        line.simulator.plant.remove_point(BAD)
        line.simulator.faults.add("drop-channel")
        await eventually(lambda: line.counters.stream("s").tags == len(GOOD))
        await is_set_aside(line, 0)
        line.clock.advance(10)
        await tells(line, GOOD, start)
    assert line.counters.stream("s").problems == 1


async def test_a_point_deleted_under_an_open_channel_is_noticed(line: Line) -> None:
    """Nothing breaks off; comparing with PI's present values shows that one of the tags is no more."""
    async with running(reading(line, s=points(*BULK)).run()):
        await reads(line, tags=len(BULK), channels=1)
        line.simulator.plant.remove_point(BAD)
        await eventually(lambda: line.counters.stream("s").tags == len(GOOD))
        await is_set_aside(line, 0)
        start = line.clock.ticks + 1
        line.clock.advance(10)
        await tells(line, GOOD, start)


@pytest.mark.parametrize("drops", [True, False])
async def test_a_point_made_anew_is_found_under_its_name(line: Line, *, drops: bool) -> None:
    """Deleted and made again, it has another WebID: it is the same tag, read on, and the others lose nothing."""
    async with running(reading(line, s=points(*BULK)).run()):
        await reads(line, tags=len(BULK), channels=1)
        start = line.clock.ticks + 1
        line.clock.advance(10)
        await tells(line, BULK, start)
        before = line.truth([BAD], start)
        plant = line.simulator.plant
        old, (number,) = await web_id(line, BAD), await line.describe(BAD)
        plant.recreate_point(plant.remove_point(BAD))
        if drops:
            line.simulator.faults.add("drop-channel")
        await eventually(lambda: line.journal.tag(number, line.journal.stat().newest_seq + 1).web_id != old)
        await is_set_aside(line, 0)
        line.clock.advance(10)
        await told_once(line, BULK, start)
        assert not before - await line.told(), "what the old point said stays"
        assert line.counters.stream("s").tags == len(BULK)


async def test_a_point_that_comes_back_later_is_found_by_a_refresh(line: Line) -> None:
    """It was gone for a while; with the next look at the selection it is read again, as the same tag."""
    async with running(reading(line, REFRESH_S, s=points(*BULK)).run()):
        await reads(line, tags=len(BULK), channels=1)
        (number,) = await line.describe(BAD)
        gone = line.simulator.plant.remove_point(BAD)
        await eventually(lambda: line.counters.stream("s").tags == len(GOOD))
        line.clock.advance(60)
        line.simulator.plant.recreate_point(gone)
        since = line.clock.ticks
        await eventually(lambda: line.counters.stream("s").tags == len(BULK))
        await is_set_aside(line, 0)
        line.clock.advance(10)
        await told_once(line, BULK, since)
        assert list(await line.describe(BAD)) == [number]


async def test_a_tag_that_leaves_the_stream_leaves_quarantine(line: Line, tmp_path: Path) -> None:
    """Nobody tries a tag that nobody wants."""
    file = tmp_path / "points.csv"
    refused = await web_id(line, BAD)
    fault = line.simulator.faults.add(f"status=403@path={refused}")
    async with running(reading(line, REFRESH_S, s=listed(file, *BULK)).run()):
        await is_set_aside(line)
        write(file, *GOOD)
        await eventually(lambda: line.counters.stream("s").tags == len(GOOD))
        await is_set_aside(line, 0)
        tried, asked = fault.acted, line.simulator.requests
        await eventually(lambda: line.simulator.requests >= asked + 10)
        assert fault.acted == tried
        start = line.clock.ticks + 1
        line.clock.advance(10)
        await tells(line, GOOD, start)


async def test_what_a_silent_channel_swallowed_is_recovered(line: Line) -> None:
    """It is opened anew, its gap is paid from the archive, and nothing is told twice."""
    async with running(reading(line, per_channel=4, s=points(*BULK)).run()):
        await reads(line, tags=len(BULK), channels=2)
        start = line.clock.ticks + 1
        line.clock.advance(5)
        await tells(line, BULK, start)
        deaf = line.simulator.faults.add("silence@count=1")
        await eventually(lambda: deaf.acted == 1)
        line.clock.advance(5)
        await tells(line, BULK, start)
        line.clock.advance(5)
        await tells(line, BULK, start)
    assert (line.counters.stream("s").silent, line.counters.stream("s").reconnects) == (1, 1)


@pytest.mark.parametrize("via", ["updates", "poll"])
async def test_a_refused_tag_owes_what_it_missed_on_every_road(line: Line, via: str) -> None:
    """It is set aside while its group goes on, stays so until PI reads it, and then misses nothing."""
    refusal = line.simulator.faults.add(f"status=404@path={await web_id(line, BAD)}")
    start = line.clock.ticks + 1
    async with running(reading(line, s=points(*BULK, via=via, interval="20ms")).run()):
        counters = line.counters.stream("s")
        await eventually(lambda: counters.quarantined == 1 and counters.channels_open == 1)
        line.clock.advance(10)
        await told_once(line, GOOD, start)
        acted = refusal.acted
        await eventually(lambda: refusal.acted >= acted + 3)
        assert counters.quarantined == 1
        line.clock.advance(1200)
        await told_once(line, GOOD, start)
        line.simulator.faults.remove(refusal.number)
        await eventually(lambda: counters.quarantined == 0)
        await told_once(line, BULK, start)
