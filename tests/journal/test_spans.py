from hypothesis import given
from hypothesis import strategies as st

from pibridge.journal.spans import ANY_TIME, Spans


def test_what_lies_behind_a_position_is_told() -> None:
    """A chunk counts whole while any of it lies there; at the end there is nothing."""
    spans = Spans(5)
    assert (spans.behind(4), spans.behind(5)) == (ANY_TIME, None)
    spans.add(10, (30, 40))
    assert spans.behind(5) == (30, 40)
    spans.add(20, (10, 35))
    assert [spans.behind(seq) for seq in (4, 5, 9, 10, 19, 20)] == [
        ANY_TIME,
        (10, 40),
        (10, 40),
        (10, 35),
        (10, 35),
        None,
    ]


def test_what_is_gone_is_not_ahead() -> None:
    """Who has read to the end says so: what was removed, or is damaged, is waited for by nobody."""
    spans = Spans(5)
    spans.add(10, (30, 40))
    spans.add(20, (10, 35))
    assert spans.behind(3) == ANY_TIME
    spans.end(10)
    assert (spans.behind(9), spans.behind(10)) == ((30, 40), None)
    spans.end(3)
    assert spans.behind(3) is None


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)), max_size=40), st.integers(0, 40))
def test_what_is_far_back_may_be_of_any_time(told: list[tuple[int, int]], seq: int) -> None:
    """So many are remembered as are asked for; nothing is ever left out."""
    spans = Spans(0, most=4)
    for last_seq, (first, length) in enumerate(told, 1):
        spans.add(last_seq, (first, first + length))
    found, expected = spans.behind(seq), told[seq:]
    if not expected:
        assert found is None
    else:
        exact = min(first for first, _ in expected), max(sum(each) for each in expected)
        assert found in {exact, ANY_TIME}
        assert found == exact or len(expected) >= 2
