"""Checksums of the file's pages: a bit that changed on the disk is noticed wherever it lies, not only in a payload.

SQLite's own `cksumvfs`, as apsw's wheels bring it, keeps them in the last eight bytes of each page and compares them at
each read. An apsw that was built by hand may lack it: then only payloads are guarded, by the chunks' own checksums.
"""

from contextlib import closing
from pathlib import Path
from typing import Final

import apsw
from apsw import sqlite_extra

from pibridge.errors import JournalError

CHECKSUM_BYTES: Final = 8
_EXTENSION: Final = "cksumvfs"
LAYER: Final = "cksmvfs"
"""Stands above what was SQLite's way to the disk when it is loaded."""


def guard() -> bool:
    """Have the pages of all files that are opened from now on compared with their checksums. False: it cannot be done.

    What counts is whether a file has any: `reserve` when it is made.
    """
    if apsw.vfs_names()[0] == LAYER:
        return True
    if sqlite_extra.has(_EXTENSION) is None:
        return False
    with closing(apsw.Connection(":memory:")) as db:
        sqlite_extra.load(db, _EXTENSION)
    return apsw.vfs_names()[0] == LAYER


def reserve(db: apsw.Connection) -> None:
    """Give the pages of a file that is about to be made room for their checksums."""
    db.reserve_bytes("main", CHECKSUM_BYTES)


def has_checksums(db: apsw.Connection) -> bool:
    """Tell whether the pages of a file have room for checksums."""
    return db.reserve_bytes("main") == CHECKSUM_BYTES


def require_guard(db: apsw.Connection, file: Path) -> None:
    """Raise JournalError if the pages have checksums that would not be kept."""
    if has_checksums(db) and not guard():
        raise JournalError(
            f"{file} has page checksums, which this apsw cannot keep",
            hint="install apsw from its wheel: pip install --force-reinstall --only-binary apsw apsw",
        )
