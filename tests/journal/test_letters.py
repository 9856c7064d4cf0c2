from itertools import chain
from pathlib import Path
from typing import Any

import apsw
import pytest
from hypothesis import given
from hypothesis import strategies as st

from context.plants import events as any_events
from journal.samples import NOW_S, events
from pibridge.journal import cursors, letters, schema
from pibridge.journal.letters import Count, Counting, DeadLetter, Found, Kept, Wanted
from pibridge.journal.tally import Ledger, Tally
from pibridge.model.event import Event, Lane

PLENTY_BYTES = 1 << 30


def ledger(folder: Path) -> Ledger:
    """Give a new journal in a transaction of its own."""
    return Ledger(schema.open_for_writing(folder, "full"), Tally(), NOW_S)


def letter(seq: int, reason: str = "no", line: bytes = b"{}", event: Event | None = None) -> DeadLetter:
    """Give a dead letter."""
    return DeadLetter(seq, reason, line, event or events(1, first=seq)[0])


def seqs(found: list[Kept]) -> list[int]:
    """Give the positions."""
    return [kept.letter.seq for kept in found]


def test_dead_letters_are_bounded(tmp_path: Path) -> None:
    """The oldest leave when they take too much; the count remembers them."""
    book = ledger(tmp_path)
    cursors.create(book, ("lake", Lane.LIVE), "now")
    for seq in range(1, 1001):
        cursors.advance(book, ("lake", Lane.LIVE), seq, [DeadLetter(seq, "no", b"x" * 100)], 50_000)
    kept = book.db.execute("SELECT seq FROM dead_letter ORDER BY seq").fetchall()
    assert kept[-1] == (1000,)
    assert book.tally.dead_letters == 1000
    assert book.tally.dead_bytes == len(kept) * 166 <= 50_000
    book.db.close()


def test_those_that_are_meant_are_read(tmp_path: Path) -> None:
    """By sink, by a part of the reason in any case, by position, by the time of the refusal, and no later ones."""
    book = ledger(tmp_path)
    later = Ledger(book.db, book.tally, NOW_S + 60)
    letters.add(book, "lake", Lane.LIVE, [letter(1, "Too long: 7"), letter(2, "odd_type"), letter(3, "100%")], 1 << 30)
    letters.add(later, "lake", Lane.HISTORY, [letter(4, "too LONG: 8")], PLENTY_BYTES)
    letters.add(later, "cloud", Lane.LIVE, [letter(5)], PLENTY_BYTES)

    def read(after: int = 0, limit: int = 9, **wanted: Any) -> list[int]:
        return seqs(letters.read(book.db, Wanted(**{"sink": "lake", **wanted}), after, limit))

    assert read() == [1, 2, 3, 4]
    assert read(sink="cloud") == [5]
    assert read(reason="too long") == [1, 4]
    assert read(reason="_") == [2]
    assert read(reason="%") == [3]
    assert read(seqs=(2, 4, 5)) == [2, 4]
    assert read(before_s=int(NOW_S) + 60) == [1, 2, 3]
    assert read(upto=2) == [1, 2]
    assert (read(limit=2), read(after=2)) == ([1, 2], [3, 4])
    (first, *_) = letters.read(book.db, Wanted(sink="lake"), 0, 1)
    assert first == Kept(1, "lake", Lane.LIVE, int(NOW_S), letter(1, "Too long: 7"))
    book.db.close()


@given(sizes=st.lists(st.tuples(st.sampled_from(list(Lane)), st.integers(100, 200_000)), max_size=60))
def test_parts_hold_everything_once(sizes: list[tuple[Lane, int]]) -> None:
    """In order; a part is of one lane, and no larger than a commit can take, if it is more than one letter."""
    found = [Found(i, lane, i, size, is_whole=True) for i, (lane, size) in enumerate(sorted(sizes), 1)]
    cut = list(letters.parts(found))
    assert list(chain.from_iterable(cut)) == found
    assert all(len({each.lane for each in part}) == 1 for part in cut)
    assert all(sum(each.size_bytes for each in part) <= 256 << 10 or len(part) == 1 for part in cut)


def test_no_part_has_too_many() -> None:
    """Small letters go by the thousand, as batches do."""
    found = [Found(i, Lane.LIVE, i, 100, is_whole=True) for i in range(2500)]
    assert [len(part) for part in letters.parts(found)] == [1000, 1000, 500]


@given(any_event=any_events())
def test_on_its_way_a_letter_stays_what_it_is(tmp_path_factory: pytest.TempPathFactory, any_event: Event) -> None:
    """Event, reason, line and number of tries are the same in the queue and, called off, among the dead letters."""
    book = ledger(tmp_path_factory.mktemp("journal"))
    sent = DeadLetter(7, "odd", b'{"seq":7}', any_event, 3)
    letters.add(book, "lake", Lane.LIVE, [sent], PLENTY_BYTES)
    assert letters.move(book, "lake", Lane.LIVE, [1, 99]) == 1
    part = letters.next_part(book.db, "lake")
    assert part is not None
    assert part.letters == [sent]
    assert (book.tally.dead_bytes, letters.next_part(book.db, "cloud")) == (0, None)
    letters.settle(book, part, part.letters, PLENTY_BYTES)
    assert letters.next_part(book.db, "lake") is None
    assert [kept.letter for kept in letters.read(book.db, Wanted(sink="lake"), 0, 9)] == [sent]
    book.db.close()


def test_a_part_is_in_the_order_of_the_journal(tmp_path: Path) -> None:
    """Whatever was refused first: a letter that was refused twice is not behind its successors."""
    book = ledger(tmp_path)
    letters.add(book, "lake", Lane.LIVE, [letter(9), letter(3), letter(5)], PLENTY_BYTES)
    found = letters.find(book.db, Wanted(sink="lake"))
    assert [each.seq for each in found] == [3, 5, 9]
    letters.move(book, "lake", Lane.LIVE, [each.id for each in found])
    part = letters.next_part(book.db, "lake")
    assert part is not None
    assert [each.seq for each in part.letters] == [3, 5, 9]
    book.db.close()


def test_what_is_on_its_way_does_not_grow_old(tmp_path: Path) -> None:
    """Age and size let dead letters go, not what was asked to be sent again."""
    book = ledger(tmp_path)
    letters.add(book, "lake", Lane.LIVE, [letter(1), letter(2)], PLENTY_BYTES)
    letters.move(book, "lake", Lane.LIVE, [1])
    assert letters.forget_old(book) == 1
    assert letters.next_part(book.db, "lake") is not None
    assert book.tally.dead_bytes == 0
    book.db.close()


def test_damage_stops_no_counting(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A page that cannot be read: the counts stay what they were, and the daemon runs on."""
    book, counting = ledger(tmp_path), Counting()
    letters.add(book, "lake", Lane.LIVE, [letter(1)], PLENTY_BYTES)
    before = counting(book.db, book.tally)

    def damaged(_: object) -> dict[str, Count]:
        raise apsw.CorruptError("page 7")

    monkeypatch.setattr(letters, "_kept", damaged)
    letters.add(book, "lake", Lane.LIVE, [letter(2)], PLENTY_BYTES)
    assert counting(book.db, book.tally) == before == {"lake": Count(1, "no")}
    book.db.close()


def test_each_sink_is_counted(tmp_path: Path) -> None:
    """With the reason of its newest letter, and what is on its way again; removed ones count no more."""
    book, counting = ledger(tmp_path), Counting()
    letters.add(book, "lake", Lane.LIVE, [letter(1, "odd"), letter(2, "too long")], PLENTY_BYTES)
    letters.add(book, "cloud", Lane.LIVE, [letter(1), letter(2)], PLENTY_BYTES)
    assert counting(book.db, book.tally) == {"lake": Count(2, "too long"), "cloud": Count(2, "no")}
    letters.remove(book, [2])
    letters.move(book, "cloud", Lane.LIVE, [3, 4])
    assert counting(book.db, book.tally) == {"lake": Count(1, "odd"), "cloud": Count(resending=2)}
    book.db.close()
