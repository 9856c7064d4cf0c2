"""Everything that can go wrong, at random and together; then the ledger is compared with the plant's truth.

`PIBRIDGE_CHAOS_S` makes it longer (hours, if wanted), `PIBRIDGE_CHAOS_SEED` runs a seed again.
"""

import asyncio
import contextlib
import gzip
import json
import os
import signal
import subprocess
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from random import Random
from typing import Any

import pytest

from acceptance import reasons
from acceptance.daemons import Daemon, between, facts, free_port, in_order, truth
from cli.processes import pibridge
from pibridge.model import ticks
from pibridge.simulator import Simulator, SimulatorSettings
from pibridge.simulator.samples import NO_DATA, Sample
from sinks.mosquitto import Mosquitto, Subscriber, require_mosquitto

SECONDS = int(os.environ.get("PIBRIDGE_CHAOS_S", "30"))
pytestmark = [pytest.mark.acceptance, pytest.mark.timeout(SECONDS + 240)]

POINTS = [rf"\\PISRV1\BULK.{number:06d}" for number in range(1, 41)]
SECOND = ticks.PER_SECOND
BACK_S = 12
SETTLED_S = 2 * BACK_S + 6

FAULTS = (
    "drop-channel",
    "drop-channel=fin",
    "drop-channel=1001",
    "silence",
    "stall@for=2s",
    "no-heartbeat@for=3s",
    "reorder@for=4s",
    "duplicate@for=4s",
    "text-booleans@for=2s",
    "status=503@for=2s",
    "status=429@path=recorded,count=4",
    "status=401@for=1s",
    "status=404@path=channel,count=2",
    "status=403@path=channel,count=2",
    "truncate@path=recorded,count=3",
    "web-exception@path=recorded,count=3",
    "html@path=recorded,count=2",
    "reset@count=4",
    "slow=0.5@path=recorded,count=2",
    "stream-error@count=2",
    "value-error@count=2",
)


@pytest.fixture
async def plant() -> AsyncIterator[Simulator]:
    """Give a plant that keeps every value in its archive, repeats some, and swaps some."""
    settings = SimulatorSettings(
        compression=False,
        bulk_points=len(POINTS),
        event_rate=2.0,
        channel_interval_s=0.1,
        repeated_share=0.05,
        late_share=0.03,
    )
    async with Simulator(settings) as simulator:
        yield simulator


@pytest.fixture
async def bus(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[tuple[int, Subscriber]]:
    """Give the port of a broker that takes only small packets, and who hears all that it takes."""
    require_mosquitto(monkeypatch)
    (tmp_path / "broker").mkdir()
    broker = Mosquitto(tmp_path / "broker", free_port(), f"max_packet_size {reasons.MOST_BYTES}")
    await broker.start()
    subscriber = Subscriber(broker, "-u", "watcher")
    await subscriber.start()
    yield broker.port, subscriber
    await subscriber.stop()
    broker.stop()


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[bool]:
    """Give the journal a small file system of its own, if this machine lets us."""
    folder = tmp_path / "journal"
    folder.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=40m", "tmpfs", folder], check=False).returncode == 0
    yield mounted
    if mounted:
        subprocess.run(["umount", "--lazy", folder], check=True)


def settings(simulator: Simulator, folder: Path, port: int, broker_port: int) -> dict[str, Any]:
    """Give the configuration: two streams, one by channels and one by updates; two sinks for all, and choosy ones."""
    reread = {"back": f"{BACK_S}s", "every": "3s"}
    sink = {"type": "file", "roll": {"age": "1s", "size": "100KiB"}}
    return {
        "site": "chaos",
        "pi": {
            "url": simulator.url,
            "limits": {"streams_per_channel": 10, "requests_per_second": 200, "items_per_request": 2000},
            "timeouts": {"connect": "2s", "read": "3s", "silent_channel": "3s"},
        },
        "streams": {
            "channels": {"select": {"points": POINTS[:20]}, "backfill": "60s", "reread": reread},
            "updates": {
                "select": {"points": POINTS[20:]},
                "backfill": "60s",
                "reread": reread,
                "via": "updates",
                "interval": "200ms",
            },
        },
        "refresh": "5s",
        "context": {"assets": reasons.ASSETS},
        "journal": {"path": str(folder / "journal"), "max_size": "24MiB"},
        "sinks": {
            "files": {**sink, "path": str(folder / "out")},
            "more": {**sink, "path": str(folder / "more"), "format": "jsonl.gz"},
            **reasons.choosy_sinks(folder, broker_port),
        },
        "status": {"listen": f"127.0.0.1:{port}"},
    }


class Chaos:
    """Does something bad now and then."""

    def __init__(self, random: Random, plant: Simulator, daemon: Daemon, *, has_own_disk: bool) -> None:
        self._has_own_disk = has_own_disk
        self.edited: set[tuple[str, int]] = set()
        self._random = random
        self._plant = plant
        self._daemon = daemon

    async def strike(self) -> None:
        """Do one bad thing."""
        deeds = [self._fault] * 6 + [self._insert_late, self._replace] * 2
        deeds += [self._kill, self._freeze, self._restart_pi, self._block_sink, self._fill_disk, self._reload]
        await self._random.choice(deeds)()

    async def _fault(self) -> None:
        fault = self._plant.faults.add(self._random.choice(FAULTS))
        await asyncio.sleep(self._random.uniform(0.5, 3))
        self._plant.faults.remove(fault.number)

    async def _kill(self) -> None:
        await self._daemon.kill()
        await asyncio.sleep(self._random.uniform(0, 1.5))
        await self._daemon.start()

    async def _freeze(self) -> None:
        self._daemon.send(signal.SIGSTOP)
        await asyncio.sleep(self._random.uniform(0.5, 4))
        self._daemon.send(signal.SIGCONT)

    async def _restart_pi(self) -> None:
        await (self._plant.kill() if self._random.random() < 0.5 else self._plant.close())
        await asyncio.sleep(self._random.uniform(0.2, 2))
        await self._plant.start()

    async def _block_sink(self) -> None:
        out, aside = self._daemon.out, self._daemon.folder / "aside"
        if out.exists():
            out.rename(aside)
            out.write_text("in the way")
            await asyncio.sleep(self._random.uniform(0.5, 3))
            out.unlink()
            aside.rename(out)

    async def _fill_disk(self) -> None:
        filler = self._daemon.folder / "journal" / "filler"
        with filler.open("wb") as file:
            # Only where the journal has a small file system of its own is there an end to it.
            with contextlib.suppress(OSError):
                for _ in range(64 if self._has_own_disk else 1):
                    file.write(bytes(1 << 20))
                    file.flush()
            await asyncio.sleep(self._random.uniform(0.5, 3))
        filler.unlink()

    async def _reload(self) -> None:
        settings = self._daemon.settings
        settings["refresh"] = "6s" if settings["refresh"] == "5s" else "5s"
        if settings["streams"].pop("extra", None) is None:
            # What a channel tells as an error is had by reading it again.
            reread = settings["streams"]["channels"]["reread"]
            settings["streams"]["extra"] = {"select": {"points": [r"\\PISRV1\SINUSOID"]}, "reread": reread}
        # No SIGHUP: a process that has only just been started would die of it.
        self._daemon.configure(settings)
        await asyncio.sleep(self._random.uniform(0.2, 3))

    async def _insert_late(self) -> None:
        path = self._random.choice(POINTS)
        at = self._plant.plant.clock() - round(self._random.uniform(1, 0.7 * BACK_S) * SECOND)
        self._plant.plant.insert(path, Sample(at, round(self._random.uniform(1e6, 2e6), 3)))

    async def _replace(self) -> None:
        path = self._random.choice(POINTS)
        now = self._plant.plant.clock()
        samples = self._plant.plant.snapshots(path, now - round(0.7 * BACK_S * SECOND), now - SECOND)
        if samples:
            at = self._random.choice(samples).ticks
            self.edited.add((path, at))
            self._plant.plant.replace(path, at, round(self._random.uniform(2e6, 3e6), 3))


async def test_whatever_happens_the_ledger_is_the_plants_truth(
    plant: Simulator,
    tmp_path: Path,
    small_disk: bool,  # noqa: FBT001 - a fixture
    bus: tuple[int, Subscriber],
    record_property: Callable[[str, object], None],
) -> None:
    """Faults, kills, freezes, outages, late values and edits: nothing lost, nothing invented, nothing told twice.

    What a sink does not have was kept back or refused, and `explain` tells for each event why. An audit says the same.
    """
    seed = int(os.environ.get("PIBRIDGE_CHAOS_SEED") or Random().randrange(1 << 32))  # noqa: S311 - chaos
    record_property("seed", seed)
    print(f"PIBRIDGE_CHAOS_SEED={seed}")  # noqa: T201 - so that a failure can be run again
    port = free_port()
    daemon = Daemon(tmp_path, settings(plant, tmp_path, port, bus[0]))
    chaos = Chaos(Random(seed), plant, daemon, has_own_disk=small_disk)  # noqa: S311 - chaos
    loop = asyncio.get_running_loop()
    start_ticks = plant.plant.clock() - 25 * SECOND
    try:
        await daemon.start()
        # The backfill counts from the first answer of PI, which a busy machine may be slow to ask for.
        await daemon.settled(port)
        deadline = loop.time() + SECONDS
        while loop.time() < deadline:
            await chaos.strike()
            await asyncio.sleep(0.2)
        plant.faults.clear()
        end_ticks = plant.plant.clock()
        for path in POINTS[:5]:
            plant.plant.insert(path, Sample(end_ticks - SECOND, NO_DATA, good=False))
        await asyncio.sleep(SETTLED_S)
        status = await daemon.settled(port)
        settled_ticks = plant.plant.clock() - BACK_S * SECOND
        await asyncio.sleep(1.5)
        assert await daemon.stop() == 0
    finally:
        await daemon.cease()
    records = [record for record in daemon.records() if record["path"] in POINTS]
    told = stands(records)
    for path in POINTS:
        for place, values in by_place(truth(plant, [path], start_ticks, end_ticks)).items():
            assert told.get(place) == values, (place, told.get(place), values, status["streams"])
    known = truth(plant, POINTS, start_ticks, end_ticks)
    # An error in place of a value is told, and the value itself once the archive has given it.
    plain = facts(record for record in records if "error" not in record)
    beyond_truth = between(plain, start_ticks, end_ticks) - known
    assert [fact for fact in beyond_truth if fact[:2] not in chaos.edited] == [], "told twice, or invented"
    places = [record["seq"] for record in records]
    assert len(places) == len(set(places))
    at_sinks = {name: seqs(tmp_path / name) for name in ("more", "chosen", "thin", "running")}
    at_sinks |= {"files": set(places), "bus": {record["seq"] for record in bus[1].records}}
    asked = [record for record in records if ticks.parse(record["ts"]) <= settled_ticks]
    record_property("explained", dict(await reasons.judge(daemon.config, asked, at_sinks)))
    span = "--from", ticks.render(start_ticks), "--to", ticks.render(settled_ticks)
    ended = await pibridge(tmp_path, "audit", "-c", str(daemon.config), *span, "--json")
    audited = json.loads(ended.out)
    assert (audited["unexplained"], ended.code) == (0, 0), audited["findings"][:5]
    assert audited["count"]["archived"] >= sum(known.values()) // 2


def seqs(out: Path) -> set[int]:
    """Give the places of all records at rest below a folder."""
    plain = [file.read_bytes() for file in out.glob("dt=*/*.jsonl")]
    packed = [gzip.decompress(file.read_bytes()) for file in out.glob("dt=*/*.gz")]
    return {record["seq"] for record in in_order([*plain, *packed])}


Place = tuple[str, int]


def by_place(facts: dict[tuple[str, int, str], int]) -> dict[Place, list[str]]:
    """Give the values at each place, sorted."""
    places: dict[Place, list[str]] = {}
    for (path, at, value), count in facts.items():
        places.setdefault((path, at), []).extend([value] * count)
    return {place: sorted(values) for place, values in places.items()}


def stands(records: list[dict[str, Any]]) -> dict[Place, list[str]]:
    """Give what a consumer has at each place once it followed all records."""
    places: dict[Place, list[str]] = {}
    for record in records:
        place = record["path"], ticks.parse(record["ts"])
        value = json.dumps(record.get("state", {}).get("code", record["value"]))
        match record.get("op"):
            case "delete":
                places.pop(place, None)
            case "update":
                places[place] = [value]
            case _:
                places.setdefault(place, []).append(value)
    return {place: sorted(values) for place, values in places.items()}
