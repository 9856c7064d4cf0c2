"""Facts: what PI said that is no event, such as event frames and what was told of them. Kept until they are dropped."""

from collections.abc import Iterable

import apsw
from msgspec import Struct


class Fact(Struct, frozen=True):
    """`source`: who keeps it. `id`: unique there. `content`: bytes that its source understands."""

    source: str
    id: str
    content: bytes


class DropFact(Struct, frozen=True):
    """A fact that is one no longer."""

    source: str
    id: str


FactChange = Fact | DropFact


def size_bytes(changes: Iterable[FactChange]) -> int:
    """Give about how much changes write."""
    return sum(64 + len(item.content) if isinstance(item, Fact) else 16 for item in changes)


def change(db: apsw.Connection, changes: Iterable[FactChange]) -> None:
    """Write facts down, in the place of what was known, and drop others."""
    for item in changes:
        match item:
            case Fact():
                db.execute(
                    "REPLACE INTO fact (source, id, content) VALUES (?, ?, ?)", (item.source, item.id, item.content)
                )
            case DropFact():
                db.execute("DELETE FROM fact WHERE source = ? AND id = ?", (item.source, item.id))


def of(db: apsw.Connection, source: str) -> list[Fact]:
    """Give all facts of a source, by id."""
    rows = db.execute("SELECT source, id, content FROM fact WHERE source = ? ORDER BY id", (source,))
    return [Fact(*row) for row in rows]


def forget(db: apsw.Connection, source: str) -> None:
    """Drop all facts of a source."""
    db.execute("DELETE FROM fact WHERE source = ?", (source,))
