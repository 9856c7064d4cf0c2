"""The file: its tables, and the checks before one is used."""

import os
from pathlib import Path
from typing import Final, Literal

import apsw

from pibridge.errors import JournalError
from pibridge.journal import pages

FILE_NAME: Final = "journal.db"
PAGE_BYTES: Final = 4096
APPLICATION_ID: Final = 0x50494252
BARE_VERSION: Final = 7
VERSION: Final = 8
"""The same with checksums in the pages: what has them has an even number."""
_BUSY_MS: Final = 5000

_TABLES: Final = """
CREATE TABLE tally (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    next_seq INTEGER NOT NULL,
    events INTEGER NOT NULL,
    newest_seq INTEGER NOT NULL,
    dropped_events INTEGER NOT NULL,
    dead_letters INTEGER NOT NULL,
    dead_bytes INTEGER NOT NULL,
    damaged_chunks INTEGER NOT NULL,
    live_events INTEGER NOT NULL,
    history_events INTEGER NOT NULL,
    trimmed_ticks INTEGER NOT NULL
) STRICT;

-- One row is one sealed chunk; event i has the position seq + i, and `before` events of its lane were stored before it.
-- The payload comes last: reading the rest stays cheap.
CREATE TABLE chunk (
    seq INTEGER PRIMARY KEY,
    lane TEXT NOT NULL,
    before INTEGER NOT NULL,
    events INTEGER NOT NULL,
    first_ticks INTEGER NOT NULL,
    last_ticks INTEGER NOT NULL,
    arrived_ticks INTEGER NOT NULL,
    stored_s INTEGER NOT NULL,
    codec INTEGER NOT NULL,
    crc INTEGER NOT NULL,
    payload BLOB NOT NULL
) STRICT;
-- Cursors move by this index alone, also past a chunk whose page cannot be read.
CREATE INDEX chunk_lane ON chunk (lane, seq, before, events);
CREATE INDEX chunk_span ON chunk (last_ticks, first_ticks);

-- A description is valid from `since` (a position) until the tag's next one.
CREATE TABLE tag (
    number INTEGER NOT NULL,
    since INTEGER NOT NULL,
    description BLOB NOT NULL,
    PRIMARY KEY (number, since)
) STRICT, WITHOUT ROWID;
CREATE TABLE joined (tag INTEGER PRIMARY KEY, ticks INTEGER NOT NULL) STRICT;
CREATE TABLE mark (name TEXT PRIMARY KEY, ticks INTEGER NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE newest (page INTEGER PRIMARY KEY, crc INTEGER NOT NULL, payload BLOB NOT NULL) STRICT;

CREATE TABLE gap (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    tag INTEGER NOT NULL,
    start_ticks INTEGER NOT NULL,
    end_ticks INTEGER,
    reason TEXT NOT NULL,
    overlap_ticks INTEGER NOT NULL
) STRICT;
CREATE UNIQUE INDEX gap_open ON gap (tag) WHERE end_ticks IS NULL;

CREATE TABLE cursor (
    sink TEXT NOT NULL,
    lane TEXT NOT NULL,
    seq INTEGER NOT NULL,
    passed INTEGER NOT NULL,
    sealed_first INTEGER,
    sealed_last INTEGER,
    PRIMARY KEY (sink, lane)
) STRICT, WITHOUT ROWID;
CREATE TABLE dead_letter (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    sink TEXT NOT NULL,
    lane TEXT NOT NULL,
    seq INTEGER NOT NULL,
    stored_s INTEGER NOT NULL,
    reason TEXT NOT NULL,
    line BLOB NOT NULL
) STRICT;

CREATE TABLE damaged (
    first_seq INTEGER PRIMARY KEY,
    last_seq INTEGER NOT NULL,
    lane TEXT NOT NULL,
    first_ticks INTEGER,
    last_ticks INTEGER,
    reason TEXT NOT NULL,
    mended INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE TABLE dropped (
    id INTEGER PRIMARY KEY,
    lane TEXT NOT NULL,
    first_seq INTEGER NOT NULL,
    last_seq INTEGER NOT NULL,
    first_ticks INTEGER NOT NULL,
    last_ticks INTEGER NOT NULL,
    events INTEGER NOT NULL,
    until_s INTEGER NOT NULL
) STRICT;
"""

_TABLES_OF_3: Final = """
-- Live events that wait for their context; then they get their place among the chunks.
CREATE TABLE held (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    events INTEGER NOT NULL,
    first_ticks INTEGER NOT NULL,
    last_ticks INTEGER NOT NULL,
    arrived_ticks INTEGER NOT NULL,
    codec INTEGER NOT NULL,
    crc INTEGER NOT NULL,
    payload BLOB NOT NULL
) STRICT;
-- What PI said that is no event: frames, batch ids. `source`: who keeps it; `id`: unique there.
CREATE TABLE fact (
    source TEXT NOT NULL,
    id TEXT NOT NULL,
    content BLOB NOT NULL,
    PRIMARY KEY (source, id)
) STRICT, WITHOUT ROWID;
-- What a sink notes of what it delivered, for its deadband.
CREATE TABLE delivered (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    sink TEXT NOT NULL,
    note BLOB NOT NULL
) STRICT;
-- What each selection meant when it was last resolved.
CREATE TABLE selection (
    name TEXT PRIMARY KEY,
    digest TEXT NOT NULL,
    payload BLOB NOT NULL
) STRICT;
"""

_TABLES_OF_5: Final = """
ALTER TABLE dead_letter ADD COLUMN event BLOB;
ALTER TABLE dead_letter ADD COLUMN tries INTEGER NOT NULL DEFAULT 1;
CREATE INDEX dead_letter_sink ON dead_letter (sink);
-- Dead letters on their way again: one row is one batch.
CREATE TABLE resend (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    sink TEXT NOT NULL,
    lane TEXT NOT NULL,
    letters INTEGER NOT NULL,
    packed BLOB NOT NULL
) STRICT;
CREATE INDEX resend_sink ON resend (sink, letters);
"""

_TABLES_OF_7: Final = """
-- Events on their way again, one row for each sink that gets them.
CREATE TABLE replay (
    id TEXT NOT NULL,
    sink TEXT NOT NULL,
    content BLOB NOT NULL,
    PRIMARY KEY (id, sink)
) STRICT, WITHOUT ROWID;
-- History that somebody asked for. What of it is still to be read are gaps that name it as their reason.
CREATE TABLE backfill (id TEXT PRIMARY KEY, content BLOB NOT NULL) STRICT, WITHOUT ROWID;
"""

_LATER: Final = {3: _TABLES_OF_3, 5: _TABLES_OF_5, 7: _TABLES_OF_7}
"""What came with which format, without checksums."""


def open_for_writing(folder: Path, sync: Literal["full", "normal"]) -> apsw.Connection:
    """Open the journal in `folder`, or make a new one. Raises JournalError; what is there is never replaced."""
    file = folder / FILE_NAME
    is_new = not file.exists()
    db = _connect(file, apsw.SQLITE_OPEN_READWRITE | apsw.SQLITE_OPEN_CREATE)
    try:
        if is_new or _is_empty(db):
            _create(db)
            _sync_folder(folder)
        _check(db, file)
        pages.require_guard(db, file)
        _bring_up_to_date(db)
        db.execute(f"PRAGMA synchronous = {sync}")
        db.execute("PRAGMA cache_size = -4096")
    except apsw.Error as error:
        db.close()
        raise damaged_error(file) from error
    except JournalError:
        db.close()
        raise
    return db


def open_for_reading(folder: Path) -> apsw.Connection:
    """Open the journal in `folder` to read; another process may write it. Raises JournalError."""
    file = folder / FILE_NAME
    if not file.exists():
        raise JournalError(f"no journal in {folder}", hint="check journal.path, or start the daemon once")
    db = _connect(file, apsw.SQLITE_OPEN_READONLY)
    try:
        _check(db, file)
        _require_tables(db, file)
        db.execute("PRAGMA cache_size = -1024")
        db.config(apsw.SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1)  # whoever leaves last: a reader writes nothing
    except apsw.Error as error:
        db.close()
        raise damaged_error(file) from error
    except JournalError:
        db.close()
        raise
    return db


def _connect(file: Path, flags: int) -> apsw.Connection:
    pages.guard()
    try:
        db = apsw.Connection(str(file), flags=flags)
    except apsw.Error as error:
        raise JournalError(f"cannot open {file}: {error}", hint="check that the folder belongs to this user") from error
    db.set_busy_timeout(_BUSY_MS)
    return db


def _is_empty(db: apsw.Connection) -> bool:
    # A process that was killed while it made the file leaves one without tables.
    return db.pragma("application_id") == 0 and db.execute("SELECT 1 FROM sqlite_schema LIMIT 1").fetchone() is None


def _create(db: apsw.Connection) -> None:
    version = BARE_VERSION
    if pages.guard():
        version = VERSION
        pages.reserve(db)
    db.execute(f"PRAGMA page_size = {PAGE_BYTES}")
    db.execute("PRAGMA auto_vacuum = INCREMENTAL")  # has no effect once the file is in WAL mode
    db.execute("PRAGMA journal_mode = WAL")
    marks = f"PRAGMA application_id = {APPLICATION_ID}; PRAGMA user_version = {version};"
    db.execute(f"BEGIN IMMEDIATE; {_TABLES} {' '.join(_LATER.values())} {marks} COMMIT")
    db.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_TRUNCATE)  # from now on the file itself says what it is


def _check(db: apsw.Connection, file: Path) -> None:
    if db.pragma("application_id") != APPLICATION_ID:
        raise JournalError(f"{file} is not a journal of PI Bridge", hint="choose another journal.path")
    version = db.pragma("user_version")
    if version > VERSION:
        raise JournalError(
            f"{file} was written by a newer PI Bridge (format {version}, this one knows {VERSION})",
            hint="install that version again; the journal is untouched",
        )
    if (version % 2 == 0) != pages.has_checksums(db):
        raise damaged_error(file)  # in the byte that has them compared
    db.execute("PRAGMA secure_delete = 0")


def _require_tables(db: apsw.Connection, file: Path) -> None:
    if db.pragma("user_version") < BARE_VERSION:
        raise JournalError(
            f"{file} was written by an older PI Bridge", hint="start this one once: it brings the journal up to date"
        )


def _bring_up_to_date(db: apsw.Connection) -> None:
    """Add what an earlier format lacks; nothing of it is changed."""
    version = db.pragma("user_version")
    for later, tables in _LATER.items():
        if version < later:
            version += 2
            db.execute(f"BEGIN IMMEDIATE; {tables} PRAGMA user_version = {version}; COMMIT")


def damaged_error(file: Path) -> JournalError:
    """Give the error for a file that SQLite cannot use."""
    return JournalError(
        f"{file} is damaged or is no SQLite file",
        hint="move the folder away and start again: what PI still has is read anew; keep the old folder for repair",
    )


def _sync_folder(folder: Path) -> None:
    if os.name == "nt":
        return  # Windows opens no folders; NTFS keeps its names in order by itself
    for place in (folder, folder.parent):
        descriptor = os.open(place, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
