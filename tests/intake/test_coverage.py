from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from pibridge.context.choice import Choice
from pibridge.intake.coverage import Coverage, without
from pibridge.journal.backfill import Backfill
from pibridge.journal.gaps import Gap, NewGap
from pibridge.journal.replay import State
from pibridge.model import ticks

SPANS = st.tuples(st.integers(0, 30), st.integers(0, 30)).map(lambda pair: (min(pair), max(pair)))


def asked(start: int, *, again: bool = False, numbers: tuple[int, ...] = (), end: int = 0) -> Backfill:
    """Give a backfill."""
    return Backfill(
        id="b", kind="backfill", choice=Choice(start_ticks=start), made_s=0, again=again, numbers=numbers, end_ticks=end
    )


def moments(*spans: tuple[int, int]) -> set[int]:
    """Give each tick of some spans."""
    return {moment for start, end in spans for moment in range(start, end + 1)}


@given(SPANS, st.lists(SPANS, max_size=6))
def test_what_is_left_is_each_moment_that_nothing_covers(span: tuple[int, int], covered: list[tuple[int, int]]) -> None:
    """In the order of time, without overlaps, and nothing outside."""
    left = without(span, covered)
    assert moments(*left) == moments(span) - moments(*covered)
    assert left == sorted(left)
    assert sum(end - start + 1 for start, end in left) == len(moments(*left))


@given(
    SPANS,
    st.none() | st.integers(1, 30),
    st.lists(SPANS, max_size=3),
    st.lists(SPANS, max_size=3),
    st.integers(0, 30),
    st.booleans(),
)
def test_nothing_is_owed_that_was_read_or_is_about_to_be(  # noqa: PLR0913, PLR0917 - all that coverage knows
    span: tuple[int, int],
    joined: int | None,
    unpaid: list[tuple[int, int]],
    earlier: list[tuple[int, int]],
    trimmed: int,
    again: bool,  # noqa: FBT001 - drawn
) -> None:
    """Read: since the tag joined, or by a backfill. With `again`, of that only what the journal still holds."""
    done = [
        Backfill(
            id=f"b{i}",
            kind="backfill",
            choice=Choice(start_ticks=start),
            made_s=0,
            state="done",
            begun=True,
            numbers=(1,),
            end_ticks=end,
        )
        for i, (start, end) in enumerate(earlier)
    ]
    gaps = [Gap(i, 1, start, end, "test") for i, (start, end) in enumerate(unpaid)]
    coverage = Coverage.of({} if joined is None else {1: joined}, gaps, done, trimmed)
    read = moments(*earlier) | (set() if joined is None else set(range(joined, 31)))
    if again and trimmed:
        read = {moment for moment in read if moment > trimmed}
    expected = moments(span) - read - moments(*unpaid)
    assert moments(*coverage.owed(1, span, again=again)) == expected


STATES = st.sampled_from(["running", "paused", "done", "cancelled"])


@given(st.none() | st.integers(1, 30), st.lists(SPANS, max_size=3), st.lists(st.tuples(SPANS, STATES), max_size=4))
def test_what_a_backfill_has_read_so_far_counts(
    joined: int | None, unpaid: list[tuple[int, int]], asked_for: list[tuple[tuple[int, int], State]]
) -> None:
    """But for its gaps, and for one that was cancelled; of a tag that is read no longer nothing counts."""
    backfills = [
        replace(asked(start, numbers=(1,), end=end), begun=True, state=state) for (start, end), state in asked_for
    ]
    gaps = [Gap(i, 1, start, end, "test") for i, (start, end) in enumerate(unpaid)]
    coverage = Coverage.of({} if joined is None else {1: joined}, gaps, backfills, 0)
    kept = moments(*(span for span, state in asked_for if state != "cancelled")) - moments(*unpaid)
    found = coverage.spans_within(1, 2, 25)
    if joined is None:
        assert found == []
    else:
        assert moments(*found) == (kept | set(range(joined, 31))) & set(range(2, 26))
    assert all(one[1] + 1 < other[0] for one, other in pairwise(found))


def test_what_has_not_begun_has_read_nothing() -> None:
    """Nor is it known of which tags it will."""
    assert Coverage.of({1: 50}, [], [asked(10, numbers=(1,), end=20)], 0).spans(1) == [(50, ticks.FOREVER)]


def test_a_gap_without_an_end_covers_all_that_follows() -> None:
    """It is read when its channel is back."""
    coverage = Coverage.of({}, [Gap(1, 1, 20, None, "test")], [], 0)
    assert coverage.owed(1, (10, ticks.FOREVER), again=False) == [(10, 19)]


def test_each_tag_gets_its_own_gaps() -> None:
    """With the backfill as their reason; there are none of a time that ends before it begins."""
    coverage = Coverage.of({1: 50, 2: 30}, [], [], 0)
    assert coverage.gaps(asked(10), [1, 2, 3], 40) == [
        NewGap(1, 10, 40, "backfill b"),
        NewGap(2, 10, 29, "backfill b"),
        NewGap(3, 10, 40, "backfill b"),
    ]
    assert coverage.gaps(asked(10), [1], 9) == []


def test_tags_that_are_read_without_a_break_since_its_start_join_there() -> None:
    """Others have a hole between what was asked for and what was read."""
    coverage = Coverage.of({1: 50, 2: 51, 3: 52, 4: 10}, [], [], 0)
    assert coverage.reached(asked(10, numbers=(1, 2, 3, 4, 5), end=50)) == [1, 2]
