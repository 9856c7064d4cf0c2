"""How a journal is, as it lies on the disk: read beside a daemon or without one, whoever asks."""

from bisect import bisect_left
from collections import Counter
from pathlib import Path
from typing import Final

import apsw
from msgspec import Struct

from pibridge.journal import chunks, cursors, gaps, schema, tally
from pibridge.journal.cursors import Key
from pibridge.journal.letters import Count, Counting
from pibridge.journal.quota import Quota, used_bytes
from pibridge.model.event import Lane

_RATE_S: Final = 3600
"""The time over which the inflow is measured."""
_SHORTEST_S: Final = 60
"""Over less than that it says nothing."""


class SinkLane(Struct, frozen=True):
    """How far a sink is in a lane: acknowledged up to position `seq`, with `lag_events` behind it.

    `waiting_since_s`: Unix time since when the first of them is on disk; None: nothing waits.
    """

    seq: int
    lag_events: int
    waiting_since_s: int | None


class Gaps(Struct, frozen=True):
    """What was not read yet. `tags`: of how many; `open`: without an end, for nothing tells of these tags now.

    `first_ticks`: since when. `reasons`: how many for each.
    """

    gaps: int
    tags: int
    open: int
    first_ticks: int | None
    reasons: dict[str, int]


class Overview(Struct, frozen=True):
    """All files together have `folder_bytes`; `max_bytes` are configured.

    Of the file, `used_bytes` are in use, and `free_bytes` are empty pages, which `compact` gives back. `stored`: events
    ever stored, by lane. `first_stored_s`, `last_stored_s`: Unix times at which the oldest and the newest chunk that is
    kept came to disk. `events_per_s`: came in during the last hour. `runway_s`: how long that can go on while no sink
    takes anything; None: not enough is known, or nothing comes. `held`: events that wait for their context.
    `dead_letters`: by sink.
    """

    folder_bytes: int
    max_bytes: int
    used_bytes: int
    free_bytes: int
    tags: int
    events: int
    chunks: int
    stored: dict[Lane, int]
    oldest_seq: int
    newest_seq: int
    first_stored_s: int | None
    last_stored_s: int | None
    events_per_s: float
    runway_s: float | None
    sinks: dict[str, dict[Lane, SinkLane]]
    gaps: Gaps
    dead_letters: dict[str, Count]
    held: int
    damaged_chunks: int
    dropped_events: int


def load(db: apsw.Connection, folder: Path, max_bytes: int, now_s: float) -> Overview:
    """Look at a journal, in short reads that each see it a moment later. `max_bytes`: as it is configured."""
    found = cursors.load(db)
    counts = tally.load(db)
    oldest = chunks.oldest(db) or counts.next_seq
    tags = _number(db, "SELECT count(DISTINCT number) FROM tag")
    rate = _events_per_s(db, oldest, counts.next_seq, now_s)
    used = used_bytes(db)
    return Overview(
        folder_bytes=sum(file.stat().st_size for file in folder.rglob("*") if file.is_file()),
        max_bytes=max_bytes,
        used_bytes=used,
        free_bytes=int(db.pragma("freelist_count")) * schema.PAGE_BYTES,
        tags=tags,
        events=counts.events,
        chunks=_number(db, "SELECT count(*) FROM chunk INDEXED BY chunk_span"),
        stored={lane: counts.stored(lane) for lane in Lane},
        oldest_seq=oldest,
        newest_seq=counts.next_seq - 1,
        first_stored_s=_stored_s(db, oldest),
        last_stored_s=_stored_s(db, _number(db, "SELECT max(seq) FROM chunk")),
        events_per_s=rate,
        runway_s=_runway_s(Quota(max_bytes).data_bytes(tags), used, counts.events, _owed_events(db, found), rate),
        sinks=_sinks(db, found, {lane: counts.stored(lane) for lane in Lane}),
        gaps=_gaps(db),
        dead_letters=Counting()(db, counts),
        held=_number(db, "SELECT sum(events) FROM held"),
        damaged_chunks=counts.damaged_chunks,
        dropped_events=counts.dropped_events,
    )


def _number(db: apsw.Connection, question: str) -> int:
    answer: int | None = db.execute(question).get
    return answer or 0


def _stored_s(db: apsw.Connection, seq: int) -> int | None:
    found: int | None = db.execute("SELECT stored_s FROM chunk WHERE seq >= ? ORDER BY seq LIMIT 1", (seq,)).get
    return found


def stored_s_of(db: apsw.Connection, seq: int) -> int:
    """Give when the chunk was stored that holds a position, or the one before a hole."""
    found = db.execute("SELECT stored_s FROM chunk WHERE seq <= ? ORDER BY seq DESC LIMIT 1", (seq,))
    return int(found.get or 0)


def _sinks(
    db: apsw.Connection, found: dict[Key, cursors.Cursor], stored: dict[Lane, int]
) -> dict[str, dict[Lane, SinkLane]]:
    sinks: dict[str, dict[Lane, SinkLane]] = {}
    for (sink, lane), cursor in sorted(found.items()):
        behind = max(0, stored[lane] - cursor.passed)
        since_s = _waiting_since_s(db, lane, cursor.seq) if behind else None
        sinks.setdefault(sink, {})[lane] = SinkLane(cursor.seq, behind, since_s)
    return sinks


def _waiting_since_s(db: apsw.Connection, lane: Lane, after: int) -> int | None:
    # The first may end before that place.
    for seq in chunks.positions(db, lane, after, 2):
        row = db.execute("SELECT stored_s FROM chunk WHERE seq = ? AND seq + events > ?", (seq, after + 1))
        found: int | None = row.get
        if found is not None:
            return found
    return None


def _owed_events(db: apsw.Connection, found: dict[Key, cursors.Cursor]) -> int:
    """Give how many events are kept because some sink has not acknowledged them."""
    owed = 0
    for lane in Lane:
        first = min((cursor.seq for (_, its), cursor in found.items() if its is lane), default=None)
        if first is not None:
            behind = "SELECT sum(events) FROM chunk INDEXED BY chunk_lane WHERE lane = ? AND seq > ?"
            owed += db.execute(behind, (lane.value, first)).get or 0
    return owed


def _events_per_s(db: apsw.Connection, oldest: int, next_seq: int, now_s: float) -> float:
    """Give the inflow of the last hour. Chunks are stored in the order of time: the place is found by halving."""
    since_s = now_s - _RATE_S
    begin_s = max(since_s, _stored_s(db, oldest) or now_s)
    if now_s - begin_s < _SHORTEST_S:
        return 0.0
    places = range(oldest, next_seq)
    start = oldest + bisect_left(places, begin_s, key=lambda seq: stored_s_of(db, seq))
    return max(0.0, (next_seq - start) / (now_s - begin_s))


def _runway_s(room_bytes: int, used: int, events: int, owed_events: int, events_per_s: float) -> float | None:
    if not events or events_per_s <= 0:
        return None
    event_bytes = used / events  # with its share of all tables and indexes
    return max(0.0, (room_bytes / event_bytes - owed_events) / events_per_s)


def _gaps(db: apsw.Connection) -> Gaps:
    found = gaps.unpaid(db)
    return Gaps(
        gaps=len(found),
        tags=len({gap.tag for gap in found}),
        open=sum(gap.end_ticks is None for gap in found),
        first_ticks=min((gap.start_ticks for gap in found), default=None),
        reasons=dict(Counter(gap.reason for gap in found).most_common()),
    )
