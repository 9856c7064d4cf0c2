from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from intake.lines import QUIET, SECOND, Line, opened, plant_settings
from intake.readers import points, reading
from pibridge.model.event import DELETE, UPDATE
from waiting import eventually, running


@pytest.fixture
async def line(tmp_path: Path) -> AsyncIterator[Line]:
    """Give a plant, a journal, and what stands between them."""
    async with opened(tmp_path, plant_settings()) as found:
        yield found


async def test_a_deletion_over_a_channel_becomes_one(line: Line, monkeypatch: pytest.MonkeyPatch) -> None:
    """The channel sends the removed value, marked: the archive tells that it is gone. It is told once."""
    monkeypatch.setattr("pibridge.intake.edited._GATHER_S", 0.05)  # nothing else is edited here
    streams = reading(line, quiet=points(QUIET, reread=None))
    async with running(streams.run()):
        await eventually(lambda: line.counters.stream("quiet").channels_open)
        for second in (0, 1, 2):
            line.write(second, float(second))
        line.clock.advance(3)
        at = line.clock.ticks - 2 * SECOND
        await eventually(lambda: has(line, 2.0))
        line.simulator.plant.delete(QUIET, at)
        await eventually(lambda: deleted(line))
        line.simulator.plant.replace(QUIET, at + SECOND, 9.0)
        await eventually(lambda: has(line, 9.0))
    events = [event for event in await line.events() if event.ticks >= at]
    assert [(event.ticks, event.value) for event in events if event.status & DELETE] == [(at, None)]
    assert [(event.ticks, event.value) for event in events if event.status & UPDATE] == [(at + SECOND, 9.0)]


async def has(line: Line, value: float) -> bool:
    """Tell whether the journal has this value."""
    return any(event.value == value for event in await line.events())


async def deleted(line: Line) -> bool:
    """Tell whether the journal has a deletion."""
    return any(event.status & DELETE for event in await line.events())
