from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from context.plants import surroundings
from intake.lines import Line, opened, path, plant_settings
from intake.readers import listed, points, reading, reads, tells
from pibridge.errors import JournalFullError
from pibridge.intake import streams as streams_module
from pibridge.intake.remembered import Remembered
from pibridge.intake.settings import StreamSettings
from pibridge.model.tag import Mode
from waiting import eventually, running

BULK = ["BULK.000001", "BULK.000002", "BULK.000003"]
LIVE = points(*BULK)
NOT_RESOLVED = "status=503@path=points/multiple"


@pytest.fixture
async def line(tmp_path: Path) -> AsyncIterator[Line]:
    """Give a plant and an empty journal."""
    async with opened(tmp_path / "journal", plant_settings()) as ready:
        yield ready


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    # What cannot be resolved is tried again after ten seconds; nobody waits for that here.
    monkeypatch.setattr(streams_module, "_RETRY_S", 0.05)


async def recalled(line: Line, settings: StreamSettings, url: str = "https://pi") -> list[str]:
    """Give the names of the tags that a new start knows of stream `s`."""
    found = await Remembered(line.journal, url).recall({"s": settings})
    return [tag.name for tag in found["s"].tags] if found else []


async def test_a_start_knows_what_was_read_last(line: Line) -> None:
    """The tags are those that were kept; of a stream that reads otherwise now, or from another PI, none is known."""
    tags = await line.describe(*BULK)
    await Remembered(line.journal, "https://pi").keep({"s": LIVE}, {"s": tags})
    assert await recalled(line, LIVE) == BULK
    assert await recalled(line, LIVE, "https://other") == []
    assert await recalled(line, points(*BULK, mode="recorded")) == []
    assert await recalled(line, points(*BULK[:2])) == []
    assert await Remembered(line.journal, "https://pi").recall({"t": LIVE}) == {}


async def test_numbers_of_nothing_are_not_believed(line: Line) -> None:
    """Tags that the journal does not know, or that another stream has read since, are resolved anew."""
    tags = await line.describe(*BULK)
    remembered = Remembered(line.journal, "https://pi")
    await remembered.keep({"s": LIVE}, {"s": tags | {99: tags[1]}})
    assert await recalled(line, LIVE) == []
    await remembered.keep({"t": LIVE}, {"t": tags})
    assert await Remembered(line.journal, "https://pi").recall({"t": LIVE}) == {}
    assert tags[1].mode is Mode.REALTIME


async def test_what_did_not_change_is_not_written_again(line: Line, monkeypatch: pytest.MonkeyPatch) -> None:
    """A selection is written when its tags differ from those that are kept; a full journal is no failure."""
    tags = await line.describe(*BULK)
    remembered = Remembered(line.journal, "https://pi")
    writes = []

    async def keep(name: str, digest: str, numbers: list[int]) -> None:
        writes.append((name, len(digest), numbers))
        if len(writes) == 1:
            raise JournalFullError("full")

    monkeypatch.setattr(line.journal.selections, "keep", keep)
    for _ in range(3):
        await remembered.keep({"s": LIVE}, {"s": tags})
    assert writes == [("s", 64, [1, 2, 3])] * 2


async def test_a_start_does_not_wait_for_pi_to_resolve(line: Line) -> None:
    """While PI cannot say what a selection means, the tags from before are read."""
    async with running(reading(line, s=LIVE).run()):
        await reads(line, tags=3, channels=1)
    line.simulator.faults.add(NOT_RESOLVED)
    start = line.clock.ticks + 1
    async with running(reading(line, s=LIVE).run()):
        await reads(line, tags=3, channels=1)
        assert line.counters.stream("s").is_resolved
        line.clock.advance(5)
        await tells(line, BULK, start)
        await eventually(lambda: "503" in line.counters.stream("s").last_error)


async def test_what_has_changed_meanwhile_is_applied(line: Line, tmp_path: Path) -> None:
    """A start reads what it knows, then, when PI has told, what is selected now."""
    file = tmp_path / "points.csv"
    async with running(reading(line, s=listed(file, *BULK[:2])).run()):
        await reads(line, tags=2, channels=1)
    settings = listed(file, BULK[0], BULK[2])
    line.simulator.faults.add(NOT_RESOLVED)
    async with running(reading(line, s=settings).run()):
        await reads(line, tags=2, channels=1)
        line.simulator.faults.clear()
        await eventually(lambda: line.journal.number(f"realtime:{path(BULK[2])}") is not None)
        await eventually(lambda: line.counters.stream("s").channels_open == line.simulator.channels == 1)
        start = line.clock.ticks + 1
        line.clock.advance(5)
        await tells(line, [BULK[0], BULK[2]], start)


async def test_tags_of_a_selection_from_before_are_not_taken_for_those_of_a_new_one(line: Line) -> None:
    """While PI cannot say what a changed selection means the old tags are read on, and nothing new is remembered."""
    changed = points(*BULK[:2])
    streams = reading(line, s=LIVE)
    async with running(streams.run()):
        await reads(line, tags=3, channels=1)
        line.simulator.faults.add(NOT_RESOLVED)
        streams.change({"s": changed}, 3600, surroundings())
        await eventually(lambda: "503" in line.counters.stream("s").last_error)
        await eventually(lambda: not line.counters.stream("s").is_resolved)
    assert await recalled(line, changed, line.client.settings.url) == []
    assert await recalled(line, LIVE, line.client.settings.url) == BULK


async def test_a_point_made_anew_is_found_although_its_old_id_is_known(line: Line) -> None:
    """The remembered WebID is refused; the point is set aside, looked up by its path, and read under its new one."""
    async with running(reading(line, s=LIVE).run()):
        await reads(line, tags=3, channels=1)
    plant = line.simulator.plant
    plant.recreate_point(plant.remove_point(BULK[1]))
    line.simulator.faults.add(NOT_RESOLVED)
    async with running(reading(line, s=LIVE).run()):
        await eventually(lambda: line.counters.stream("s").quarantined == 1)
        line.simulator.faults.clear()
        await eventually(lambda: line.counters.stream("s").quarantined == 0)
        await eventually(lambda: line.counters.stream("s").channels_open == line.counters.stream("s").channels)
        start = line.clock.ticks + 1
        line.clock.advance(5)
        await tells(line, BULK, start)
    assert line.counters.stream("s").tags == 3
