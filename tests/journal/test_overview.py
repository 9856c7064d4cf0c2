from pathlib import Path

import pytest

from journal.samples import NOW, NOW_S, Clock, events, opened, size_bytes
from pibridge.journal import schema
from pibridge.journal.gaps import NewGap
from pibridge.journal.letters import Count, DeadLetter
from pibridge.journal.overview import Gaps, Overview, SinkLane, load
from pibridge.model.event import Event, Lane

MAX_BYTES = 16 << 20


def look(folder: Path, now_s: float) -> Overview:
    """Read the overview of a journal."""
    db = schema.open_for_reading(folder)
    try:
        return load(db, folder, MAX_BYTES, now_s)
    finally:
        db.close()


async def test_it_tells_what_is_there(tmp_path: Path) -> None:
    """Sizes, ages, how far each sink is in each lane, gaps, dead letters and held events, beside the daemon."""
    clock = Clock()
    async with opened(tmp_path, clock=clock) as journal:
        for lane in Lane:
            await journal.cursor("lake", lane)
        await journal.commit(Lane.LIVE, events(50), NOW)
        clock.now_s += 100
        await journal.commit(Lane.HISTORY, events(20), NOW)
        await journal.commit(Lane.LIVE, events(30), NOW)
        await journal.advance("lake", Lane.LIVE, 60, [DeadLetter(3, "too long", b"{}", Event(1, NOW, 1))])
        await journal.open_gaps([NewGap(1, NOW + 5, None, "lost"), NewGap(2, NOW, NOW + 9, "backfill")])
        journal.hold({3})
        journal.append([Event(3, NOW, 1)], NOW)
        await journal.flush()
        found = look(tmp_path, NOW_S + 200)
        assert (found.folder_bytes, found.max_bytes) == (size_bytes(tmp_path), MAX_BYTES)
        assert (found.tags, found.events, found.chunks, found.held) == (3, 100, 3, 1)
        assert (found.oldest_seq, found.newest_seq) == (1, 100)
        assert (found.first_stored_s, found.last_stored_s) == (NOW_S, NOW_S + 100)
        assert found.stored == {Lane.LIVE: 80, Lane.HISTORY: 20}
        assert found.sinks == {
            "lake": {Lane.HISTORY: SinkLane(0, 20, int(NOW_S) + 100), Lane.LIVE: SinkLane(60, 30, int(NOW_S) + 100)}
        }
        assert found.gaps == Gaps(2, 2, 1, NOW, {"lost": 1, "backfill": 1})
        assert found.dead_letters == {"lake": Count(1, "too long")}
        assert (found.damaged_chunks, found.dropped_events) == (0, 0)


async def test_the_runway_follows_from_the_last_hour(tmp_path: Path) -> None:
    """What is owed counts against the room, what is delivered does not; without an inflow there is no telling."""
    clock = Clock()
    async with opened(tmp_path, clock=clock) as journal:
        await journal.cursor("lake", Lane.LIVE)
        assert look(tmp_path, NOW_S).runway_s is None
        for minute in range(120):
            await journal.commit(Lane.LIVE, events(600, first=600 * minute), NOW)
            clock.now_s += 60
        owed = look(tmp_path, clock.now_s)
        assert owed.events_per_s == pytest.approx(10, rel=0.02)
        await journal.advance("lake", Lane.LIVE, 600 * 120)
        free = look(tmp_path, clock.now_s)
        assert owed.runway_s is not None
        assert free.runway_s is not None
        assert free.runway_s - owed.runway_s == pytest.approx(600 * 120 / owed.events_per_s, rel=0.01)
        assert look(tmp_path, clock.now_s + 9000).runway_s is None


async def test_an_empty_journal_has_an_overview(tmp_path: Path) -> None:
    """Nothing is kept, nothing waits."""
    async with opened(tmp_path):
        found = look(tmp_path, NOW_S)
    assert (found.events, found.chunks, found.first_stored_s, found.last_stored_s) == (0, 0, None, None)
    assert (found.oldest_seq, found.newest_seq) == (1, 0)
