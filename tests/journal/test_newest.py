from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from journal.samples import NOW, events, opened
from pibridge.journal import newest, schema
from pibridge.journal.newest import PAGE_TAGS, Last, Newest, NewestPages
from pibridge.model.event import Event, Lane


@given(st.lists(st.tuples(st.integers(1, 3), st.integers(0, 5)), max_size=30))
def test_the_newest_is_the_latest_by_time_then_by_arrival(told: list[tuple[int, int]]) -> None:
    """Late data do not count as news; of equal times the later arrival does."""
    known = Newest()
    known.grow(3)
    for arrived, (tag, ticks) in enumerate(told):
        known.take([Event(tag, ticks, arrived)], arrived)
    for tag in (1, 2, 3):
        of_tag = [(ticks, arrived) for arrived, (number, ticks) in enumerate(told) if number == tag]
        expected = max(of_tag, default=None)
        assert known.last(tag) == (expected and Last(expected[0], expected[1], expected[1]))


def test_pages_bring_back_what_was_known(tmp_path: Path) -> None:
    """All tags come back from the pages; a page that did not change is not written again."""
    db = schema.open_for_writing(tmp_path, "full")
    count = 2 * PAGE_TAGS
    known, pages = Newest(), NewestPages()
    known.grow(count)
    known.take([Event(tag, tag, {"tag": tag}) for tag in range(1, count + 1, 2)], 7)
    pages.store(db, known.snapshot())
    written = db.total_changes()
    known.take([Event(1, 5000, "new")], 8)
    pages.store(db, known.snapshot())
    assert db.total_changes() - written <= 2
    back, whole = newest.load(db, count)
    assert whole
    assert [back.last(tag) for tag in range(count + 2)] == [known.last(tag) for tag in range(count + 2)]
    db.close()


def test_a_chunk_that_goes_leaves_its_newest_events(tmp_path: Path) -> None:
    """Later events are taken into the pages, known and unknown tags alike; earlier ones change nothing."""
    db = schema.open_for_writing(tmp_path, "full")
    known = Newest()
    known.grow(2)
    known.take([Event(1, 5, "old"), Event(2, 50, "late")], 5)
    NewestPages().store(db, known.snapshot())
    far = PAGE_TAGS + 1
    newest.fold(db, [Event(1, 6, "new"), Event(2, 6, "early"), Event(far, 6, "first")], 7)
    back, whole = newest.load(db, far)
    assert whole
    assert [back.last(tag) for tag in (1, 2, far)] == [Last(6, "new", 7), Last(50, "late", 5), Last(6, "first", 7)]
    db.execute("UPDATE newest SET crc = crc + 1")
    newest.fold(db, [Event(1, 7, "newer")], 8)
    assert newest.load(db, 1)[1] is False, "what is damaged is not made to look whole"
    db.close()


def test_a_damaged_page_is_noticed(tmp_path: Path) -> None:
    """Then what is kept of the journal has to be read instead."""
    db = schema.open_for_writing(tmp_path, "full")
    known = Newest()
    known.grow(1)
    known.take([Event(1, 5, 5)], 5)
    NewestPages().store(db, known.snapshot())
    db.execute("UPDATE newest SET payload = zeroblob(20)")
    assert newest.load(db, 1)[1] is False
    db.close()


async def test_the_newest_events_survive_a_restart(tmp_path: Path) -> None:
    """Both lanes count, appended events at once; after a restart all are known again."""
    async with opened(tmp_path) as journal:
        journal.append(events(10), NOW)
        assert journal.last(1) == Last(NOW + 9, 9, NOW)
        await journal.commit(Lane.HISTORY, events(5, tag=2), NOW + 1)
        assert journal.last(2) == Last(NOW + 4, 4, NOW + 1)
        assert journal.last(3) is None
    async with opened(tmp_path) as journal:
        assert journal.last(1) == Last(NOW + 9, 9, NOW)
        assert journal.last(2) == Last(NOW + 4, 4, NOW + 1)
        assert journal.last(3) is None
