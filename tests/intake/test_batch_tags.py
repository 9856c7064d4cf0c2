from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import structlog

from context.plants import surroundings
from intake.lines import QUIET, SECOND, Line, opened, path, plant_settings
from pibridge.intake.batch_tags import BatchTags, recalled
from waiting import eventually, running

ASSET = "Plant/Area9/R9"
KEY = path(QUIET).upper()


@pytest.fixture
async def line(tmp_path: Path) -> AsyncIterator[Line]:
    """Give a plant that archives all, and an empty journal."""
    async with opened(tmp_path, plant_settings()) as ready:
        yield ready


class Reader:
    """A rule whose batch ids are the values of a tag, followed while the block runs."""

    def __init__(self, line: Line, keep_s: float = 3600.0, tag: str = QUIET, interval_s: float = 0.02) -> None:
        self.line = line
        self.around = surroundings(batches={"r9": {"assets": ASSET, "tag": path(tag)}})
        self.tags = BatchTags([path(tag)], interval_s, keep_s, self.around, line.client, line.journal)

    @asynccontextmanager
    async def following(self) -> AsyncIterator[None]:
        """Follow the tag."""
        async with running(self.tags.run()):
            yield

    def at(self, second: float) -> str:
        """Give the id of the batch that ran so many seconds from the plant's present time."""
        batch = self.around.timeline.span(ASSET, self.line.clock.ticks + round(second * SECOND)).batch
        return batch.id if batch else ""


async def test_the_batch_is_what_the_tag_said_last(line: Line) -> None:
    """Also long before the first look; an empty text ends it; what the tag says later is found."""
    line.write(-90_000, "B-1")
    line.write(-60, "")
    line.write(-30, "B-2")
    reader = Reader(line)
    async with reader.following():
        await eventually(lambda: reader.at(0) == "B-2")
        assert [reader.at(second) for second in (-80_000, -45, -30)] == ["B-1", "", "B-2"]
        line.clock.advance(5)
        line.write(-2, "B-3")
        await eventually(lambda: reader.at(0) == "B-3")
        assert reader.at(-3) == "B-2"


async def test_edits_and_deletions_are_found(line: Line) -> None:
    """What the archive says now counts, for old events too."""
    for second in (-60, -30):
        line.write(second, f"B{second}")
    reader = Reader(line)
    async with reader.following():
        await eventually(lambda: reader.at(0) == "B-30")
        line.simulator.plant.delete(QUIET, line.clock.ticks - 30 * SECOND)
        line.simulator.plant.replace(QUIET, line.clock.ticks - 60 * SECOND, "B-new")
        await eventually(lambda: reader.at(0) == "B-new")


async def test_what_is_known_survives_a_restart(line: Line) -> None:
    """The journal keeps it, as it was last read."""
    line.write(-60, "B-1")
    line.write(-60, "B-1A")
    reader = Reader(line)
    async with reader.following():
        await eventually(lambda: reader.at(0) == "B-1A")
    kept = await recalled(line.journal, path(QUIET))
    assert [event.value for event in kept][-2:] == ["B-1", "B-1A"]


async def test_a_look_is_noted_once_it_is_done(line: Line) -> None:
    """Events that wait learn how far back the tag was read, and when."""
    line.write(-60, "B-1")
    reader = Reader(line)
    known = reader.around.readings.know
    now = line.clock.ticks
    async with reader.following():
        await eventually(lambda: known([KEY], now - 80_000 * SECOND, now))
        assert not known([KEY], now - 100_000 * SECOND, now)
        reader.tags.reach(now - 100_000 * SECOND)
        await eventually(lambda: known([KEY], now - 100_000 * SECOND, now))


async def test_a_tag_that_cannot_be_read_is_tried_again(line: Line) -> None:
    """An outage, and a tag that is not there, end when they end."""
    line.write(-60, "B-1")
    fault = line.simulator.faults.add("status=503@path=/streamsets")
    reader = Reader(line)
    async with reader.following():
        await eventually(lambda: fault.acted > 0)
        line.simulator.faults.clear()
        await eventually(lambda: reader.at(0) == "B-1")


async def test_what_is_owed_does_not_hurry_a_server_that_cannot_give_it(line: Line) -> None:
    """Between two looks that fail the reader pauses, whatever is waited for."""
    line.simulator.faults.add("status=503@path=/points")
    reader = Reader(line, interval_s=3600.0)
    reader.tags.reach(line.clock.ticks - 600_000 * SECOND)
    with structlog.testing.capture_logs() as logs:
        async with reader.following():
            await eventually(lambda: logs)
            before = line.simulator.requests
            for _ in range(20):
                await line.client.get("/", [], bytes)
            assert line.simulator.requests == before + 20


async def test_what_is_too_old_is_forgotten(line: Line) -> None:
    """But for the value that still held."""
    for second in (-500_000, -400_000, -300_000, -60):
        line.write(second, f"B{second}")
    reader = Reader(line)
    reader.tags.reach(line.clock.ticks - 600_000 * SECOND)
    async with reader.following():
        await eventually(lambda: reader.at(-550_000) == "" and reader.at(-450_000) == "B-500000")
    again = Reader(line)
    async with again.following():
        await eventually(lambda: again.at(0) == "B-60")
        await eventually(lambda: _is_trimmed(line))


async def _is_trimmed(line: Line) -> bool:
    kept = await recalled(line.journal, path(QUIET))
    return [event.value for event in kept] == ["B-300000", "B-60"]
