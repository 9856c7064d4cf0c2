"""A fleet of daemons that share one plant loses nothing when one more joins, and when one leaves."""

import asyncio
import signal
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from acceptance.daemons import Daemon, Fact, between, facts, free_port, truth
from cli.processes import eventually
from pibridge.model import ticks
from pibridge.simulator import Simulator, SimulatorSettings
from pibridge.simulator.plant import wall_clock

pytestmark = [pytest.mark.acceptance, pytest.mark.timeout(240)]

POINTS = [rf"\\PISRV1\BULK.{number:06d}" for number in range(1, 31)]
OVERLAP_S = 12
DOWN_S = 20
SECOND = ticks.PER_SECOND


@pytest.fixture
async def plant() -> AsyncIterator[Simulator]:
    """Give a plant that keeps every value in its archive."""
    settings = SimulatorSettings(
        compression=False, bulk_points=30, event_rate=2.0, channel_interval_s=0.1, late_share=0.0, repeated_share=0.0
    )
    async with Simulator(settings) as simulator:
        yield simulator


class Core(Daemon):
    """A daemon of the fleet: its configuration is that of all, but for the folder and the port of its own."""

    def __init__(self, folder: Path, plant: Simulator, index: int, of: int) -> None:
        folder.mkdir()
        self.port = free_port()
        self._plant = plant
        super().__init__(folder, self.shared(folder, of), {"PIBRIDGE_SHARD": str(index)})

    def shared(self, folder: Path, of: int) -> dict[str, Any]:
        """Give the configuration."""
        return {
            "site": "houston",
            "pi": {"url": self._plant.url, "limits": {"requests_per_second": 100}},
            "streams": {"bulk": {"select": {"points": [r"\\PISRV1\BULK*"]}}},
            "shard": {"index": "${env:PIBRIDGE_SHARD}", "of": of, "overlap": f"{OVERLAP_S}s"},
            "journal": {"path": str(folder / "journal"), "max_size": "64MiB"},
            "sinks": {"local": {"type": "file", "path": str(folder / "out"), "roll": {"age": "500ms"}}},
            "status": {"listen": f"127.0.0.1:{self.port}"},
        }

    def share_with(self, of: int) -> None:
        """Deploy the configuration of a fleet of another size."""
        self.configure(self.shared(self.folder, of))

    async def tags(self) -> int:
        """Give how many tags it reads, once nothing is owed."""
        streams: dict[str, Any] = (await self.settled(self.port))["streams"]
        return int(streams["bulk"]["tags"])


async def agreed(cores: Sequence[Core]) -> None:
    """Wait until each tag has one core."""

    async def is_so() -> bool:
        return sum([await core.tags() for core in cores]) == len(POINTS)

    await eventually(is_so, 90)


def judged(plant: Simulator, cores: Sequence[Core], start: int, end: int) -> list[Counter[Fact]]:
    """Give what each core told: together the plant's truth, and nothing twice by one core."""
    told = [facts(core.records()) for core in cores]
    known = between(truth(plant, POINTS, start, end), start, end)
    assert len(known) > 200
    assert set(known) - set().union(*told) == set()
    within = [between(each, start, end) for each in told]
    assert set().union(*within) == set(known)
    assert all(each <= known for each in within)
    return told


async def test_one_more_core_joins_and_one_leaves(plant: Simulator, tmp_path: Path) -> None:
    """2 → 3 → 2 shards while values flow, one core killed before and down for longer than the overlap.

    All outputs together are the plant's truth; no core tells a value twice, and once settled, no two cores do.
    """
    first, second = (Core(tmp_path / str(index), plant, index, of=2) for index in range(2))
    third = Core(tmp_path / "2", plant, 2, of=3)
    cores = [first, second, third]
    try:
        await asyncio.gather(first.start(), second.start())
        await agreed([first, second])
        start = wall_clock()
        # The procedure: the new core first, then the others; one of these is down, so that nobody reads its tags.
        await second.kill()
        await asyncio.sleep(DOWN_S)
        await third.start()
        await third.settled(third.port)
        first.share_with(3)
        first.send(signal.SIGHUP)
        second.share_with(3)
        await second.start()
        await agreed(cores)
        alone = wall_clock()
        await asyncio.sleep(4)
        until = wall_clock()
        await asyncio.sleep(OVERLAP_S + 2)
        # Back again: those that stay first, then the one that goes ends.
        for core in (first, second):
            core.share_with(2)
            core.send(signal.SIGHUP)
        await agreed([first, second])
        assert await third.stop() == 0
        await asyncio.sleep(3)
        end = wall_clock()
        await asyncio.sleep(2)
        assert [await first.stop(), await second.stop()] == [0, 0]
    finally:
        await asyncio.gather(*(core.cease() for core in cores))
    told = judged(plant, cores, start, end)
    once: Counter[Fact] = sum((between(each, alone + SECOND, until) for each in told), Counter())
    assert once == between(truth(plant, POINTS, alone + SECOND, until), alone + SECOND, until) != {}
    assert all(between(each, alone + SECOND, until) for each in told)


async def test_one_deployment_for_all(plant: Simulator, tmp_path: Path) -> None:
    """2 → 3 shards at once while values flow, the new core last: the overlap covers the time that was nobody's."""
    cores = [Core(tmp_path / str(index), plant, index, of=2 if index < 2 else 3) for index in range(3)]
    try:
        await asyncio.gather(*(core.start() for core in cores[:2]))
        await agreed(cores[:2])
        start = wall_clock()
        for core in cores[:2]:
            core.share_with(3)
            core.send(signal.SIGHUP)
        await eventually(lambda: all("left to other shards" in core.log.read_text() for core in cores[:2]), 30)
        await asyncio.sleep(OVERLAP_S / 3)
        await cores[2].start()
        await agreed(cores)
        await asyncio.sleep(3)
        end = wall_clock()
        await asyncio.sleep(2)
        assert [await core.stop() for core in cores] == [0, 0, 0]
    finally:
        await asyncio.gather(*(core.cease() for core in cores))
    judged(plant, cores, start, end)
