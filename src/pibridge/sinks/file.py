"""Files in a local folder: appended to while the batch is open, named for good when it is complete and on disk."""

import asyncio
import errno
import os
import re
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final, TypeVar, TypeVarTuple

from pibridge.context.record import Record
from pibridge.errors import UnavailableError
from pibridge.model.event import Lane
from pibridge.sinks.contract import Batch, Receipt
from pibridge.sinks.formats import FORMATS, name_of, open_format
from pibridge.sinks.settings import FileSettings

_UNFINISHED: Final = re.compile(rf"(?:{'|'.join(Lane)})-\d+\.(?:{'|'.join(map(re.escape, FORMATS))})\.part")
_DAYS: Final = "dt=????-??-??"
_HINTS: Final = {
    errno.ENOSPC: "free some space, delivery then goes on by itself",
    errno.EDQUOT: "raise the quota of the account or free some space",
    errno.EACCES: "let the account that runs pibridge write there",
    errno.EPERM: "let the account that runs pibridge write there",
    errno.EROFS: "the file system is mounted read-only, mount it writable",
    errno.ENOTDIR: "a file stands where a folder is needed, choose another path",
    errno.EEXIST: "a file stands where a folder is needed, choose another path",
}

_Given = TypeVarTuple("_Given")
_Result = TypeVar("_Result")


class FileSink:
    """Writes `dt=YYYY-MM-DD/{lane}-{first}-{last}.{format}` below a folder; `….part` until it is complete."""

    def __init__(self, settings: FileSettings) -> None:
        self.max_age_s = settings.roll.age
        self._roll_bytes = settings.roll.size
        self._folder = settings.path
        self._format = settings.format
        # One thread: what is begun for a file that was given up ends before the file is closed or begun anew.
        self._disk = ThreadPoolExecutor(1, "file-sink")
        self._being_written: set[Path] = set()

    async def open(self) -> None:
        """Make the folder, see that it can be written, remove unfinished files of an interrupted run."""
        await self._on_disk(_try_out, self._folder)
        await self._on_disk(_remove_unfinished, self._folder, frozenset(self._being_written))

    async def write(self, batch: Batch) -> Receipt:
        """Write one file; it has its name once it is on disk whole."""
        path = self._folder / f"dt={batch.day}" / f"{batch.lane}-{batch.first}.{self._format}.part"
        file = _PartFile(path, self._format)
        self._being_written.add(path)
        try:
            async for records in batch:
                await self._on_disk(file.append, records)
                if file.size_bytes >= self._roll_bytes and batch.sealed is None:
                    break
            bounds = await batch.seal()
            await self._on_disk(file.complete, self._folder / name_of(bounds, self._format))
        finally:
            self._being_written.discard(path)
            self._disk.submit(file.close)
        return Receipt()

    async def probe(self) -> str:
        """Write a test file and remove it."""
        await self._on_disk(_try_out, self._folder)
        return f"wrote and removed a test file in {self._folder}"

    async def close(self) -> None:
        """End the thread; `open` begins another."""
        self._disk.shutdown(wait=False)
        self._disk = ThreadPoolExecutor(1, "file-sink")

    async def _on_disk(self, work: Callable[[*_Given], _Result], *given: *_Given) -> _Result:
        try:
            return await asyncio.get_running_loop().run_in_executor(self._disk, work, *given)
        except OSError as error:
            where = error.filename2 or error.filename or self._folder
            what = error.strerror or str(error)
            hint = _HINTS.get(error.errno or 0, "")
            raise UnavailableError(f"cannot write files below {self._folder}: {where}: {what}", hint=hint) from error


class _PartFile:
    """A file that is being written. Nothing is opened before the first record."""

    def __init__(self, path: Path, extension: str) -> None:
        self.size_bytes = 0
        self._path = path
        self._encoder = open_format(extension)
        self._descriptor: int | None = None

    def append(self, records: Sequence[Record]) -> None:
        """Write records where a reader sees them at once, unless a compressor gathers them."""
        self._write(self._encoder.encode(records))

    def complete(self, final: Path) -> None:
        """Write the rest, wait until all is on disk, then give the file its name, in place of one of the same name."""
        os.fsync(self._write(self._encoder.finish()))
        self.close()
        _make_folder(final.parent)
        self._path.replace(final)
        _sync_folder(final.parent)
        _sync_folder(final.parent.parent)

    def close(self) -> None:
        """Let go of the file, complete or not. May be called twice."""
        descriptor, self._descriptor = self._descriptor, None
        if descriptor is not None:
            os.close(descriptor)

    def _write(self, data: bytes) -> int:
        if self._descriptor is None:
            _make_folder(self._path.parent)
            self._descriptor = _create(self._path)
        _write_whole(self._descriptor, data)
        self.size_bytes += len(data)
        return self._descriptor


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


def _remove_unfinished(folder: Path, spared: frozenset[Path]) -> None:
    for path in folder.glob(f"{_DAYS}/*.part"):
        if _UNFINISHED.fullmatch(path.name) and path not in spared:
            path.unlink(missing_ok=True)


def _create(path: Path) -> int:
    path.unlink(missing_ok=True)
    return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), 0o644)


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
