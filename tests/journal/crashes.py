"""Files as a crash leaves them: what SQLite writes is recorded, then rebuilt at any point as a disk might have it."""

import random
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from enum import StrEnum
from itertools import pairwise
from pathlib import Path
from typing import Any

import apsw
from msgspec import Struct

from journal.bad_disk import lift_checksums
from pibridge.journal import schema

SECTOR_BYTES = 512
"""A disk writes a sector whole or not at all."""
_NAME = "recorded-disk"

Files = dict[str, bytes]
"""What a folder holds, by file name."""


class Write(Struct, frozen=True):
    """Bytes given to the operating system."""

    file: str
    offset: int
    data: bytes


class Truncate(Struct, frozen=True):
    """A file cut off or made longer."""

    file: str
    size_bytes: int


class Delete(Struct, frozen=True):
    """A file removed."""

    file: str


class Sync(Struct, frozen=True):
    """All that was done to this file before is on the disk."""

    file: str


class SyncFolder(Struct, frozen=True):
    """All files removed before stay so."""


Change = Write | Truncate | Delete
Entry = Change | Sync | SyncFolder | Callable[[], None]
"""A callable is a fact of the story around the disk: called when the rebuilding comes past it."""


class Kind(StrEnum):
    """What became of the changes that were not synced."""

    KEPT = "kept"
    DROPPED = "dropped"
    TORN = "torn"
    REORDERED = "reordered"


class State(Struct, frozen=True):
    """What a crash after `point` entries may leave."""

    point: int
    kind: Kind
    files: Files


class RecordedDisk(apsw.VFS):
    """SQLite's own file layer, with a record of what it did. `full`: nothing more fits it."""

    def __init__(self) -> None:
        self.entries: list[Entry] = []
        self.full = False
        lift_checksums()
        self.real = apsw.vfs_names()[0]
        super().__init__(_NAME, self.real, makedefault=True)

    def xOpen(self, name: str | apsw.URIFilename | None, flags: list[int]) -> apsw.VFSFile:  # noqa: N802 - SQLite's name
        """Open a file of the real disk."""
        return _RecordedFile(self, name, flags)

    def xDelete(self, filename: str, syncdir: bool) -> None:  # noqa: FBT001, N802 - SQLite's name and parameters
        """Remove a file."""
        super().xDelete(filename, syncdir)
        self.entries.append(Delete(Path(filename).name))
        if syncdir:
            self.entries.append(Sync(Path(filename).name))


class _RecordedFile(apsw.VFSFile):
    def __init__(self, disk: RecordedDisk, name: Any, flags: list[int]) -> None:
        self._disk = disk
        self._file = Path(name.filename() if isinstance(name, apsw.URIFilename) else str(name)).name
        super().__init__(disk.real, name, flags)

    def xWrite(self, data: bytes, offset: int) -> None:  # noqa: N802 - SQLite's name
        if self._disk.full:
            raise apsw.FullError("no space left")
        super().xWrite(data, offset)
        self._disk.entries.append(Write(self._file, offset, bytes(data)))

    def xTruncate(self, newsize: int) -> None:  # noqa: N802 - SQLite's name
        super().xTruncate(newsize)
        self._disk.entries.append(Truncate(self._file, newsize))

    def xSync(self, flags: int) -> None:  # noqa: N802 - SQLite's name
        super().xSync(flags)
        self._disk.entries.append(Sync(self._file))


@contextmanager
def recorded_disk() -> Iterator[RecordedDisk]:
    """Record all databases opened meanwhile."""
    disk = RecordedDisk()
    sync_folder = schema._sync_folder  # the one sync that does not go through SQLite

    def sync_and_record(folder: Path) -> None:
        sync_folder(folder)
        disk.entries.append(SyncFolder())

    schema._sync_folder = sync_and_record
    try:
        yield disk
    finally:
        schema._sync_folder = sync_folder
        lift_checksums()
        apsw.set_default_vfs(disk.real)
        disk.unregister()


class Rebuilding:
    """Goes through a record once; gives what the disk may hold at each point."""

    def __init__(self, entries: Iterable[Entry], start: Mapping[str, bytes]) -> None:
        self._entries = entries
        self._synced = {name: bytearray(content) for name, content in start.items()}
        self._pending: list[Change] = []

    def states(self, choose: Callable[[int], Iterable[tuple[Kind, random.Random]]]) -> Iterator[State]:
        """Give the states that `choose` asks for, point by point."""
        for point, entry in enumerate(self._entries):
            match entry:
                case Sync(file=file):
                    self._settle([change for change in self._pending if change.file == file])
                case SyncFolder():
                    self._settle([change for change in self._pending if isinstance(change, Delete)])
                case Write() | Truncate() | Delete():
                    self._pending.append(entry)
                case fact:
                    fact()
            for kind, rng in choose(point):
                yield State(point, kind, self._left(kind, rng))

    def end(self, kind: Kind) -> Files:
        """Give what is left of the whole record."""
        for _ in self.states(lambda _: ()):
            pass
        return self._left(kind, random.Random(0))  # noqa: S311 - nothing is chosen

    def _settle(self, changes: list[Change]) -> None:
        for change in changes:
            _apply(self._synced, change)
            self._pending.remove(change)

    def _left(self, kind: Kind, rng: random.Random) -> Files:
        files = {name: content.copy() for name, content in self._synced.items()}
        for change in _survivors(self._pending, kind, rng):
            _apply(files, change)
        return {name: bytes(content) for name, content in files.items()}


def restore(folder: Path, files: Files) -> None:
    """Put these databases into a folder in place of those that are there."""
    for file in folder.glob("journal.db*"):
        file.unlink()
    for name, content in files.items():
        (folder / name).write_bytes(content)


def _survivors(pending: list[Change], kind: Kind, rng: random.Random) -> Iterator[Change]:
    match kind:
        case Kind.KEPT:
            yield from pending
        case Kind.DROPPED:
            return
        case Kind.TORN if pending:
            last = rng.randrange(len(pending))
            yield from pending[:last]
            yield from _torn(pending[last], lambda sector, sectors: sector < rng.randrange(sectors + 1))
        case _:
            likely = rng.choice((0.1, 0.5, 0.9))
            for change in pending:
                if rng.random() < likely:
                    yield from _torn(change, lambda _sector, _sectors: rng.random() < likely)


def _torn(change: Change, survives: Callable[[int, int], bool]) -> Iterator[Change]:
    """Give the sectors of a write that reached the disk."""
    if not isinstance(change, Write):
        yield change
        return
    end = change.offset + len(change.data)
    bounds = [change.offset, *range((change.offset // SECTOR_BYTES + 1) * SECTOR_BYTES, end, SECTOR_BYTES), end]
    for sector, (start, stop) in enumerate(pairwise(bounds)):
        if survives(sector, len(bounds) - 1):
            yield Write(change.file, start, change.data[start - change.offset : stop - change.offset])


def _apply(files: dict[str, bytearray], change: Change) -> None:
    if isinstance(change, Delete):
        files.pop(change.file, None)
        return
    content = files.setdefault(change.file, bytearray())
    if isinstance(change, Truncate):
        del content[change.size_bytes :]
        content.extend(bytes(change.size_bytes - len(content)))
    else:
        content.extend(bytes(max(0, change.offset - len(content))))
        content[change.offset : change.offset + len(change.data)] = change.data
