from collections import Counter
from contextlib import closing
from pathlib import Path

import pytest

from audit.sights import ALL, counted, seen, sight
from delivery.shelves import Shelf, opened
from inspection.scenes import delivered, loaded
from journal.samples import NOW, raw
from pibridge.delivery.verdict import Verdict
from pibridge.journal.reader import JournalReader
from pibridge.model.event import Event, Lane


async def test_of_what_is_meant_all_is_seen_in_order(tmp_path: Path) -> None:
    """Of these tags and this time, both ends included, of both lanes; what is held comes last."""
    told = loaded(tmp_path)
    async with opened(tmp_path) as dock:
        dock.journal.hold({2})
        await dock.journal.commit(Lane.LIVE, [Event(1, NOW + i, i) for i in range(5)], NOW)
        dock.journal.append([Event(2, NOW + 1, 7), Event(2, NOW + 9, 8)], NOW)
        await dock.journal.commit(Lane.HISTORY, [Event(1, NOW + 2, 9), Event(3, NOW, 1)], NOW + 5)
        with sight(dock, told) as journaled:
            found = journaled.read({1, 2}, NOW + 1, NOW + 3)
            assert journaled.counts(NOW + 1, NOW + 3) == Counter({1: 4})
            assert journaled.counts(NOW, NOW) == Counter({1: 1, 3: 1})
    assert [(each.seq, each.lane, each.event.value) for each in found.seen[1]] == [
        (2, "live", 1),
        (3, "live", 2),
        (4, "live", 3),
        (6, "history", 9),
    ]
    assert found.seen[1][-1].arrived_ticks == NOW + 5
    assert [(each.seq, each.event.value) for each in found.seen[2]] == [(None, 7)]
    assert set(found.seen) == {1, 2}


async def test_what_leaves_the_held_ones_meanwhile_is_seen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """They get their place between two reads: twice seen is as good as once, and never is not."""
    told = loaded(tmp_path)
    async with opened(tmp_path) as dock:
        dock.journal.hold({2})
        dock.journal.append([Event(2, NOW, 7)], NOW)
        await dock.journal.flush()
        (held,) = JournalReader.open(tmp_path).held()
        first = [[held]]
        monkeypatch.setattr(JournalReader, "held", lambda _: first.pop() if first else [])
        dock.journal.hold(())
        await dock.journal.commit(Lane.LIVE, held.events, NOW)
        assert [each.event.value for each in seen(dock, told, 2).seen[2]] == [7, 7]


async def test_how_far_sinks_are_is_learned_again(tmp_path: Path) -> None:
    """Each audit counts with what they have acknowledged by then."""
    told = loaded(tmp_path)
    async with opened(tmp_path) as dock:
        await dock.journal.commit(Lane.LIVE, [Event(1, NOW, 1)], NOW)
        with sight(dock, told) as journaled:
            assert journaled.read({1}, -ALL, ALL).sinks["lake"].verdicts == {Verdict.NOT_BEGUN: 1}
            await delivered(dock, told, Shelf())
            journaled.refresh()
            assert journaled.read({1}, -ALL, ALL).sinks["lake"].verdicts == {Verdict.DELIVERED: 1}
        assert counted(dock, told)[0].verdicts == {Verdict.DELIVERED: 1}


async def test_records_are_given_by_their_positions(tmp_path: Path) -> None:
    """But for those that are kept no longer; and however many of these there are, it ends."""
    told = loaded(tmp_path)
    async with opened(tmp_path) as dock:
        for first in (0, 5, 10):
            await dock.journal.commit(Lane.LIVE, [Event(1, NOW + first + i, first + i) for i in range(5)], NOW)
    with closing(raw(tmp_path)) as db:
        db.execute("DELETE FROM chunk WHERE seq = 6")
    async with opened(tmp_path) as dock:
        with sight(dock, told) as journaled:
            found = journaled.records([1, 2, 5, 6, 7, 10, 11, 15, 99])
            assert [record.seq for record in found] == [1, 2, 5, 11, 15]
            assert [record.event.value for record in found] == [0, 1, 4, 10, 14]
            assert journaled.records([]) == []
