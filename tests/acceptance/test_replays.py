"""What was delivered is sent again, and older history read, whatever happens: nothing missing, nothing twice."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import zstandard

from acceptance.daemons import Daemon, between, facts, free_port, in_order, truth
from cli.processes import eventually, pibridge
from pibridge.model import ticks
from pibridge.simulator import Simulator, SimulatorSettings
from sinks.far_sides import REGION, SITE, Bucket, Store

pytestmark = [pytest.mark.acceptance, pytest.mark.timeout(400)]

POINTS = [rf"\\PISRV1\BULK.{number:06d}" for number in range(1, 41)]
CREDENTIALS = {
    "AWS_ACCESS_KEY_ID": "AKIATESTTESTTESTTEST",
    "AWS_SECRET_ACCESS_KEY": "not-to-be-shown",
    "AWS_EC2_METADATA_DISABLED": "true",
}
RULES = {
    "by_name": {"assets": "Plant/Area1/*", "event_frames": {"database": r"\\AF1\Plant", "template": "Unit Batch"}},
    "by_tag": {"assets": "Plant/Area1/*", "tag": r"\\PISRV1\R9.BatchID"},
}


@pytest.fixture
async def plant() -> AsyncIterator[Simulator]:
    """Give a plant that keeps every value in its archive."""
    settings = SimulatorSettings(
        compression=False, bulk_points=40, event_rate=4.0, channel_interval_s=0.1, late_share=0.0, repeated_share=0.0
    )
    async with Simulator(settings) as simulator:
        yield simulator


def settings(simulator: Simulator, folder: Path, port: int, **changes: Any) -> dict[str, Any]:
    """Give the configuration of a daemon that reads the generic points into files."""
    return {
        "site": SITE,
        "pi": {"url": simulator.url, "limits": {"requests_per_second": 100}},
        "streams": {"bulk": {"select": {"points": [r"\\PISRV1\BULK.*"]}, "backfill": "120s"}},
        "context": {"assets": [{"points": r"\\PISRV1\BULK.*", "asset": "Plant/Area9/Before"}]},
        "journal": {"path": str(folder / "journal"), "max_size": "64MiB"},
        "sinks": {"files": {"type": "file", "path": str(folder / "out"), "roll": {"age": "1s"}}},
        "status": {"listen": f"127.0.0.1:{port}"},
        **changes,
    }


async def command(folder: Path, *arguments: str) -> str:
    """Run a command beside the daemon; give what it prints."""
    (folder / "shell").mkdir(exist_ok=True)
    ended = await pibridge(folder / "shell", "-c", str(folder / "config.yaml"), *arguments)
    assert ended.code == 0, ended.err
    return ended.out


async def state(folder: Path, kind: str) -> dict[str, Any]:
    """Give what is told of the newest replay or backfill."""
    told: list[dict[str, Any]] = json.loads(await command(folder, kind, "list", "--json"))[f"{kind}s"]
    return told[-1]


async def until_done(folder: Path, kind: str) -> None:
    """Wait until the newest one is done."""

    async def is_done() -> bool:
        return bool((await state(folder, kind))["state"] == "done")

    await eventually(is_done, 120)


def split(records: list[dict[str, Any]]) -> tuple[dict[int, dict[str, Any]], list[dict[str, Any]]]:
    """Give the originals by place, and what was sent again."""
    return {each["seq"]: each for each in records if "replay" not in each}, [
        each for each in records if "replay" in each
    ]


def judge(records: list[dict[str, Any]], end_ticks: int, asset: str) -> None:
    """Each original up to a time was sent again once, as it was but for its asset."""
    originals, again = split(records)
    owed = [seq for seq, each in originals.items() if ticks.parse(each["ts"]) <= end_ticks]
    assert len(owed) > 1000
    assert [each["seq"] for each in again] == sorted(owed)
    for each in again:
        said = {key: value for key, value in each.items() if key not in {"replay", "asset"}}
        before = originals[each["seq"]]
        assert said == {key: value for key, value in before.items() if key != "asset"}
        assert each["asset"]["path"] == asset != before["asset"]["path"]


async def test_a_replay_to_files_survives_kills_with_corrected_context(plant: Simulator, tmp_path: Path) -> None:
    """Mapped onto another asset in between, and killed four times on the way: each event again once, as it was."""
    port = free_port()
    daemon = Daemon(tmp_path, settings(plant, tmp_path, port))
    try:
        await daemon.start()
        await daemon.settled(port)
        await asyncio.sleep(2)
        assert await daemon.stop() == 0
        end_ticks = plant.plant.clock() - 10 * ticks.PER_SECOND
        after = {"assets": [{"points": r"\\PISRV1\BULK.*", "asset": "Plant/Area9/After"}]}
        daemon.configure(settings(plant, tmp_path, port, context=after))
        end = ticks.render(end_ticks)
        await command(tmp_path, "replay", "--to", end, "--to-sink", "files", "--rate", "200", "--yes")
        for _ in range(4):
            await daemon.start()
            await asyncio.sleep(2.5)
            await daemon.kill()
        assert (await state(tmp_path, "replay"))["state"] == "running"
        done = await state(tmp_path, "replay")
        await command(tmp_path, "replay", "cancel", done["id"])
        for file in daemon.out.glob("dt=*/replay-*"):
            assert file.name.startswith(f"replay-{done['id']}-")
        sent = split(daemon.records())[1]
        assert len({each["seq"] for each in sent}) == len(sent)
        for file in list(daemon.out.glob("dt=*/replay-*")):
            file.unlink()
        await command(tmp_path, "replay", "--to", end, "--to-sink", "files", "--rate", "5000", "--yes")
        await daemon.start()
        await asyncio.sleep(1.3)
        await daemon.kill()
        await daemon.start()
        await until_done(tmp_path, "replay")
        assert await daemon.stop() == 0
    finally:
        await daemon.cease()
    originals, again = split(daemon.records())
    # What was read after the change was on the new asset from the start, and is not meant.
    kept = [each for each in originals.values() if each["asset"]["path"] == "Plant/Area9/Before"]
    judge(sorted([*kept, *again], key=lambda each: each["seq"]), end_ticks, "Plant/Area9/After")


async def test_a_replay_to_a_bucket_harms_no_live_delivery(plant: Simulator, tmp_path: Path) -> None:
    """Objects of its own, each event once, across a kill; live objects come on meanwhile as before."""
    store = Store()
    bucket = Bucket(store, "lake")
    lake = {"type": "s3", "bucket": bucket.name, "region": REGION, "endpoint_url": store.url, "format": "jsonl.zst"}
    sinks = {"lake": {**lake, "roll": {"age": "1s"}}}
    port = free_port()
    daemon = Daemon(tmp_path, settings(plant, tmp_path, port, sinks=sinks), CREDENTIALS)

    def held() -> list[dict[str, Any]]:
        unpack = zstandard.ZstdDecompressor().decompressobj
        return in_order(unpack().decompress(body) for body in bucket.held().values())

    try:
        await daemon.start()
        await daemon.settled(port)
        await asyncio.sleep(3)
        end_ticks = plant.plant.clock() - 5 * ticks.PER_SECOND
        before = set(bucket.held())
        after = {"assets": [{"points": r"\\PISRV1\BULK.*", "asset": "Plant/Area9/After"}]}
        assert await daemon.stop() == 0
        daemon.configure(settings(plant, tmp_path, port, sinks=sinks, context=after))
        await daemon.start()
        await daemon.settled(port)
        said = ("--to", ticks.render(end_ticks), "--to-sink", "lake", "--rate", "1500", "--yes")
        await command(tmp_path, "replay", *said)
        await eventually(lambda: any("/replay-" in name for name in bucket.held()), 30)
        await daemon.kill()
        await daemon.start()
        await daemon.settled(port)
        worst_s = 0.0
        while (await state(tmp_path, "replay"))["state"] != "done":
            live = [ticks.parse(each["ts"]) for each in held() if "replay" not in each]
            worst_s = max(worst_s, (plant.plant.clock() - max(live)) / ticks.PER_SECOND)
        assert worst_s < 6
        assert await daemon.stop() == 0
    finally:
        await daemon.cease()
        records = held()
        names = set(bucket.held())
        store.client.close()
        store.stop()
    assert before <= names
    originals, again = split(records)
    kept = [each for each in originals.values() if each["asset"]["path"] == "Plant/Area9/Before"]
    judge(sorted([*kept, *again], key=lambda each: each["seq"]), end_ticks, "Plant/Area9/After")


async def test_a_backfill_is_exactly_the_archive(plant: Simulator, tmp_path: Path) -> None:
    """A range long before the first start, read across kills and a pause: what the archive has, once."""
    port = free_port()
    daemon = Daemon(tmp_path, settings(plant, tmp_path, port))
    now = plant.plant.clock()
    start_ticks, end_ticks = now - 3600 * ticks.PER_SECOND, now - 1800 * ticks.PER_SECOND
    span = ("--from", ticks.render(start_ticks), "--to", ticks.render(end_ticks))
    plant.faults.add("slow=0.3@path=recorded")
    try:
        await daemon.start()
        await daemon.settled(port)
        await command(tmp_path, "backfill", *span, "--tag", "BULK.*", "--yes")
        for _ in range(2):
            await asyncio.sleep(1.5)
            await daemon.kill()
            await daemon.start()
        found = await state(tmp_path, "backfill")
        if found["state"] == "running":
            await command(tmp_path, "backfill", "pause", found["id"])
            await command(tmp_path, "backfill", "resume", found["id"])
        await until_done(tmp_path, "backfill")
        again = await command(tmp_path, "backfill", *span, "--tag", "BULK.*", "--yes")
        assert "all of that time was read" in again
        await daemon.settled(port)
        await asyncio.sleep(2)
        assert await daemon.stop() == 0
    finally:
        await daemon.cease()
    records = daemon.records()
    owed = truth(plant, POINTS, start_ticks, end_ticks)
    assert sum(owed.values()) > 1000
    assert between(facts(records), start_ticks, end_ticks) == owed
    assert len({each["seq"] for each in records}) == len(records)
