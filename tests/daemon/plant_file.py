"""A daemon in this process that follows a configuration file."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from cli.processes import eventually, tree
from pibridge.config.source import FileSource
from pibridge.config.watch import Watch
from pibridge.daemon.run import run
from pibridge.simulator import Simulator
from pibridge.status.snapshot import Snapshot

if TYPE_CHECKING:
    from pibridge.daemon.report import Report


class Followed:
    """The running daemon, and the file that it follows."""

    def __init__(self, folder: Path, simulator: Simulator) -> None:
        self.folder = folder
        self.out = folder / "out"
        self.stop = asyncio.Event()
        self.hang_up = asyncio.Event()
        self._file = folder / "config.yaml"
        self._simulator = simulator
        self._started: asyncio.Future[Report] = asyncio.get_running_loop().create_future()

    def write(self, **changes: Any) -> None:
        """Write the file: the brewery's utilities into `out`, with top-level keys replaced."""
        own = {
            "journal": {"path": str(self.folder / "journal"), "max_size": "16MiB"},
            "sinks": {"local": sink(self.out)},
        }
        self._file.write_text(yaml.safe_dump(tree(self._simulator, **{**own, **changes})), encoding="utf-8")

    async def change(self, **changes: Any) -> None:
        """Write the file, ask for it to be read, and wait until it runs."""
        before = self.snapshot().configuration
        self.write(**changes)
        self.hang_up.set()
        await eventually(lambda: self.snapshot().configuration.loaded != before.loaded)
        assert not self.snapshot().configuration.refused

    async def refused(self, **changes: Any) -> list[str]:
        """Write the file, ask for it to be read, and give why it is not taken."""
        self.write(**changes)
        self.hang_up.set()
        await eventually(lambda: self.snapshot().configuration.refused)
        return self.snapshot().configuration.refused

    def snapshot(self) -> Snapshot:
        """Give what it says of itself."""
        return self._started.result().snapshot()

    def is_well(self) -> bool:
        """Tell whether all reads and delivers."""
        return self._started.done() and not self._started.result().not_ready()

    async def run(self) -> None:
        """Run it until it is stopped."""
        watch = Watch(FileSource(str(self._file)))
        await run(watch.load(), self.stop, self._started.set_result, watch=watch, hang_up=self.hang_up)


@asynccontextmanager
async def followed(folder: Path, simulator: Simulator, **changes: Any) -> AsyncIterator[Followed]:
    """Run a daemon that follows its file; it is stopped at the end, and what it dies of is raised."""
    daemon = Followed(folder, simulator)
    daemon.write(**changes)
    task = asyncio.create_task(daemon.run())
    try:
        await eventually(lambda: task.done() or daemon.is_well())
        yield daemon
    finally:
        daemon.stop.set()
        await task


def sink(folder: Path, **settings: Any) -> dict[str, Any]:
    """Give the settings of a file sink that completes a file each second."""
    return {"type": "file", "path": str(folder), "roll": {"age": "1s"}, **settings}


def points(*patterns: str) -> dict[str, Any]:
    """Give the settings of a stream of points."""
    return {"select": {"points": [rf"\\PISRV1\{pattern}" for pattern in patterns]}}
