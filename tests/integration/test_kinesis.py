"""From the journal into a data stream, while much goes wrong."""

from collections.abc import AsyncIterator, Iterator
from datetime import timedelta
from pathlib import Path
from random import Random

import pytest

from delivery.shelves import opened
from journal.samples import NOW, events
from pibridge.delivery import pump
from pibridge.model.event import Lane
from pibridge.sinks.kinesis import KinesisSink
from sinks.credentials_endpoint import credentials_endpoint
from sinks.data_streams import THROTTLED, DataStream, Gate, Said, first_seen, gate_before
from sinks.far_sides import SITE, Store
from waiting import eventually, running


@pytest.fixture
def store(monkeypatch: pytest.MonkeyPatch) -> Iterator[Store]:
    """Run moto's server, with credentials that mean nothing."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIATESTTESTTESTTEST")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "not-to-be-shown")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    # Failed writes are tried again after half a second and more; nobody waits for that here.
    monkeypatch.setattr(pump, "_FIRST_PAUSE_S", 0.01)
    monkeypatch.setattr(pump, "_LONGEST_PAUSE_S", 0.02)
    store = Store()
    yield store
    store.client.close()
    store.stop()


@pytest.fixture
async def gate(store: Store) -> AsyncIterator[Gate]:
    """Run Kinesis behind a gate."""
    async with gate_before(store) as gate:
        yield gate


@pytest.fixture
def stream(gate: Gate) -> DataStream:
    """Make a data stream of two shards."""
    return DataStream(gate, shards=2)


async def test_a_journal_arrives_whole_through_a_bad_day(gate: Gate, stream: DataStream, tmp_path: Path) -> None:
    """Throttled, cut, expired, away for a while: at least once, of each tag and lane in order, nothing beyond that."""
    luck = Random(5)  # noqa: S311 - the same bad day each time
    faults: list[Said | str] = ["cut", "cut after", "hold", Said(400, THROTTLED), Said(400, "ExpiredTokenException")]
    gate.answers = [luck.choice(faults) if luck.random() < 0.3 else "pass" for _ in range(60)]
    gate.fails = lambda _, __: THROTTLED if luck.random() < 0.2 else None
    gate.release.set()
    async with opened(tmp_path) as dock:
        sink = KinesisSink("stream", stream.settings(), SITE, patience_s=2)
        async with running(dock.pump(sink, "stream").run()):
            for first in range(0, 3000, 300):
                await dock.journal.commit(Lane.LIVE, events(300, first=first), NOW)
                await dock.journal.commit(Lane.HISTORY, events(200, first=first), NOW)
            stream.fail()
            counters = dock.counters.sink("stream")
            await eventually(lambda: counters.state == "unavailable")
            stream.recover()
            await eventually(lambda: dock.lag("stream") == 0, within_s=60)
        assert (counters.delivered, counters.refused) == (5000, 0)
    told = stream.records()
    assert {record["seq"] for record in told} == set(range(1, 5001))
    for lane in Lane:
        for places in first_seen([record for record in told if record["lane"] == lane]).values():
            assert places == sorted(places)
    stream.close()


async def test_credentials_expire_during_a_run(
    gate: Gate, stream: DataStream, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Renewed in time, or after AWS has refused them: everything arrives, each record once."""
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    async with credentials_endpoint() as endpoint, opened(tmp_path) as dock:
        for name, value in endpoint.environment.items():
            monkeypatch.setenv(name, value)
        # None that was handed out before the latest is good for anything.
        gate.admits = lambda token: token == f"token-{endpoint.handed_out}"
        async with running(dock.pump(stream.sink(), "stream").run()):
            for turn in range(4):
                # In turn: they end soon and are renewed; they are good for long, but withdrawn before that.
                endpoint.valid = timedelta(minutes=5) if turn % 2 == 0 else timedelta(hours=1)
                endpoint.handed_out += 1
                await dock.journal.commit(Lane.LIVE, events(100, first=100 * turn), NOW)
                await eventually(lambda: dock.lag("stream") == 0)
    assert sorted(record["seq"] for record in stream.records()) == list(range(1, 401))
    assert dock.counters.sink("stream").retries > 0
    stream.close()
