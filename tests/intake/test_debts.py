from collections.abc import Collection, Sequence

from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from pibridge.intake.debts import Debts
from pibridge.journal.gaps import Gap
from pibridge.model import ticks

SECOND = ticks.PER_SECOND
SPACINGS = [None, 5, 7]


def gap(start: int, end: int = 1000, tag: int = 1, number: int = 1) -> Gap:
    """Owe some time of a tag."""
    return Gap(number, tag, start, end, "test")


def debts(*gaps: Gap) -> Debts:
    """Owe these, all of the archive."""
    return Debts((each, None) for each in gaps)


def chosen_by_the_rule(
    gaps: Sequence[tuple[Gap, int | None]], most: int, alone: Sequence[int], busy: Collection[int]
) -> list[Gap]:
    """Choose as `choose` does, looking at each gap."""
    free = [(each, spacing_ticks) for each, spacing_ticks in gaps if each.tag not in busy]
    # Of equal beginnings the smaller tag, of a tag's own the one that was written down first.
    earliest: dict[int, tuple[Gap, int | None]] = {}
    for each, spacing_ticks in sorted(free, key=lambda item: (item[0].start_ticks, item[0].id)):
        earliest.setdefault(each.tag, (each, spacing_ticks))
    by_need = sorted(earliest.values(), key=lambda item: (-item[0].start_ticks, item[0].tag))
    if not by_need:
        return []
    alike = [each for each, spacing_ticks in by_need if spacing_ticks == by_need[0][1]]
    for number in alone:
        if named := [each for each, spacing_ticks in free if (each.id, spacing_ticks) == (number, by_need[0][1])]:
            return named
    length = max(60 * SECOND, (alike[0].end_ticks or 0) - alike[0].start_ticks)
    return [each for each in alike if each.start_ticks >= alike[0].start_ticks - length][:most]


NUMBERS = st.integers(1, 12)
STARTS = st.integers(0, 12).map(lambda minutes: minutes * 20 * SECOND)
CHANGES = st.one_of(
    st.tuples(st.just("put"), NUMBERS, STARTS, st.integers(0, 300)),
    st.tuples(st.just("wait"), NUMBERS, STARTS, st.integers(0, 300)),
    st.tuples(st.just("drop"), NUMBERS, st.just(0), st.just(0)),
)


@given(
    changes=st.lists(CHANGES, max_size=40),
    at_once=st.integers(0, 40),
    most=st.integers(1, 6),
    alone=st.lists(NUMBERS, max_size=2),
    busy=st.sets(st.integers(0, 4), max_size=3),
)
def test_the_choice_is_that_of_the_rule(
    changes: list[tuple[str, int, int, int]], at_once: int, most: int, alone: list[int], busy: set[int]
) -> None:
    """Whatever came, changed and went, in one go or one by one, the same gaps are chosen as by looking at each."""
    payable: dict[int, tuple[Gap, int | None]] = {}
    waiting: dict[int, Gap] = {}
    owed = Debts()
    for place, (what, number, start, length) in enumerate(changes):
        # A number is a gap of one tag; tags of a kind are sampled alike.
        tag = number % 5
        spacing_ticks = SPACINGS[tag % 3]
        changed = gap(start, start + length * SECOND, tag, number)
        payable.pop(number, None)
        waiting.pop(number, None)
        if what == "put":
            payable[number] = changed, spacing_ticks
        elif what == "wait":
            waiting[number] = changed
        if place < at_once:
            owed = Debts(payable.values(), waiting.values())
        elif what == "put":
            owed.put(changed, spacing_ticks)
        elif what == "wait":
            owed.wait(changed)
        else:
            owed.drop(number)
        assert owed.choose(most, alone, busy) == chosen_by_the_rule(list(payable.values()), most, alone, busy)
        starts = [each.start_ticks for each in (*(each for each, _ in payable.values()), *waiting.values())]
        assert (owed.owed, owed.oldest_ticks) == (len(starts), min(starts, default=0))
        assert owed.waiting == waiting


def test_requests_take_gaps_of_similar_age_the_latest_first() -> None:
    """A gap of days does not make a gap of seconds wait, nor is it read along with it."""
    fresh = [gap(1_000_000 * SECOND, 1_000_010 * SECOND, tag, tag) for tag in (1, 2)]
    old = gap(0, 1_000_010 * SECOND, 3, 3)
    assert debts(old, *fresh).choose(10) == fresh
    assert debts(old).choose(10) == [old]
    assert debts().choose(10) == []
    assert len(debts(*(gap(5, 10, tag, tag + 1) for tag in range(20))).choose(10)) == 10


def test_a_tag_reads_its_own_gaps_in_order() -> None:
    """Records of one tag in the history lane come by time."""
    later, earlier = gap(900 * SECOND, 910 * SECOND, 1, 1), gap(100 * SECOND, 110 * SECOND, 1, 2)
    assert debts(later, earlier).choose(10) == [earlier]


def test_a_look_is_chosen_but_not_owed() -> None:
    """It is no debt: only what the journal keeps is counted."""
    look = gap(5, number=-1)
    owed = debts(look)
    assert owed.choose(10) == [look]
    assert list(owed.looks()) == [look]
    assert (owed.owed, owed.oldest_ticks) == (0, 0)


def test_what_has_been_read_in_part_keeps_its_place() -> None:
    """What is left of a gap takes the place of the whole."""
    first, second = gap(0, number=1), gap(500, number=2)
    owed = debts(first, second)
    advanced = replace(first, start_ticks=300)
    owed.put(advanced, None)
    assert owed.choose(10) == [advanced]
    assert owed.drop(1) == advanced
    assert owed.choose(10) == [second]
    assert owed.drop(1) is None
