from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from journal.samples import NOW, events, opened, tags
from pibridge.journal import schema
from pibridge.journal.gaps import NewGap
from pibridge.journal.reader import JournalReader
from pibridge.journal.tags import Description, TagBook, insert, join, load, load_joined
from pibridge.model.event import Lane


def test_numbers_are_given_once() -> None:
    """New tags get the next numbers, also when one is named twice; known and unchanged ones cost nothing."""
    book = TagBook()
    one, two, three = tags(3)
    numbers, changed = book.changes([one, two, one])
    assert (numbers, changed) == ([1, 2, 1], [(1, one), (2, two)])
    for number, tag in changed:
        book.add(Description(number, 0, tag))
    assert book.changes([two, three]) == ([2, 3], [(3, three)])
    assert book.changes([one, two]) == ([1, 2], [])


def test_paths_do_not_care_about_case() -> None:
    """The same path in other letters is the same tag."""
    book = TagBook()
    (tag,) = tags(1)
    book.add(Description(1, 0, tag))
    assert book.changes([replace(tag, path=tag.path.lower())])[0] == [1]


@given(st.lists(st.integers(1, 1000), unique=True, min_size=1, max_size=8), st.integers(0, 1001))
def test_a_description_is_valid_until_the_next(since: list[int], seq: int) -> None:
    """At each position the latest version that began there or before counts; before all of them, the first."""
    book = TagBook()
    (tag,) = tags(1)
    starts = [0, *sorted(since)]
    for start in starts:
        book.add(Description(1, start, replace(tag, unit=str(start))))
    assert book.tag(1, seq).unit == str(max(start for start in starts if start <= seq))


def test_unknown_numbers_are_errors() -> None:
    """A number that was never given is no tag."""
    with pytest.raises(KeyError):
        TagBook().tag(1, 1)


def test_versions_and_joinings_are_kept(tmp_path: Path) -> None:
    """What was stored is read back; who has joined keeps the earliest time."""
    db = schema.open_for_writing(tmp_path, "full")
    (tag,) = tags(1)
    insert(db, [Description(1, 0, tag), Description(1, 50, replace(tag, unit="K"))])
    join(db, [1, 2], 100)
    join(db, [2, 3, 4], 200)
    join(db, [4], 150)
    book = load(db)
    assert (book.tag(1, 49).unit, book.tag(1, 50).unit) == ("bar", "K")
    assert load_joined(db) == {1: 100, 2: 100, 3: 200, 4: 150}
    db.close()


async def test_numbers_survive_a_restart(tmp_path: Path) -> None:
    """A tag has one number for ever, and its versions stay apart."""
    async with opened(tmp_path) as journal:
        assert await journal.describe(tags(5)) == [1, 2, 3, 4, 5]
        await journal.join([1, 2], 10)
    async with opened(tmp_path) as journal:
        assert await journal.describe(list(reversed(tags(6)))) == [6, 5, 4, 3, 2, 1]
        assert journal.number(tags(4)[3].key) == 4
        assert (journal.joined(2), journal.joined(3)) == (10, None)


async def test_who_has_parted_is_new_when_it_comes_back(tmp_path: Path) -> None:
    """Since when it is owed is forgotten, and so is a gap without an end; what was missed before stays a debt."""
    async with opened(tmp_path) as journal:
        await journal.describe(tags(2))
        await journal.join([1, 2], 10)
        await journal.open_gaps([NewGap(1, 20, 30, "down"), NewGap(1, 40, None, "left"), NewGap(2, 40, None, "down")])
        await journal.part([1])
        assert journal.owed() == {2: 10}
    async with opened(tmp_path) as journal:
        assert (journal.joined(1), journal.joined(2)) == (None, 10)
        assert [(gap.tag, gap.start_ticks, gap.end_ticks) for gap in await journal.gaps()] == [
            (1, 20, 30),
            (2, 40, None),
        ]
        await journal.join([1], 50)
        assert journal.joined(1) == 50


def test_all_descriptions_are_a_copy() -> None:
    """The newest of each tag, by number; what is described later does not change the list that was given."""
    book = TagBook()
    first, second = tags(2)
    book.add(Description(1, 0, first))
    known = book.all_latest()
    book.add(Description(2, 0, second))
    assert known == [first]
    assert book.all_latest() == [first, second]


async def test_a_new_description_is_noticed(tmp_path: Path) -> None:
    """Of a new tag, or of one that is another now."""
    async with opened(tmp_path) as journal:
        reader = JournalReader.open(tmp_path)
        before = reader.tags_version()
        assert reader.tags_version() == before
        await journal.commit(Lane.LIVE, events(1), NOW)
        await journal.describe(tags(1, unit="mbar"))
        changed = reader.tags_version()
        await journal.describe(tags(4))
        assert len({before, changed, reader.tags_version()}) == 3
        reader.close()
