"""The manifest of each batch says what the lake holds of it, whatever happens."""

import asyncio
import json
import re
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

import duckdb
import pytest

from acceptance.daemons import Daemon, free_port
from pibridge.model import ticks
from pibridge.simulator import Simulator, SimulatorSettings
from sinks.far_sides import REGION, Bucket, Store
from waiting import eventually

pytestmark = [pytest.mark.acceptance, pytest.mark.timeout(240)]

HOLD_S = 1
CREDENTIALS = {
    "AWS_ACCESS_KEY_ID": "AKIATESTTESTTESTTEST",
    "AWS_SECRET_ACCESS_KEY": "not-to-be-shown",
    "AWS_EC2_METADATA_DISABLED": "true",
}


@pytest.fixture
async def plant() -> AsyncIterator[Simulator]:
    """Give a plant whose batches take some seconds."""
    settings = SimulatorSettings(compression=False, cycle_s=20, channel_interval_s=0.1, late_share=0.0)
    async with Simulator(settings) as simulator:
        yield simulator


def settings(plant: Simulator, folder: Path, port: int, bucket: Bucket) -> dict[str, Any]:
    """Give the configuration of a daemon that reads the vessels of an area into a bucket."""
    rule = {"assets": "Plant/Area1/*", "event_frames": {"database": r"\\AF1\Plant", "template": "Unit Batch"}}
    return {
        "site": "houston",
        "pi": {"url": plant.url, "limits": {"requests_per_second": 100}},
        "streams": {
            "vessels": {
                "select": {
                    "element": r"\\AF1\Plant\Area1",
                    "template": "Vessel",
                    "attributes": ["Temperature", "Level"],
                }
            }
        },
        "context": {"batches": {"area1": rule}, "hold": f"{HOLD_S}s"},
        "journal": {"path": str(folder / "journal"), "max_size": "64MiB"},
        "sinks": {
            "lake": {
                "type": "s3",
                "bucket": bucket.name,
                "region": REGION,
                "endpoint_url": bucket.store.url,
                "format": "jsonl",
                "roll": {"age": "500ms"},
                "per_batch": True,
            }
        },
        "status": {"listen": f"127.0.0.1:{port}"},
    }


async def test_a_manifest_says_what_the_lake_holds(plant: Simulator, tmp_path: Path) -> None:
    """With a kill and an outage of PI in the middle; when all is read, every batch that has ended is complete."""
    store = Store()
    bucket = Bucket(store, "lake")
    port = free_port()
    daemon = Daemon(tmp_path, settings(plant, tmp_path, port, bucket), CREDENTIALS)
    try:
        await daemon.start()
        await daemon.settled(port)
        begun_ticks = plant.plant.clock()
        await asyncio.sleep(8)
        await daemon.kill()
        await asyncio.sleep(2)
        await daemon.start()
        await daemon.settled(port)
        await plant.kill()
        await asyncio.sleep(3)
        await plant.start()
        await asyncio.sleep(8)
        await daemon.settled(port)
        owed = _ended(plant, begun_ticks, plant.plant.clock())
        assert len(owed) >= 2
        await eventually(lambda: owed.keys() <= _complete(bucket), 60)
        assert await daemon.stop() == 0
        held = bucket.held(of="")
    finally:
        await daemon.cease()
        store.client.close()
        store.stop()
    told = _manifests(held)
    assert all(manifest["batch"]["end"] == owed[frame] for frame, manifest in told.items() if frame in owed)
    for name, content in held.items():
        (tmp_path / "lake" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "lake" / name).write_bytes(content)
    counted = _counted(tmp_path / "lake")
    for frame, manifest in told.items():
        said = {tag["tag"]: (tag["records"], tag["first"], tag["last"]) for tag in manifest["tags"]}
        assert said == counted[frame]
        assert manifest["records"] == sum(tag["records"] for tag in manifest["tags"])


def _ended(plant: Simulator, begun_ticks: int, ended_ticks: int) -> dict[str, str]:
    """Give the ends of the batches in the area that began and ended within this time."""
    return {
        str(frame.id): ticks.render(frame.end_ticks)
        for frame in plant.plant.frames.between(begun_ticks, ended_ticks)
        if frame.template == "Unit Batch"
        and begun_ticks < frame.start_ticks
        and frame.end_ticks < ended_ticks
        and any("Area1" in element.path for element in frame.elements)
    }


def _complete(bucket: Bucket) -> set[str]:
    told = _manifests(bucket.held(of="_batches/"))
    return {frame for frame, manifest in told.items() if manifest["complete"]}


def _manifests(held: Mapping[str, bytes]) -> dict[str, dict[str, Any]]:
    """Give the manifests by the ids of their frames."""
    told = {}
    for name, content in held.items():
        if name.startswith("_batches/"):
            manifest = json.loads(content)
            batch = manifest["batch"]
            # Named by the record that came first: an earlier place may come later, by the lane history.
            found = re.fullmatch(rf"_batches/{re.escape(batch['id'])}/manifest-(\d+)\.json", name)
            assert found is not None
            assert manifest["first_seq"] <= int(found[1]) <= manifest["last_seq"]
            assert batch["frame"] not in told
            told[batch["frame"]] = manifest
    return told


def _counted(lake: Path) -> dict[str, dict[str, tuple[int, str, str]]]:
    """Count the records at rest by frame and tag, as an analyst does."""
    with duckdb.connect() as database:
        rows = database.execute(
            """
            SELECT batch.frame, tag, count(*), min(ts), max(ts)
            FROM read_json(? || '/dt=*/*.jsonl', format = 'newline_delimited', union_by_name = true,
                           columns = {tag: 'VARCHAR', ts: 'VARCHAR', batch: 'STRUCT(id VARCHAR, frame VARCHAR)'})
            WHERE batch IS NOT NULL GROUP BY ALL
            """,
            [str(lake)],
        ).fetchall()
    found: dict[str, dict[str, tuple[int, str, str]]] = {}
    for frame, tag, count, first, last in rows:
        found.setdefault(frame, {})[tag] = count, first, last
    return found
