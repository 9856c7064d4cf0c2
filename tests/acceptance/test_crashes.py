"""Nothing is lost and nothing told twice, whatever happens to the daemon, the links and the sinks."""

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from random import Random
from typing import Any

import pytest
import zstandard

from acceptance.daemons import Daemon, between, facts, free_port, in_order, orders, truth
from pibridge.model import ticks
from pibridge.model.event import Lane
from pibridge.simulator import Simulator, SimulatorSettings
from sinks.far_sides import REGION, SITE, Bucket, Store

pytestmark = [pytest.mark.acceptance, pytest.mark.timeout(240)]

POINTS = [rf"\\PISRV1\BULK.{number:06d}" for number in range(1, 61)]
BACKFILL_S = 120
OWED_S = 60
"""What is judged: a busy machine takes its time to start a daemon, from which on the backfill counts."""


@pytest.fixture
async def plant() -> AsyncIterator[Simulator]:
    """Give a plant that keeps every value in its archive, repeats some, and swaps none."""
    settings = SimulatorSettings(
        compression=False,
        bulk_points=60,
        event_rate=4.0,
        channel_interval_s=0.1,
        late_share=0.0,
        repeated_share=0.05,
    )
    async with Simulator(settings) as simulator:
        yield simulator


def settings(simulator: Simulator, folder: Path, port: int, **sinks: Any) -> dict[str, Any]:
    """Give the configuration of a daemon that reads the generic points."""
    file = {"type": "file", "path": str(folder / "out"), "roll": {"age": "1s", "size": "100KiB"}}
    return {
        "site": SITE,
        "pi": {"url": simulator.url, "limits": {"streams_per_channel": 20, "requests_per_second": 100}},
        "streams": {"bulk": {"select": {"points": [r"\\PISRV1\BULK.*"]}, "backfill": f"{BACKFILL_S}s"}},
        "journal": {"path": str(folder / "journal"), "max_size": "64MiB"},
        "sinks": sinks or {"files": file},
        "status": {"listen": f"127.0.0.1:{port}"},
    }


def judge(records: list[dict[str, Any]], simulator: Simulator, start_ticks: int, end_ticks: int) -> None:
    """Every owed event is there, once, under a place of its own, in order; none was invented."""
    owed = truth(simulator, POINTS, start_ticks, end_ticks)
    told = facts(records)
    assert sum(owed.values()) > 1000
    assert owed - told == {}, "lost"
    assert between(told, start_ticks, end_ticks) - owed == {}, "told twice, or invented"
    places = [record["seq"] for record in records]
    assert len(places) == len(set(places))
    for (path, lane), times in orders(records).items():
        if lane == Lane.LIVE:
            assert times == sorted(times), path


async def test_ten_kills_and_lost_links_lose_nothing(
    plant: Simulator, tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    """Killed at ten random moments while channels drop, the files hold every owed event, once, in order."""
    random = Random()  # noqa: S311 - moments to kill at
    seed = random.randrange(1 << 32)
    record_property("seed", seed)
    print(f"seed {seed}")  # noqa: T201 - so that a failure can be run again
    random.seed(seed)
    port = free_port()
    daemon = Daemon(tmp_path, settings(plant, tmp_path, port))
    plant.faults.add("drop-channel@every=1500ms")
    start_ticks = plant.plant.clock() - OWED_S * ticks.PER_SECOND
    try:
        for _ in range(10):
            await daemon.start()
            await asyncio.sleep(random.uniform(0.3, 3.5))
            await daemon.kill()
        plant.faults.clear()
        await daemon.start()
        await daemon.settled(port)
        end_ticks = plant.plant.clock()
        await asyncio.sleep(1.5)
        assert await daemon.stop() == 0
    finally:
        await daemon.cease()
    judge(daemon.records(), plant, start_ticks, end_ticks)
    assert not list(daemon.out.glob("*/*.part"))


async def test_an_outage_of_pi_is_recovered(plant: Simulator, tmp_path: Path) -> None:
    """PI goes away and comes back, refusing at first: what was missed is read from its archive."""
    port = free_port()
    daemon = Daemon(tmp_path, settings(plant, tmp_path, port))
    start_ticks = plant.plant.clock() - OWED_S * ticks.PER_SECOND
    try:
        await daemon.start()
        await daemon.settled(port)
        await plant.kill()
        await asyncio.sleep(3)
        plant.faults.add("status=503@for=2s")
        plant.faults.add("truncate@path=recorded,count=2")
        plant.faults.add("web-exception@path=recorded,count=2")
        await plant.start()
        await asyncio.sleep(3)
        adds_up(await daemon.settled(port))
        end_ticks = plant.plant.clock()
        await asyncio.sleep(1.5)
        assert await daemon.stop() == 0
    finally:
        await daemon.cease()
    judge(daemon.records(), plant, start_ticks, end_ticks)


def adds_up(status: dict[str, Any]) -> None:
    """Compare what was read with what each sink was told, what it was not, and what still waits for it."""
    read = sum(stream["read"] for stream in status["streams"].values())
    journaled = status["journal"]["newest_seq"]
    # What was read in the last moments is on its way to the disk.
    assert 0 <= read - journaled < 1000
    for sink in status["sinks"].values():
        told = sink["delivered"] + sum(sink["withheld"].values()) + sink["refused"]
        assert told + sink["lag_events"] == journaled


async def test_kills_while_the_store_is_away_lose_nothing(plant: Simulator, tmp_path: Path) -> None:
    """With S3 away for a while, and kills meanwhile, the objects hold every owed event, once, in order."""
    store = Store()
    bucket = Bucket(store, "lake")
    lake = {
        "type": "s3",
        "bucket": bucket.name,
        "region": REGION,
        "endpoint_url": store.url,
        "format": "jsonl.zst",
        "roll": {"age": "1s", "size": "64KiB"},
    }
    credentials = {
        "AWS_ACCESS_KEY_ID": "AKIATESTTESTTESTTEST",
        "AWS_SECRET_ACCESS_KEY": "not-to-be-shown",
        "AWS_EC2_METADATA_DISABLED": "true",
    }
    port = free_port()
    daemon = Daemon(tmp_path, settings(plant, tmp_path, port, lake=lake), credentials)
    start_ticks = plant.plant.clock() - OWED_S * ticks.PER_SECOND
    try:
        for round_number in range(4):
            if round_number == 1:
                bucket.fail()
            if round_number == 3:
                bucket.recover()
            await daemon.start()
            await asyncio.sleep(2.5)
            await daemon.kill()
        await daemon.start()
        await daemon.settled(port)
        end_ticks = plant.plant.clock()
        await asyncio.sleep(1.5)
        assert await daemon.stop() == 0
        objects = [zstandard.ZstdDecompressor().decompressobj().decompress(body) for body in bucket.held().values()]
    finally:
        await daemon.cease()
        store.client.close()
        store.stop()
    judge(in_order(objects), plant, start_ticks, end_ticks)
    assert "not-to-be-shown" not in daemon.log.read_text()
