"""Sinks that are ill, and the others beside them: four of one delivery, out of one journal."""

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest

from config.trees import small
from context.plants import surroundings
from journal.samples import NOW, events, tags
from pibridge.config.load import configuration
from pibridge.config.loaded import Loaded
from pibridge.daemon.delivery import Delivery, sinks_of
from pibridge.daemon.tasks import Tasks
from pibridge.journal.journal import Journal
from pibridge.journal.settings import JournalSettings
from pibridge.model.event import Lane
from pibridge.status.counters import Counters
from sinks.data_streams import DataStream, Gate, gate_before
from sinks.far_sides import Bucket, Store
from waiting import eventually

ROUNDS = 10
PER_ROUND = 500


@pytest.fixture
async def journal(tmp_path: Path) -> AsyncIterator[Journal]:
    """Open a journal that knows three tags."""
    journal = await Journal.open(JournalSettings(path=tmp_path / "journal", flush=0.01))
    await journal.describe(tags(3))
    yield journal
    await journal.close()


@pytest.fixture
def store(monkeypatch: pytest.MonkeyPatch) -> Iterator[Store]:
    """Run moto's server, with credentials that mean nothing."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIATESTTESTTESTTEST")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "not-to-be-shown")
    store = Store()
    yield store
    store.client.close()
    store.stop()


@pytest.fixture
async def gate(store: Store) -> AsyncIterator[Gate]:
    """Run Kinesis behind a gate."""
    async with gate_before(store) as gate:
        yield gate


def lag(journal: Journal, sink: str) -> int:
    """Give how far a sink is behind in the lane `live`."""
    return journal.stat().lag[sink, Lane.LIVE]


def places(lines: bytes) -> list[int]:
    """Give the places of records in lines."""
    return [json.loads(line)["seq"] for line in lines.splitlines()]


async def test_two_sick_sinks_of_four_slow_nobody_down(
    journal: Journal, store: Store, gate: Gate, tmp_path: Path
) -> None:
    """One never answers, one refuses: the others have each round whole before the next; the sick ones get all later."""
    bucket, stream = Bucket(store, "lake"), DataStream(gate)
    gate.answers = ["hang"] * 100
    blocked = tmp_path / "blocked"
    blocked.write_text("in the way")
    roll = {"age": "100ms"}
    sinks: dict[str, Any] = {
        "healthy": {"type": "file", "path": str(tmp_path / "out"), "roll": roll},
        "lake": {**bucket.settings().model_dump(by_alias=True, exclude_defaults=True), "roll": roll},
        "hangs": stream.settings().model_dump(by_alias=True, exclude_defaults=True),
        "refuses": {"type": "file", "path": str(blocked), "roll": roll},
    }
    loaded = Loaded.of(configuration(small(sinks=sinks), {}))
    counters = Counters()
    delivery = Delivery(journal, counters, Tasks(), lambda: NOW, lambda _: None)
    await delivery.start(sinks_of(sinks, loaded), loaded, surroundings())
    for turn in range(ROUNDS):
        await journal.commit(Lane.LIVE, events(PER_ROUND, first=turn * PER_ROUND), NOW)
        await eventually(lambda: lag(journal, "healthy") == lag(journal, "lake") == 0)
        # Nothing that the sick ones are owed has been given up meanwhile.
        assert lag(journal, "hangs") == lag(journal, "refuses") == (turn + 1) * PER_ROUND
    assert gate.requests
    assert counters.sink("refuses").state == "unavailable"
    everything = list(range(1, ROUNDS * PER_ROUND + 1))
    files = (tmp_path / "out").glob("dt=*/*.jsonl")
    assert sorted(place for file in files for place in places(file.read_bytes())) == everything
    assert sorted(place for data in bucket.held().values() for place in places(data)) == everything
    gate.answers = []
    gate.cut()
    blocked.unlink()
    await eventually(lambda: lag(journal, "hangs") == lag(journal, "refuses") == 0, within_s=60)
    await asyncio.wait_for(delivery.end(1.0, 4.0), 10)
    assert sorted(record["seq"] for record in stream.records()) == everything
    assert sorted(p for file in blocked.glob("dt=*/*.jsonl") for p in places(file.read_bytes())) == everything
    stream.close()
