"""A daemon as a process of its own, and what it wrote, judged against what the plant knows."""

import asyncio
import json
import os
import signal
import socket
import sys
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import aiohttp
import yaml

from pibridge.model import ticks
from pibridge.simulator import Simulator


class Daemon:
    """`pibridge run` with a configuration, started and killed at will. Its log goes to `folder/log`."""

    def __init__(self, folder: Path, settings: dict[str, Any], environment: dict[str, str] | None = None) -> None:
        self.folder = folder
        self.out = folder / "out"
        self.log = folder / "log"
        self.settings = settings
        self._environment = environment or {}
        self.config = folder / "config.yaml"
        self.configure(settings)
        self._process: asyncio.subprocess.Process | None = None

    def configure(self, settings: dict[str, Any]) -> None:
        """Write the configuration."""
        self.config.write_text(yaml.safe_dump(settings))

    async def start(self) -> None:
        """Start the process."""
        with self.log.open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                "pibridge",
                "run",
                "--config",
                str(self.config),
                stderr=log,
                env={**os.environ, **self._environment},
            )

    def send(self, number: int) -> None:
        """Send the process a signal."""
        self._running().send_signal(number)

    async def kill(self) -> None:
        """Kill the process without a warning."""
        process = self._running()
        process.send_signal(signal.SIGKILL)
        await process.wait()

    async def stop(self, within_s: float = 8.0) -> int:
        """Ask the process to stop; give its exit code. TimeoutError: it took too long."""
        process = self._running()
        process.send_signal(signal.SIGTERM)
        return await asyncio.wait_for(process.wait(), within_s)

    async def cease(self) -> None:
        """Leave no process behind, however a test ends."""
        if self._process is not None and self._process.returncode is None:
            await self.kill()

    async def settled(self, port: int, within_s: float = 60.0) -> dict[str, Any]:
        """Wait until all channels are open and all gaps are paid; give the status."""
        async with asyncio.timeout(within_s), aiohttp.ClientSession() as session:
            while True:
                status = await _status(session, port)
                if status and is_settled(status):
                    return status
                await asyncio.sleep(0.2)

    def records(self) -> list[dict[str, Any]]:
        """Give all records at rest below `out`."""
        return in_order(file.read_bytes() for file in self.out.glob("dt=*/*.jsonl"))

    def _running(self) -> asyncio.subprocess.Process:
        assert self._process is not None
        assert self._process.returncode is None, f"the daemon ended by itself:\n{self.log.read_text()[-3000:]}"
        return self._process


def in_order(files: Iterable[bytes]) -> list[dict[str, Any]]:
    """Give the records of files or objects in the order of their places in the journal."""
    records = [json.loads(line) for file in files for line in file.splitlines()]
    return sorted(records, key=lambda record: record["seq"])


def is_settled(status: dict[str, Any]) -> bool:
    """Tell whether nothing is owed: neither by PI nor to a sink."""
    streams = status["streams"].values()
    return (
        all(stream["tags"] and stream["channels_open"] == stream["channels"] for stream in streams)
        and status["history"]["gaps_open"] == 0
        and status["history"]["gaps_paid"] > 0
    )


async def _status(session: aiohttp.ClientSession, port: int) -> dict[str, Any] | None:
    try:
        async with session.get(f"http://127.0.0.1:{port}/api/status") as response:
            status: dict[str, Any] = await response.json()
            return status
    except aiohttp.ClientError:
        return None


def free_port() -> int:
    """Give a port for the status page."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


Fact = tuple[str, int, str]


def facts(records: Iterable[dict[str, Any]]) -> Counter[Fact]:
    """Count what the records say: path, time and value (or state)."""
    return Counter(
        (record["path"], ticks.parse(record["ts"]), json.dumps(record.get("state", {}).get("code", record["value"])))
        for record in records
    )


def truth(simulator: Simulator, paths: Sequence[str], start_ticks: int, end_ticks: int) -> Counter[Fact]:
    """Count what the plant knows of these points, as `facts` does."""
    known: Counter[Fact] = Counter()
    for path in paths:
        for sample in simulator.plant.snapshots(path, start_ticks, end_ticks):
            value = sample.value
            said = value["Value"] if isinstance(value, dict) else value
            known[path, sample.ticks, json.dumps(said)] += 1
    return known


def between(counted: Counter[Fact], start_ticks: int, end_ticks: int) -> Counter[Fact]:
    """Keep what lies in this time."""
    return Counter({fact: count for fact, count in counted.items() if start_ticks <= fact[1] <= end_ticks})


def orders(records: Sequence[dict[str, Any]]) -> dict[tuple[str, str], list[int]]:
    """Give the times of each tag's records in each lane, in the order of delivery."""
    times: dict[tuple[str, str], list[int]] = {}
    for record in records:
        times.setdefault((record["path"], record["lane"]), []).append(ticks.parse(record["ts"]))
    return times
