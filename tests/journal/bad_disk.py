"""A disk that fails at a chosen write or fsync: SQLite's own file layer with a fault in it."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import apsw

from pibridge.journal import pages

_NAME = "bad-disk"


def lift_checksums() -> None:
    """Have the next journal that is opened put the checksums of pages above what then is SQLite's way to the disk."""
    if pages.LAYER in apsw.vfs_names():
        apsw.unregister_vfs(pages.LAYER)


class BadDisk(apsw.VFS):
    """Everything works until `fail_in` operations of kind `what` have been done; then `error`, once or for good."""

    def __init__(self) -> None:
        self.what = ""
        self.fail_in = 0
        self.error: type[Exception] = apsw.IOError
        self.for_good = False
        self.failures = 0
        lift_checksums()
        self.real = apsw.vfs_names()[0]
        super().__init__(_NAME, self.real, makedefault=True)

    def arm(self, what: str, fail_in: int, error: type[Exception], *, for_good: bool = False) -> None:
        """Fail from now on as said."""
        self.what, self.fail_in, self.error, self.for_good = what, fail_in, error, for_good

    def disarm(self) -> None:
        """Work again."""
        self.what = ""

    def did(self, what: str) -> None:
        """Count an operation; raise when its time has come."""
        if what != self.what:
            return
        self.fail_in -= 1
        if self.fail_in == 0 or (self.for_good and self.fail_in < 0):
            self.failures += 1
            raise self.error(f"{what} failed")

    def xOpen(self, name: str | apsw.URIFilename | None, flags: list[int]) -> apsw.VFSFile:  # noqa: N802 - SQLite's name
        """Open a file of the real disk."""
        return _BadFile(self, name, flags)


class _BadFile(apsw.VFSFile):
    def __init__(self, disk: BadDisk, name: Any, flags: list[int]) -> None:
        self._disk = disk
        super().__init__(disk.real, name, flags)

    def xWrite(self, data: bytes, offset: int) -> None:  # noqa: N802 - SQLite's name
        self._disk.did("write")
        super().xWrite(data, offset)

    def xSync(self, flags: int) -> None:  # noqa: N802 - SQLite's name
        self._disk.did("sync")
        super().xSync(flags)


@contextmanager
def bad_disk() -> Iterator[BadDisk]:
    """Put all databases opened meanwhile on such a disk."""
    disk = BadDisk()
    try:
        yield disk
    finally:
        lift_checksums()
        apsw.set_default_vfs(disk.real)
        disk.unregister()
