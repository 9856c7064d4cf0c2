import asyncio
import json
import signal
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from acceptance.daemons import Daemon, free_port
from cli.processes import eventually, records
from daemon.brewery import reading
from daemon.plant_file import followed, sink
from pibridge.config.loaded import Loaded
from pibridge.daemon.remote import Remote, line_of
from pibridge.daemon.report import Report
from pibridge.daemon.tasks import Tasks
from pibridge.journal.journal import Journal
from pibridge.journal.settings import JournalSettings
from pibridge.pi.client import PiClient
from pibridge.remote import station
from pibridge.simulator import Simulator, SimulatorSettings
from pibridge.status.counters import Counters
from remote.watchers import Watcher
from sinks.message_sides import IotCore
from sinks.mosquitto import require_mosquitto

PASSWORD = "correct-horse"
REMOTE = {
    "via": "cloud",
    "health": {"topic": "pibridge/houston/health", "every": "200ms"},
    "commands": {"topic": "pibridge/houston/commands", "answers": "pibridge/houston/answers"},
}
HEALTH, ANSWERS = "pibridge/houston/health", "pibridge/houston/answers"


@pytest.fixture
async def watcher(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Watcher]:
    """Give who watches over a broker with mutual TLS."""
    require_mosquitto(monkeypatch)
    monkeypatch.setattr(station, "_FIRST_PAUSE_S", 0.05)
    monkeypatch.setattr(station, "_LONGEST_PAUSE_S", 0.1)
    (tmp_path / "broker").mkdir()
    side = IotCore(tmp_path / "broker")
    try:
        await side.start()
        yield Watcher(side)
    finally:
        await side.stop()


@pytest.fixture
async def guarded() -> AsyncIterator[Simulator]:
    """Give a PI that wants a password."""
    settings = SimulatorSettings(users={r"CORP\svc": PASSWORD}, channel_interval_s=0.1)
    async with Simulator(settings) as simulator:
        yield simulator


def configured(watcher: Watcher, plant: Simulator, folder: Path, **changes: Any) -> dict[str, Any]:
    """Give what a daemon is told that delivers into a folder and to the broker."""
    auth = {"method": "basic", "username": r"CORP\svc", "password": PASSWORD}
    return {
        "pi": {"url": plant.url, "auth": auth},
        "sinks": {"local": sink(folder / "out"), "cloud": watcher.settings()},
        "remote": REMOTE,
        **changes,
    }


async def answered(watcher: Watcher, request_id: str, do: str, **fields: Any) -> dict[str, Any]:
    """Ask, and give the answer."""
    await watcher.ask({"id": request_id, "do": do, **fields})
    await eventually(lambda: [each for each in watcher.heard(ANSWERS) if each["id"] == request_id])
    (answer,) = [each for each in watcher.heard(ANSWERS) if each["id"] == request_id]
    return answer


async def test_all_that_can_be_asked_from_afar(tmp_path: Path, guarded: Simulator) -> None:
    """A closed list: what is not in it cannot be had done, and each order in it is one that commands have."""
    journal = await Journal.open(JournalSettings(path=tmp_path / "journal"))
    client = PiClient(reading(guarded, tmp_path).pi)
    report = Report(Loaded.of(reading(guarded, tmp_path)), Counters(), journal, client)
    remote = Remote(journal, report, Tasks(), asyncio.Event())
    assert sorted(remote.commands()) == [
        "backfill",
        "cancel backfill",
        "cancel replay",
        "list backfills",
        "list replays",
        "pause backfill",
        "pause replay",
        "reload",
        "replay",
        "reread",
        "resume backfill",
        "resume replay",
        "status",
    ]
    await client.close()
    await journal.close()


async def test_health_and_answers_of_a_daemon(watcher: Watcher, guarded: Simulator, tmp_path: Path) -> None:
    """It tells how it is, answers what may be asked, nothing else; and no secret leaves it."""
    async with followed(tmp_path, guarded, **configured(watcher, guarded, tmp_path)) as daemon:
        await eventually(lambda: any(each["state"] == "running" for each in watcher.heard(HEALTH)))
        told = watcher.heard(HEALTH)[-1]
        assert (told["site"], told["config"]) == ("brewery", daemon.snapshot().configuration.hash)
        assert told["pi"] == {"state": "connected", "channels": 1, "channels_open": 1}
        assert sorted(told["sinks"]) == ["cloud", "local"]
        await eventually(lambda: watcher.heard(HEALTH)[-1]["rates"]["events_per_s"] > 0)
        status = await answered(watcher, "1", "status")
        assert status["done"]["configuration"]["hash"] == daemon.snapshot().configuration.hash
        assert "cannot run; there are" in (await answered(watcher, "2", "run", having={"code": "1"}))["error"]
        assert "unknown field" in (await answered(watcher, "3", "status", having={"path": "/etc"}))["error"]
        before = daemon.snapshot().configuration.loaded
        daemon.write(**configured(watcher, guarded, tmp_path, refresh="5m"))
        assert (await answered(watcher, "4", "reload"))["ok"]
        await eventually(lambda: daemon.snapshot().configuration.loaded != before)
        daemon.write(**configured(watcher, guarded, tmp_path, refresh="soon"))
        assert (await answered(watcher, "5", "reload"))["ok"]
        await eventually(lambda: "configuration refused: refresh" in str(watcher.heard(HEALTH)[-1]["problems"]))
    assert watcher.heard(HEALTH)[-1]["state"] == "stopping"
    assert PASSWORD not in str(watcher.side.subscriber.messages)
    assert "PRIVATE KEY" not in str(watcher.side.subscriber.messages)


async def test_remote_follows_the_configuration(watcher: Watcher, guarded: Simulator, tmp_path: Path) -> None:
    """It begins, moves and ends while the daemon runs; the answer to the request that moves it still comes."""
    async with followed(tmp_path, guarded, **configured(watcher, guarded, tmp_path, remote=None)) as daemon:
        await daemon.change(**configured(watcher, guarded, tmp_path))
        await eventually(lambda: watcher.heard(HEALTH))
        moved = {**REMOTE, "health": {"topic": "elsewhere", "every": "200ms"}}
        daemon.write(**configured(watcher, guarded, tmp_path, remote=moved))
        assert (await answered(watcher, "1", "reload"))["ok"]
        await eventually(lambda: watcher.heard("elsewhere"))
        assert (await answered(watcher, "2", "status"))["ok"]
        await daemon.change(**configured(watcher, guarded, tmp_path, remote=None))
        told = len(watcher.heard("elsewhere"))
        await watcher.ask({"id": "3", "do": "status"})
        assert len(watcher.heard("elsewhere")) == told
    assert [each["id"] for each in watcher.heard(ANSWERS)] == ["1", "2"]
    assert "lost" not in [each["state"] for each in watcher.heard(HEALTH)]


async def test_a_broker_that_is_gone_harms_nobody(watcher: Watcher, guarded: Simulator, tmp_path: Path) -> None:
    """Other sinks get their records, health records come again when it is back, and a stop is as quick as ever."""
    async with followed(tmp_path, guarded, **configured(watcher, guarded, tmp_path)) as daemon:
        await eventually(lambda: watcher.heard(HEALTH))
        await watcher.side.fail()
        known = len(records(daemon.out))
        await eventually(lambda: len(records(daemon.out)) > known)
        told = len(watcher.heard(HEALTH))
        await watcher.side.start()
        await eventually(lambda: len(watcher.heard(HEALTH)) > told)
        await watcher.side.fail()
        begun = time.monotonic()
    assert time.monotonic() - begun < 5


async def test_a_killed_daemon_is_told_lost(watcher: Watcher, guarded: Simulator, tmp_path: Path) -> None:
    """The broker says it in its place."""
    settings = {
        "site": "houston",
        "streams": {"utilities": {"select": {"points": [r"\\PISRV1\U*"]}}},
        "journal": {"path": str(tmp_path / "journal"), "max_size": "16MiB"},
        "status": {"listen": f"127.0.0.1:{free_port()}"},
        **configured(watcher, guarded, tmp_path),
    }
    daemon = Daemon(tmp_path, json.loads(json.dumps(settings, default=str)))
    try:
        await daemon.start()
        await eventually(lambda: watcher.heard(HEALTH), 30)
        daemon.send(signal.SIGKILL)
        await eventually(lambda: watcher.heard(HEALTH)[-1]["state"] == "lost")
    finally:
        await daemon.cease()


def test_without_remote_there_is_no_line(guarded: Simulator, tmp_path: Path) -> None:
    """Nothing is connected that nobody asked for."""
    assert line_of(reading(guarded, tmp_path)) is None
