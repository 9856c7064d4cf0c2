"""Each record names the batch that ran at its own time, and the frames themselves are told, whatever happens."""

import asyncio
from collections.abc import AsyncIterator, Iterable, Mapping
from pathlib import Path
from typing import Any

import pytest

from acceptance.daemons import Daemon, free_port, in_order
from cli.processes import eventually, ready, status
from pibridge.model import ticks
from pibridge.simulator import Simulator, SimulatorSettings
from pibridge.simulator.frames import Frame

pytestmark = [pytest.mark.acceptance, pytest.mark.timeout(240)]

CYCLE_S = 60.0
HOLD_S = 8
SECOND = ticks.PER_SECOND
RULES = {
    "area1": {
        "assets": "Plant/Area1/*",
        "event_frames": {"database": r"\\AF1\Plant", "template": "Unit Batch"},
        "valid": r"^B-\d+$",
    },
    "area2": {
        "assets": "Plant/Area2/*",
        "event_frames": {"database": r"\\AF1\Plant", "template": "Unit Batch"},
        "id": "attribute:BatchID",
    },
    "r9": {"assets": "Plant/Area9/R9", "tag": r"\\PISRV1\R9.BatchID"},
}


@pytest.fixture
async def plant() -> AsyncIterator[Simulator]:
    """Give a plant whose batches follow each other quickly."""
    settings = SimulatorSettings(compression=False, cycle_s=CYCLE_S, channel_interval_s=0.1, late_share=0.0)
    async with Simulator(settings) as simulator:
        yield simulator


def settings(simulator: Simulator, folder: Path, port: int) -> dict[str, Any]:
    """Give the configuration of a daemon that reads all vessels and the batches themselves."""
    roll = {"age": "500ms"}
    return {
        "site": "houston",
        "pi": {"url": simulator.url, "limits": {"requests_per_second": 100}},
        "streams": {
            "vessels": {
                "select": {"element": r"\\AF1\Plant", "template": "Vessel", "attributes": ["Temperature", "Level"]},
                "backfill": "40s",
            },
            "agitators": {"select": {"element": r"\\AF1\Plant", "template": "Agitator"}},
            "free": {"select": {"points": [r"\\PISRV1\U.Power"]}},
            "batches": {
                "select": {"event_frames": {"database": r"\\AF1\Plant", "template": "Unit Batch"}},
                "interval": "500ms",
            },
        },
        "context": {"batches": RULES, "hold": f"{HOLD_S}s"},
        "journal": {"path": str(folder / "journal"), "max_size": "64MiB"},
        "sinks": {
            "all": {"type": "file", "path": str(folder / "out"), "roll": roll},
            "running": {
                "type": "file",
                "path": str(folder / "running"),
                "roll": roll,
                "filter": {"batch": "running", "quality": ["good"], "streams": ["vessels"]},
            },
        },
        "status": {"listen": f"127.0.0.1:{port}"},
    }


async def test_batches_are_those_of_the_event_s_own_time(plant: Simulator, tmp_path: Path) -> None:
    """Also of frames that are created late, renamed, closed and made anew while the daemon reads and is killed."""
    daemon = Daemon(tmp_path, settings(plant, tmp_path, free_port()))
    try:
        await daemon.start()
        await _settled(_port(daemon))
        for _ in range(2):
            await _disturb(plant)
            await daemon.kill()
            await asyncio.sleep(4)
            await daemon.start()
            await _disturb(plant)
        known_until = plant.plant.clock()
        await asyncio.sleep(HOLD_S + 2)
        await _settled(_port(daemon))
        await asyncio.sleep(1)
        assert await daemon.stop() == 0
    finally:
        await daemon.cease()
    records = daemon.records()
    _judge_batches(plant, [record for record in records if record["kind"] == "value"], known_until)
    _judge_frames(plant, [record for record in records if record["kind"] == "frame"], known_until)
    running = in_order(file.read_bytes() for file in (tmp_path / "running").glob("dt=*/*.jsonl"))
    expected = [
        record["seq"]
        for record in records
        if record.get("stream") == "vessels" and record["quality"] == "good" and record.get("batch", {}).get("valid")
    ]
    assert [record["seq"] for record in running] == expected != []


def _port(daemon: Daemon) -> int:
    return int(daemon.settings["status"]["listen"].rpartition(":")[2])


async def _settled(port: int) -> None:
    """Wait until all that is read is read, and all that was missed."""
    await eventually(lambda: ready(port), 60)
    await eventually(lambda: _owes_nothing(port), 60)


async def _owes_nothing(port: int) -> bool:
    history = (await status(port))["history"]
    return bool(history["gaps_open"] == 0 < history["gaps_paid"])


async def _disturb(plant: Simulator) -> None:
    """Have people and analyses work on the frames, always within the hold of the events that they speak of."""
    frames, element = plant.plant.frames, r"\\AF1\Plant\Area1\R2"
    reactor = plant.plant.find("Em", element)
    await asyncio.sleep(1)
    started = plant.plant.clock()
    await asyncio.sleep(0.8)
    late = frames.create(name="LATE", template="Unit Batch", start_ticks=started, elements=(reactor,))
    await asyncio.sleep(0.5)
    frames.change(late, name="B-77")
    await asyncio.sleep(1)
    frames.close(late, plant.plant.clock() - SECOND // 2)
    await asyncio.sleep(0.5)
    frames.recreate(late)
    await asyncio.sleep(1)


def _judge_batches(plant: Simulator, records: Iterable[Mapping[str, Any]], known_until: int) -> None:
    frames = list(plant.plant.frames.between(plant.plant.clock() - 600 * SECOND, plant.plant.clock()))
    judged = {"with": 0, "without": 0, "late": 0}
    for record in records:
        moment = ticks.parse(record["ts"])
        if moment > known_until:
            continue
        expected = _expected(plant, frames, record.get("asset", {}).get("path", ""), moment)
        assert record.get("batch") == expected, record
        judged["with" if expected else "without"] += 1
        judged["late"] += bool(expected and expected["id"] == "B-77")
    assert min(judged.values()) > 0, judged


def _expected(plant: Simulator, frames: list[Frame], asset: str, moment: int) -> dict[str, Any] | None:
    """Give the batch by looking at all there is."""
    if asset.startswith("Plant/Area9"):
        said = plant.plant.at_or_before(plant.plant.point("R9.BatchID"), moment, plant.plant.clock())
        if said is None or not said.value or not said.good:
            return None
        return {"id": said.value, "start": ticks.render(said.ticks), "valid": True}
    above = {asset[: len(asset)] for asset in _above(asset)}
    speaking = [
        frame
        for frame in frames
        if frame.start_ticks <= moment < frame.end_ticks
        and frame.template in ("Unit Batch", "Fermenter Batch")
        and any(_path(element.path) in above for element in frame.elements)
    ]
    if not speaking:
        return None
    frame = max(speaking, key=lambda found: (found.start_ticks, str(found.id)))
    attributes = {attribute.name: attribute.static for attribute in frame.attributes}
    batch_id = frame.name if asset.startswith("Plant/Area1") else attributes.get("BatchID")
    if not batch_id:
        return None
    levels = sorted(
        (depth, found.start_ticks, found)
        for found in frames
        if found.start_ticks <= moment < found.end_ticks and (depth := _depth(frames, found, frame))
    )
    expected: dict[str, Any] = {
        "id": batch_id,
        "frame": str(frame.id),
        "name": frame.name,
        "template": frame.template,
        "start": ticks.render(frame.start_ticks),
        "valid": not asset.startswith("Plant/Area1") or batch_id.startswith("B-"),
    }
    if levels:
        expected["levels"] = [
            {"template": found.template, "name": found.name, "frame": str(found.id)} for _, _, found in levels
        ]
    return expected


def _depth(frames: list[Frame], frame: Frame, root: Frame) -> int:
    """Give how far below the root a frame is, 0 if it is not."""
    by_id = {found.id: found for found in frames}
    depth = 0
    here: Frame | None = frame
    while here is not None and here.id != root.id:
        here = by_id.get(here.parent) if here.parent else None
        depth += 1
    return depth if here is not None else 0


def _above(asset: str) -> list[str]:
    names = asset.split("/")
    return ["/".join(names[:count]) for count in range(1, len(names) + 1)]


def _path(element: str) -> str:
    return "/".join(element.removeprefix("\\\\").split("\\")[1:])


def _judge_frames(plant: Simulator, records: Iterable[Mapping[str, Any]], known_until: int) -> None:
    """Who follows the records knows every frame as PI has it; nothing is told twice."""
    followed: dict[str, Any] = {}
    ended: set[str] = set()
    deleted = 0
    for record in records:
        frame, op = record["frame"], record["op"]
        if op in ("start", "end") and frame["id"] in followed:
            assert op == "end", record
            assert followed[frame["id"]]["end"] is None, record
        if op == "delete":
            del followed[frame["id"]]
            deleted += 1
            continue
        assert followed.get(frame["id"]) != frame, record
        followed[frame["id"]] = frame
        ended |= {frame["id"]} if op == "end" else set()
    assert deleted >= 1
    truth = {
        str(frame.id): frame
        for frame in plant.plant.frames.between(known_until - 60 * SECOND, known_until)
        if frame.template in ("Unit Batch", "Fermenter Batch")
    }
    for frame_id, told in followed.items():
        if (frame := truth.get(frame_id)) is not None and frame.end_ticks < known_until:
            assert told["end"] == ticks.render(frame.end_ticks)
            assert told["name"] == frame.name
            assert told["elements"] == [_path(element.path) for element in frame.elements]
            assert frame_id in ended
    begun = {
        key for key, frame in truth.items() if known_until - 15 * SECOND < frame.start_ticks < known_until - SECOND
    }
    assert begun <= followed.keys()
