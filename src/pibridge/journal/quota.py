"""How much of the disk the journal may take: `max_size` counts all files below its folder."""

import os
from pathlib import Path
from typing import Final

import apsw

from pibridge.journal.schema import PAGE_BYTES

RESERVE_BYTES: Final = 1 << 20
_RESERVE_NAME: Final = "reserve"
_INDEX_BYTES: Final = 128 << 10
"""SQLite's shared index of the write-ahead log, and the small files."""
_PAGE_USE: Final = 0.93
"""How much of its pages a payload fills, with its row and the indexes counted."""


class Quota:
    """The limits that follow from `max_size`, in bytes.

    The write-ahead log is emptied into the file when it has `wal_soft_bytes`, and never grows beyond `wal_bytes`; the
    file never beyond `file_bytes`. Chunks stay below `data_bytes()`: cursors and gaps can still be written behind them.
    """

    def __init__(self, max_bytes: int) -> None:
        self.max_bytes = max_bytes
        self.wal_bytes = min(max(max_bytes // 16, 3 << 20), 32 << 20)
        self.wal_soft_bytes = min(self.wal_bytes // 3, 4 << 20)
        self.group_bytes = min(self.wal_bytes // 3, 2 << 20)
        self.overhead_bytes = self.wal_bytes + RESERVE_BYTES + _INDEX_BYTES
        self.file_bytes = max_bytes - self.overhead_bytes
        self.dead_letter_bytes = min(self.file_bytes // 8, 64 << 20)

    def data_bytes(self, tags: int) -> int:
        """Give how much of the file chunks may fill, with that many tags."""
        return self.file_bytes - max(self.file_bytes // 50, 1 << 20) - 64 * tags

    def excess_bytes(self, db: apsw.Connection) -> int:
        """Give by how much the file is too large: `max_size` may have been made smaller."""
        return max(0, int(db.pragma("page_count")) * PAGE_BYTES - self.file_bytes)

    def limit_file(self, db: apsw.Connection) -> None:
        """Let SQLite itself refuse to grow beyond the limit."""
        db.execute(f"PRAGMA max_page_count = {self.file_bytes // PAGE_BYTES}")
        db.execute(f"PRAGMA journal_size_limit = {self.wal_soft_bytes}")


def used_bytes(db: apsw.Connection) -> int:
    """Give how much of the file is in use."""
    pages: int = db.execute("SELECT page_count - freelist_count FROM pragma_page_count, pragma_freelist_count").get
    return pages * PAGE_BYTES


def stored_bytes(payload_bytes: int, rows: int) -> int:
    """Give about how much of the file payloads will take."""
    return int(payload_bytes / _PAGE_USE) + rows * 2 * PAGE_BYTES


class Reserve:
    """A file that holds a place on the disk: on a truly full one, SQLite could neither delete nor shrink anything."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._file = folder / _RESERVE_NAME

    def free_bytes(self) -> int:
        """Give how much space the disk has left."""
        return _free_bytes(self._folder)

    def keep(self) -> bool:
        """Take the place, if it is not held yet and the disk has room. True: it is held."""
        if self._file.exists() and self._file.stat().st_size == RESERVE_BYTES:
            return True
        if self.free_bytes() < 4 * RESERVE_BYTES:
            return False
        try:
            with self._file.open("wb") as file:
                file.write(os.urandom(RESERVE_BYTES))  # zeros would vanish on a file system that compresses
                file.flush()
                os.fsync(file.fileno())
        except OSError:
            self.release()
            return False
        return True

    def release(self) -> None:
        """Give the place back to the disk."""
        self._file.unlink(missing_ok=True)


def _free_bytes(folder: Path) -> int:
    disk = os.statvfs(folder)
    return disk.f_bavail * disk.f_frsize
