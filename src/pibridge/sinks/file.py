"""Files in a local folder: appended to while the batch is open, named for good when it is complete and on disk."""

import asyncio
import errno
import os
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Final, TypeVar, TypeVarTuple

import structlog

from pibridge.context.record import json_lines
from pibridge.errors import UnavailableError
from pibridge.sinks.contract import Batch, Receipt
from pibridge.sinks.formats import PARQUET, gathered, name_of, open_format
from pibridge.sinks.keeping import remove_older, remove_unfinished
from pibridge.sinks.parquet import convert
from pibridge.sinks.settings import FileSettings

_LOOK_EVERY_S: Final = 3600.0
_HINTS: Final = {
    errno.ENOSPC: "free some space, delivery then goes on by itself",
    errno.EDQUOT: "raise the quota of the account or free some space",
    errno.EACCES: "let the account that runs pibridge write there",
    errno.EPERM: "let the account that runs pibridge write there",
    errno.EROFS: "the file system is mounted read-only, mount it writable",
    errno.ENOTDIR: "a file stands where a folder is needed, choose another path",
    errno.EEXIST: "a file stands where a folder is needed, choose another path",
    errno.ENOENT: "choose another path, or mount what is missing",
    errno.EIO: "check the disk",
}

_Given = TypeVarTuple("_Given")
_Result = TypeVar("_Result")


class FileSink:
    """Writes `dt=YYYY-MM-DD/{lane}-{first}-{last}.{format}` below a folder; `….part` until it is complete.

    `now`: a Unix clock, by which old files are told.
    """

    def __init__(self, settings: FileSettings, now: Callable[[], float] = time.time) -> None:
        self.max_age_s = settings.roll.age
        self._roll_bytes = settings.roll.size
        self._folder = settings.path
        self._format = settings.format
        self._keep_s = settings.keep
        self._now = now
        self._looked_s = 0.0
        # One thread: what is begun for a file that was given up ends before the file is closed or begun anew.
        self._disk = ThreadPoolExecutor(1, "file-sink")
        self._being_written: set[Path] = set()

    async def open(self) -> None:
        """Make the folder, see that it can be written, remove unfinished files of an interrupted run."""
        await self._on_disk(_try_out, self._folder)
        await self._on_disk(remove_unfinished, self._folder, frozenset(self._being_written))
        await self._remove_older()

    async def write(self, batch: Batch) -> Receipt:
        """Write one file; it has its name once it is on disk whole."""
        begun = self._folder / f"dt={batch.day}" / f"{batch.lane}-{batch.first}"
        lines = _LinesFile(begun, gathered(self._format))
        file = _PartFile(begun, PARQUET) if self._format == PARQUET else lines
        self._being_written |= {lines.path, file.path}
        try:
            async for records in batch:
                # Encoded here: in the thread it would wait for Python's lock, each time, as long as the loop has work.
                await self._on_disk(lines.append, json_lines(records))
                if lines.size_bytes >= self._roll_bytes and batch.sealed is None:
                    break
            bounds = await batch.seal()
            written = await self._on_disk(lines.finish)
            if file is not lines:
                with self._told():
                    await convert(written, await self._on_disk(file.begin))
            await self._on_disk(file.complete, self._folder / name_of(bounds, self._format))
            if file is not lines:
                await self._on_disk(lines.remove)
        finally:
            self._being_written -= {lines.path, file.path}
            self._disk.submit(lines.close)
            self._disk.submit(file.close)
        await self._remove_older()
        return Receipt()

    async def probe(self) -> str:
        """Write a test file and remove it."""
        await self._on_disk(_try_out, self._folder)
        return f"wrote and removed a test file in {self._folder}"

    async def close(self) -> None:
        """End the thread; `open` begins another."""
        self._disk.shutdown(wait=False)
        self._disk = ThreadPoolExecutor(1, "file-sink")

    async def _remove_older(self) -> None:
        now_s = self._now()
        if self._keep_s is None or 0 <= now_s - self._looked_s < _LOOK_EVERY_S:
            return
        self._looked_s = now_s
        try:
            await self._on_disk(remove_older, self._folder, now_s - self._keep_s)
        except UnavailableError as error:
            # What is new still gets through.
            structlog.get_logger().warning("old files cannot be removed", folder=str(self._folder), error=str(error))

    async def _on_disk(self, work: Callable[[*_Given], _Result], *given: *_Given) -> _Result:
        with self._told():
            return await asyncio.get_running_loop().run_in_executor(self._disk, work, *given)

    @contextmanager
    def _told(self) -> Iterator[None]:
        """Make an OSError an UnavailableError with the next step."""
        try:
            yield
        except OSError as error:
            where = error.filename2 or error.filename or self._folder
            what = error.strerror or str(error)
            hint = _HINTS.get(error.errno or 0, "")
            raise UnavailableError(f"cannot write files below {self._folder}: {where}: {what}", hint=hint) from error


class _PartFile:
    """A file that is being written. `begun`: the path of its name as far as that is known."""

    def __init__(self, begun: Path, extension: str) -> None:
        self.path = begun.with_name(f"{begun.name}.{extension}.part")
        self._descriptor: int | None = None

    def begin(self) -> int:
        """Make the file, unless that is done, and give its descriptor."""
        if self._descriptor is None:
            _make_folder(self.path.parent)
            self._descriptor = _create(self.path)
        return self._descriptor

    def complete(self, final: Path) -> None:
        """Wait until all is on disk, then give the file its name, in place of one of the same name."""
        os.fsync(self.begin())
        self.close()
        _make_folder(final.parent)
        self.path.replace(final)
        _sync_folder(final.parent)
        _sync_folder(final.parent.parent)

    def close(self) -> None:
        """Let go of the file, complete or not. May be called twice."""
        descriptor, self._descriptor = self._descriptor, None
        if descriptor is not None:
            os.close(descriptor)

    def remove(self) -> None:
        """Let go of the file and of what is in it."""
        self.close()
        self.path.unlink(missing_ok=True)


class _LinesFile(_PartFile):
    """One that takes records. Nothing is made before the first."""

    def __init__(self, begun: Path, extension: str) -> None:
        super().__init__(begun, extension)
        self.size_bytes = 0
        self._encoder = open_format(extension)

    def append(self, lines: bytes) -> None:
        """Write records where a reader sees them at once, unless a compressor gathers them."""
        self._write(self._encoder.encode(lines))

    def finish(self) -> int:
        """Write what a compressor still has; give the descriptor."""
        self._write(self._encoder.finish())
        return self.begin()

    def _write(self, data: bytes) -> None:
        _write_whole(self.begin(), data)
        self.size_bytes += len(data)


def _try_out(folder: Path) -> None:
    _make_folder(folder)
    path = folder / f".pibridge-check-{os.getpid()}"
    descriptor = _create(path)
    try:
        _write_whole(descriptor, b"a test of pibridge, may be removed\n")
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
        path.unlink()


def _create(path: Path) -> int:
    path.unlink(missing_ok=True)
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), 0o644)


def _write_whole(descriptor: int, data: bytes) -> None:
    rest = memoryview(data)
    while rest:
        rest = rest[os.write(descriptor, rest) :]


def _make_folder(folder: Path) -> None:
    if folder.is_dir():
        return
    if folder != folder.parent:
        _make_folder(folder.parent)
    folder.mkdir(exist_ok=True)
    _sync_folder(folder.parent)


def _sync_folder(folder: Path) -> None:
    # Windows opens no folders; NTFS keeps its names in order by itself.
    if os.name != "nt":
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
