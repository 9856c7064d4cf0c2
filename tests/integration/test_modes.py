"""All ways of reading in one daemon, which is killed while PI goes away and comes back."""

import asyncio
import json
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from acceptance.daemons import Daemon, Fact, between, facts, free_port, truth
from pibridge.model import ticks
from pibridge.simulator import Simulator, SimulatorSettings

pytestmark = pytest.mark.timeout(120)

FIRST, SECOND = ([rf"\\PISRV1\BULK.{number:06d}" for number in numbers] for numbers in (range(1, 11), range(11, 21)))
STREAMS: dict[str, dict[str, Any]] = {
    "channels": {"select": {"points": FIRST}},
    "polled": {"select": {"points": SECOND}, "via": "poll", "interval": "500ms"},
    "archived": {"select": {"points": FIRST}, "mode": "recorded", "interval": "500ms"},
    "archived-polled": {"select": {"points": SECOND}, "mode": "recorded", "via": "poll", "interval": "500ms"},
    "sampled": {"select": {"points": FIRST}, "mode": "interpolated", "interval": "500ms", "delay": "1s"},
}


@pytest.fixture
async def plant() -> AsyncIterator[Simulator]:
    """Give a plant that compresses."""
    settings = SimulatorSettings(
        bulk_points=20, event_rate=4.0, channel_interval_s=0.1, late_share=0.0, repeated_share=0.0
    )
    async with Simulator(settings) as simulator:
        yield simulator


def configured(plant: Simulator, folder: Path, port: int) -> dict[str, Any]:
    """Give a configuration with all modes and all ways, into files."""
    return {
        "site": "brewery",
        "pi": {"url": plant.url, "limits": {"requests_per_second": 100}},
        "streams": STREAMS,
        "journal": {"path": str(folder / "journal"), "max_size": "64MiB"},
        "sinks": {"files": {"type": "file", "path": str(folder / "out"), "roll": {"age": "1s", "size": "1MiB"}}},
        "status": {"listen": f"127.0.0.1:{port}"},
    }


def archive(plant: Simulator, paths: list[str], start: int, end: int) -> Counter[Fact]:
    """Count what PI archived for good of these points, as `facts` does."""
    now = plant.plant.clock()
    return Counter(
        (path, sample.ticks, json.dumps(sample.value["Value"] if isinstance(sample.value, dict) else sample.value))
        for path in paths
        for sample in plant.plant.archive(path, start, end, now)
    )


async def test_every_mode_keeps_its_promise(plant: Simulator, tmp_path: Path) -> None:
    """Through two kills and an outage of PI: no mode loses, invents or repeats anything, and records tell the mode."""
    port = free_port()
    daemon = Daemon(tmp_path, configured(plant, tmp_path, port))
    try:
        await daemon.start()
        await daemon.settled(port)
        start = plant.plant.clock() + ticks.PER_SECOND  # PI's clock is known to about a second
        await asyncio.sleep(2)
        await daemon.kill()
        await asyncio.sleep(1)
        await daemon.start()
        await daemon.settled(port)
        await plant.kill()
        await asyncio.sleep(2)
        await daemon.kill()
        await daemon.start()
        await plant.start()
        await daemon.settled(port)
        end = plant.plant.clock() - 2 * ticks.PER_SECOND
        await asyncio.sleep(3)
        await daemon.settled(port)
        assert await daemon.stop() == 0
    finally:
        await daemon.cease()
    records = daemon.records()
    places = [record["seq"] for record in records]
    assert len(places) == len(set(places))
    told = {name: between(facts(each for each in records if each["stream"] == name), start, end) for name in STREAMS}
    for name, paths in (("channels", FIRST), ("polled", SECOND)):
        assert not archive(plant, paths, start, end) - told[name], f"{name}: lost"
        assert not told[name] - truth(plant, paths, start, end), f"{name}: told twice, or invented"
    for name, paths in (("archived", FIRST), ("archived-polled", SECOND)):
        assert told[name] == archive(plant, paths, start, end), name
    half = ticks.PER_SECOND // 2
    instants = range(-(-start // half) * half, end + 1, half)
    assert len(instants) > 5
    assert Counter((path, moment) for path, moment, _ in told["sampled"].elements()) == Counter(
        (path, moment) for path in FIRST for moment in instants
    )
    modes = {(record["stream"], record["mode"]) for record in records}
    assert modes == {(name, stream.get("mode", "realtime")) for name, stream in STREAMS.items()}
