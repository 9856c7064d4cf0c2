"""What a sink notes of what it delivered: each note is written together with the cursor that it stands for.

What is kept by the piece, as the totals of its batches, are facts of the source `facts_of`, in the same transactions.
"""

import apsw
from msgspec import Struct

from pibridge.journal import facts


class Note(Struct, frozen=True):
    """A note in the sink's own words. `is_whole`: it says all, the earlier ones of the sink may go."""

    content: bytes
    is_whole: bool


def facts_of(sink: str) -> str:
    """Give the source under which a sink keeps facts."""
    return f"delivered {sink}"


def add(db: apsw.Connection, sink: str, note: Note | None) -> None:
    """Keep a note, if there is one."""
    if note is None:
        return
    if note.is_whole:
        _forget_notes(db, sink)
    db.execute("INSERT INTO delivered (sink, note) VALUES (?, ?)", (sink, note.content))


def size_bytes(note: Note | None) -> int:
    """Give about how much a note writes."""
    return 0 if note is None else 64 + len(note.content)


def notes(db: apsw.Connection, sink: str) -> list[bytes]:
    """Give the notes of a sink that are kept, in the order in which they were written."""
    return [content for (content,) in db.execute("SELECT note FROM delivered WHERE sink = ? ORDER BY id", (sink,))]


def forget(db: apsw.Connection, sink: str) -> None:
    """Remove all that a sink noted."""
    _forget_notes(db, sink)
    facts.forget(db, facts_of(sink))


def _forget_notes(db: apsw.Connection, sink: str) -> None:
    db.execute("DELETE FROM delivered WHERE sink = ?", (sink,))
