from hypothesis import given
from hypothesis import strategies as st

from pibridge.intake.instants import first_owed, latest, left_of, owed, owed_of
from pibridge.journal.gaps import AdvanceGap, CloseGap, Gap

SPACING = 10


def gap(start: int, end: int, overlap: int = 0, *, number: int = 1) -> Gap:
    """Give a gap of a tag of the same number."""
    return Gap(number, number, start, end, "test", overlap)


def test_instants_are_whole_multiples_of_the_spacing() -> None:
    """Both ends of a gap are included; the last instant at or before a time is that time or earlier."""
    assert list(owed(gap(10, 30), SPACING)) == [10, 20, 30]
    assert list(owed(gap(11, 29), SPACING)) == [20]
    assert list(owed(gap(11, 19), SPACING)) == []
    assert [latest(moment, SPACING) for moment in (9, 10, 19)] == [0, 10, 10]


def test_what_was_sampled_before_the_gap_is_not_sampled_again() -> None:
    """Up to the overlap nothing is owed: PI sends no neighbours out of order here."""
    assert list(owed(gap(10, 40, overlap=20), SPACING)) == [30, 40]


@given(
    st.lists(st.tuples(st.integers(1, 300), st.integers(1, 300)), min_size=1, max_size=5),
    st.integers(1, 7),
)
def test_window_by_window_every_instant_comes_once(spans: list[tuple[int, int]], most: int) -> None:
    """However long the gaps and how short the windows: all of them, each once, in order."""
    gaps = {number: gap(*span, number=number) for number, span in enumerate(spans)}
    sampled: dict[int, list[int]] = {number: [] for number in gaps}
    while gaps:
        window = first_owed(list(gaps.values()), SPACING, most)
        assert len(window) <= most
        for number, each in list(gaps.items()):
            sampled[number] += owed_of(each, window, SPACING)
            change = left_of(each, window, SPACING)
            if isinstance(change, CloseGap):
                del gaps[number]
            else:
                assert isinstance(change, AdvanceGap)
                gaps[number] = gap(change.start_ticks, spans[number][1], number=number)
    assert sampled == {
        number: [at for at in range(0, 301, SPACING) if start <= at <= end] for number, (start, end) in enumerate(spans)
    }
