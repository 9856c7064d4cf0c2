"""Gaps: what was not read yet. A debt that survives restarts."""

import json
from collections.abc import Collection, Iterable, Sequence

import apsw
from msgspec import Struct


class Gap(Struct, frozen=True):
    """A time range in which a tag was not read. `end_ticks` None: still disconnected.

    `overlap_ticks`: up to here it was read, and is read again only because PI sends neighbours out of order.
    """

    id: int
    tag: int
    start_ticks: int
    end_ticks: int | None
    reason: str
    overlap_ticks: int = 0


class NewGap(Struct, frozen=True):
    """A gap to be written down."""

    tag: int
    start_ticks: int
    end_ticks: int | None
    reason: str
    overlap_ticks: int = 0


class AdvanceGap(Struct, frozen=True):
    """A gap has been read up to `start_ticks`; the rest is still owed."""

    id: int
    start_ticks: int


class CloseGap(Struct, frozen=True):
    """A gap has been read to its end."""

    id: int


GapChange = AdvanceGap | CloseGap


def insert(db: apsw.Connection, gaps: Iterable[NewGap]) -> None:
    """Write gaps down. A tag that already has a gap without an end keeps that one, with the earlier start."""
    db.executemany(
        """INSERT INTO gap (tag, start_ticks, end_ticks, reason, overlap_ticks) VALUES (?, ?, ?, ?, ?)
           ON CONFLICT (tag) WHERE end_ticks IS NULL
           DO UPDATE SET start_ticks = min(start_ticks, excluded.start_ticks),
                         overlap_ticks = min(overlap_ticks, excluded.overlap_ticks)""",
        ((gap.tag, gap.start_ticks, gap.end_ticks, gap.reason, gap.overlap_ticks) for gap in gaps),
    )


def end(db: apsw.Connection, tags: Sequence[int], end_ticks: int) -> None:
    """Give the gaps of these tags that have no end yet theirs."""
    db.executemany(
        "UPDATE gap SET end_ticks = max(start_ticks, ?) WHERE tag = ? AND end_ticks IS NULL",
        ((end_ticks, tag) for tag in tags),
    )


def change(db: apsw.Connection, changes: Iterable[GapChange]) -> None:
    """Note what has been read of gaps."""
    for item in changes:
        match item:
            case AdvanceGap(id=gap_id, start_ticks=start_ticks):
                db.execute("UPDATE gap SET start_ticks = ? WHERE id = ?", (start_ticks, gap_id))
            case CloseGap(id=gap_id):
                db.execute("DELETE FROM gap WHERE id = ?", (gap_id,))


def count(db: apsw.Connection) -> int:
    """Give how many gaps there are, also those that have no end yet."""
    found: int = db.execute("SELECT count(*) FROM gap").get
    return found


def unpaid(db: apsw.Connection, tags: Collection[int] | None = None) -> list[Gap]:
    """Give all gaps, or those of these tags, by tag and start."""
    rows = db.execute(
        """SELECT id, tag, start_ticks, end_ticks, reason, overlap_ticks FROM gap
           WHERE ?1 IS NULL OR tag IN (SELECT value FROM json_each(?1)) ORDER BY tag, start_ticks""",
        (None if tags is None else json.dumps(sorted(tags)),),
    )
    return [Gap(*row) for row in rows]
