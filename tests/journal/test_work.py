from collections.abc import Iterator
from pathlib import Path

import pytest

from journal.samples import NOW, NOW_S, events
from pibridge.journal import chunks, held, schema
from pibridge.journal.chunks import Rows
from pibridge.journal.codec import Packer
from pibridge.journal.facts import Fact
from pibridge.journal.jobs import Store
from pibridge.journal.tally import Ledger, Tally
from pibridge.journal.work import Work
from pibridge.model.event import Lane


@pytest.fixture
def work(tmp_path: Path) -> Iterator[Work]:
    """Give work on a new journal."""
    db = schema.open_for_writing(tmp_path, "normal")
    ledger = Ledger(db, Tally(), NOW_S)
    yield Work(ledger, Rows(ledger), has_room=True)
    db.close()


def packed(store: Store) -> Store:
    """Pack it."""
    store.packed = Packer().pack(store.events)
    return store


def test_stores_of_both_lanes_follow_one_another(work: Work) -> None:
    """Each knows its first position at once; the chunks are in the table when the rows are written."""
    stores = [packed(Store(lane, events(4500), NOW)) for lane in (Lane.LIVE, Lane.HISTORY, Lane.LIVE)]
    for store in stores:
        work.store(store)
    assert [store.first_seq for store in stores] == [1, 4501, 9001]
    assert work.settled.stored == stores
    assert chunks.oldest(work.ledger.db) is None
    work.rows.write()
    assert [chunks.positions(work.ledger.db, lane, 0, 9) for lane in Lane] == [
        [1, 1501, 3001, 9001, 10501, 12001],
        [4501, 6001, 7501],
    ]


def test_what_is_held_gets_no_position(work: Work) -> None:
    """It waits beside the chunks until it is placed."""
    waiting, following = packed(Store(Lane.LIVE, events(3), NOW, holds=True)), packed(Store(Lane.LIVE, events(2), NOW))
    work.store(waiting)
    work.store(following)
    assert (len(waiting.held_ids), following.first_seq) == (1, 1)
    assert held.count(work.ledger.db) == 3


def test_what_changes_with_events_is_changed_with_them(work: Work) -> None:
    """A fact that comes with events is kept in the same transaction."""
    work.store(packed(Store(Lane.HISTORY, events(1), NOW, changes=(Fact("frames", "a", b"content"),))))
    assert work.ledger.db.execute("SELECT source, id, content FROM fact").fetchall() == [("frames", "a", b"content")]
