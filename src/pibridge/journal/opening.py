"""What is read when a journal is opened: nothing that grows with the backlog."""

from collections.abc import Callable
from pathlib import Path

import apsw
import structlog
from filelock import FileLock, Timeout
from msgspec import Struct

from pibridge.errors import JournalError, JournalLockedError
from pibridge.journal import backfill, chunks, cursors, held, replay, schema, tags, tally
from pibridge.journal.backfill import Backfill
from pibridge.journal.cursors import Cursor
from pibridge.journal.held import Held
from pibridge.journal.newest import Newest
from pibridge.journal.quota import Quota, Reserve
from pibridge.journal.reader import JournalReader
from pibridge.journal.replay import Replay
from pibridge.journal.retention import Retention
from pibridge.journal.settings import JournalSettings
from pibridge.journal.tags import TagBook
from pibridge.model.event import Lane

_log = structlog.get_logger()


class Parts(Struct):
    """An open journal in pieces.

    `lookup`, `shelf`: two readers, so that a long look-up does not hold up delivery.
    """

    db: apsw.Connection
    now: Callable[[], float]
    quota: Quota
    reserve: Reserve
    retention: Retention
    tags: TagBook
    joined: dict[int, int]
    marks: dict[str, int]
    newest: Newest
    held: list[Held]
    cursors: dict[cursors.Key, Cursor]
    ends: dict[Lane, int]
    replays: list[Replay]
    backfills: list[Backfill]
    lookup: JournalReader
    shelf: JournalReader


def lock(folder: Path) -> FileLock:
    """Make the folder if need be and claim it. Raises JournalLockedError, JournalError."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        claim = FileLock(folder / "lock", thread_local=False)
        claim.acquire(blocking=False)
    except Timeout as error:
        raise JournalLockedError(
            f"another daemon writes the journal in {folder}",
            hint="stop that one, or give this one another journal.path",
        ) from error
    except OSError as error:
        raise JournalError(
            f"journal.path {folder} cannot be written: {error.strerror}", hint="check that it belongs to this user"
        ) from error
    return claim


def is_locked(folder: Path) -> bool:
    """Tell whether a daemon has the journal in this folder, as far as that can be told."""
    claim = FileLock(folder / "lock", thread_local=False)
    try:
        with claim.acquire(blocking=False):
            return False
    except Timeout:
        return True
    except OSError:
        return (folder / "lock").exists()  # of another user: who asks will see


def load(settings: JournalSettings, now: Callable[[], float]) -> Parts:
    """Open the file and read the small tables. Raises JournalError."""
    folder = settings.path
    quota = Quota(settings.max_size)
    db = schema.open_for_writing(folder, settings.sync)
    reserve = Reserve(folder)
    reserve.keep()
    try:
        book = tags.load(db)
        lookup = JournalReader.open(folder)
        waiting = _held(db)
        return Parts(
            db=db,
            now=now,
            quota=quota,
            reserve=reserve,
            retention=Retention(quota, settings.retain, settings.when_full),
            tags=book,
            joined=tags.load_joined(db),
            marks=dict(db.execute("SELECT name, ticks FROM mark")),
            newest=lookup.newest(),
            held=waiting,
            cursors=cursors.load(db),
            ends={lane: chunks.end(db, lane) for lane in Lane},
            replays=replay.load(db),
            backfills=backfill.load(db),
            lookup=lookup,
            shelf=JournalReader.open(folder),
        )
    except apsw.Error as error:
        db.close()
        raise schema.damaged_error(folder / schema.FILE_NAME) from error


def _held(db: apsw.Connection) -> list[Held]:
    """Give the held events. What is damaged is set aside, to become a gap, and leaves."""
    waiting = []
    for item in list(held.load(db)):
        if isinstance(item, Held):
            waiting.append(item)
            continue
        _log.error(
            "damaged held events set aside",
            id=-item.first_seq,
            reason=item.reason,
            hint="check the disk; their time is read from PI once more",
        )
        with db:
            counts = tally.load(db)
            chunks.set_aside(tally.Ledger(db, counts, 0.0), (item,))
            tally.save(db, counts)
            held.drop(db, -item.first_seq)
    return waiting
