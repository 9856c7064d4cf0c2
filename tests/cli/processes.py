"""`pibridge` as its user runs it: a process of its own, what it prints, and how it ends."""

import asyncio
import json
import os
import signal
import sys
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import yaml

from pibridge.simulator import Simulator

LOOK_S = 0.05


@dataclass(frozen=True)
class Ended:
    """How a command ended: exit code, what it printed, what it said on standard error."""

    code: int
    out: str
    err: str


class Running:
    """A `pibridge` process that is not over yet."""

    def __init__(self, process: asyncio.subprocess.Process, folder: Path) -> None:
        self._process = process
        self._folder = folder

    @property
    def err(self) -> str:
        """What it has said on standard error so far."""
        return (self._folder / "stderr").read_text(encoding="utf-8")

    def signal(self, number: signal.Signals) -> None:
        """Send it a signal."""
        self._process.send_signal(number)

    async def ended(self, within_s: float) -> Ended:
        """Wait for its end. TimeoutError: it takes too long."""
        code = await asyncio.wait_for(self._process.wait(), within_s)
        return Ended(code, (self._folder / "stdout").read_text(encoding="utf-8"), self.err)

    async def says(self, text: str, within_s: float = 15.0) -> None:
        """Wait until it has said this on standard error."""
        await eventually(lambda: text in self.err or self._process.returncode is not None, within_s)
        assert text in self.err, self.err

    async def until_settled(self, port: int, within_s: float = 20.0) -> dict[str, Any]:
        """Wait until its status page says that it reads and delivers; give the status."""

        async def settled() -> bool:
            assert self._process.returncode is None, self.err
            return await ready(port)

        await eventually(settled, within_s)
        return await status(port)


@asynccontextmanager
async def started(
    folder: Path, *arguments: str, environment: Mapping[str, str] | None = None
) -> AsyncIterator[Running]:
    """Run `python -m pibridge` in a folder; whatever happens, no process is left behind."""
    with (folder / "stdout").open("wb") as out, (folder / "stderr").open("wb") as err:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "pibridge",
            *arguments,
            cwd=folder,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=out,
            stderr=err,
            env={**os.environ, "NO_COLOR": "1", "COLUMNS": "200", **(environment or {})},
        )
    try:
        yield Running(process, folder)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def pibridge(
    folder: Path, *arguments: str, environment: Mapping[str, str] | None = None, within_s: float = 30.0
) -> Ended:
    """Run a command to its end."""
    async with started(folder, *arguments, environment=environment) as running:
        return await running.ended(within_s)


async def eventually(look: Callable[[], Any], within_s: float = 15.0) -> None:
    """Look again and again until it is so. TimeoutError: it is not, in time."""
    end = time.monotonic() + within_s
    while True:
        found = look()
        if found if not asyncio.iscoroutine(found) else await found:
            return
        if time.monotonic() > end:
            raise TimeoutError(f"not so within {within_s} s")
        await asyncio.sleep(LOOK_S)


async def ready(port: int) -> bool:
    """Tell whether the daemon says that all is well."""
    try:
        async with aiohttp.ClientSession() as session, session.get(f"http://127.0.0.1:{port}/readyz") as answer:
            return answer.status == 200
    except aiohttp.ClientError:
        return False


async def fetch(port: int, path: str) -> tuple[int, str]:
    """Ask the status page; give status and body."""
    async with aiohttp.ClientSession() as session, session.get(f"http://127.0.0.1:{port}{path}") as answer:
        return answer.status, await answer.text()


async def status(port: int) -> dict[str, Any]:
    """Give what `/api/status` says."""
    async with aiohttp.ClientSession() as session, session.get(f"http://127.0.0.1:{port}/api/status") as answer:
        told: dict[str, Any] = await answer.json()
        return told


def records(out: Path) -> list[dict[str, Any]]:
    """Give all records in complete files."""
    return [json.loads(line) for file in out.glob("dt=*/*.jsonl") for line in file.read_text("utf-8").splitlines()]


def unfinished(out: Path) -> list[Path]:
    """Give the files that are still being written."""
    return list(out.glob("dt=*/*.part"))


def tree(simulator: Simulator, **changes: Any) -> dict[str, Any]:
    """Give a configuration that reads the brewery's utilities into `out`; top-level keys can be replaced."""
    return {
        "site": "brewery",
        "pi": {"url": simulator.url},
        "streams": {"utilities": {"select": {"points": [r"\\PISRV1\U*"]}}},
        "journal": {"path": "journal", "max_size": "16MiB"},
        "sinks": {"local": {"type": "file", "path": "out", "roll": {"age": "1s"}}},
        "status": None,
        **changes,
    }


def written(folder: Path, configuration: dict[str, Any]) -> str:
    """Write the configuration into a folder; give the name of the file."""
    (folder / "config.yaml").write_text(yaml.safe_dump(configuration, sort_keys=False), encoding="utf-8")
    return "config.yaml"
