import asyncio
import itertools
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import psutil
import pytest

from delivery.shelves import Dock, opened
from journal.samples import NOW
from pibridge.delivery import pump
from pibridge.errors import UnavailableError
from pibridge.model import ticks
from pibridge.model.event import Event
from pibridge.sinks.iot_mqtt import iot_mqtt_sink
from sinks.batches import ListedBatch
from sinks.far_sides import SITE
from sinks.message_sides import Broker, IotCore, disorder, readings
from sinks.mosquitto import require_mosquitto
from waiting import eventually, running

ALL = "pattern readwrite #"
NOTHING = "pattern read nothing"


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pump, "_FIRST_PAUSE_S", 0.05)
    monkeypatch.setattr(pump, "_LONGEST_PAUSE_S", 0.1)


@pytest.fixture
async def side(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[IotCore]:
    """Give a broker with mutual TLS, taking messages."""
    require_mosquitto(monkeypatch)
    side = IotCore(tmp_path, roll={"age": "20ms"})
    try:
        await side.start()
        yield side
    finally:
        await side.stop()


@pytest.fixture
async def dock(tmp_path: Path) -> AsyncIterator[Dock]:
    """Give a journal."""
    async with opened(tmp_path / "journal") as ready:
        yield ready


async def started_again(side: IotCore, dock: Dock) -> None:
    """Let nobody publish before the subscriber is there again: what nobody receives cannot be counted."""
    await side.subscriber.orphaned()
    side.broker.allow(NOTHING)
    await side.start()
    await unavailable(dock)
    side.broker.allow(ALL)


async def unavailable(dock: Dock) -> None:
    """Wait until the sink has noticed."""
    await eventually(lambda: dock.counters.sink("cloud").state == "unavailable", within_s=20)


async def killed(side: IotCore, dock: Dock) -> None:
    """Kill the broker."""
    side.broker.kill()
    await started_again(side, dock)


async def restarted(side: IotCore, dock: Dock) -> None:
    """End the broker as it should end."""
    side.broker.stop()
    await started_again(side, dock)


async def frozen(side: IotCore, dock: Dock) -> None:
    """Stop the broker's process, with its connections open."""
    side.broker.freeze()
    await unavailable(dock)
    side.broker.thaw()


async def forbidden(side: IotCore, dock: Dock) -> None:
    """Take the right to publish away for a while."""
    side.broker.allow(NOTHING)
    await unavailable(dock)
    assert "Not authorized (135)" in dock.counters.sink("cloud").last_error
    assert "allow iot:Publish" in dock.counters.sink("cloud").last_error
    side.broker.allow(ALL)


async def revoked(side: IotCore, dock: Dock) -> None:
    """Revoke the client's certificate; a new one, written in its place, is found."""
    side.certificates.revoke(side.files["cert_file"])
    side.broker.kill()
    await side.subscriber.orphaned()
    await side.start()
    await eventually(lambda: "AWS_IO_TLS" in dock.counters.sink("cloud").last_error, within_s=20)
    side.certificates.issue("bridge")


async def taken_over(side: IotCore, _: Dock) -> None:
    """Let another client come and go under the same name."""
    before = side.broker.log.read_text().count("already connected, closing old")
    other = await asyncio.create_subprocess_exec(
        "mosquitto_sub", "-h", "127.0.0.1", "-p", str(side.port), "-i", f"pibridge-{SITE}", "-t", "none",
        "--cafile", side.certificates.ca_file, "--cert", side.files["cert_file"], "--key", side.files["key_file"],
    )  # fmt: skip
    await eventually(lambda: side.broker.log.read_text().count("already connected, closing old") >= before + 2)
    other.terminate()
    await other.wait()


@pytest.mark.parametrize(
    "outage", [killed, restarted, frozen, forbidden, revoked, taken_over], ids=lambda outage: outage.__name__
)
async def test_no_event_is_lost(side: IotCore, dock: Dock, outage: Callable[[IotCore, Dock], Awaitable[None]]) -> None:
    """In the middle of load: every event arrives at least once, those of a tag in order."""
    sink = iot_mqtt_sink("cloud", side.settings(), SITE, os.environ, patience_s=1)
    numbers = itertools.count()
    appended = 0

    async def load() -> None:
        nonlocal appended
        while True:
            events = [Event(n % 3 + 1, NOW + n * ticks.PER_SECOND, n) for n in itertools.islice(numbers, 20)]
            dock.journal.append(events, events[-1].ticks)
            appended += len(events)
            await asyncio.sleep(0.01)  # two thousand events a second

    delivering = asyncio.create_task(dock.pump(sink, "cloud").run())
    async with running(load()):
        await eventually(lambda: len(side.records()) > 500)
        await outage(side, dock)
        seen = len(side.records())
        await eventually(lambda: len(side.records()) > seen + 500, within_s=30)
    dock.stop.set(60)
    await delivering
    await eventually(lambda: len({record["seq"] for record in side.records()}) == appended)
    assert {record["value"] for record in side.records()} == set(range(appended))
    assert disorder(side.records()) == []
    assert dock.counters.sink("cloud").refused == 0


async def test_memory_stays_flat(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Batches by the hundred and connections by the dozen, lost and made again, need no more memory than the first."""
    require_mosquitto(monkeypatch)
    side = Broker(tmp_path)
    await side.broker.start()
    sink = side.sink()
    process = psutil.Process()

    async def rounds(count: int) -> int:
        for _ in range(count):
            for _ in range(5):
                await sink.write(ListedBatch(readings(1, 2000)))
            side.broker.kill()
            with pytest.raises(UnavailableError):
                await sink.write(ListedBatch(readings(1, 2000)))
            await side.broker.start()
        return process.memory_info().rss

    before = await rounds(10)
    after = await rounds(25)
    await sink.close()
    side.broker.stop()
    assert after - before < 8 << 20
