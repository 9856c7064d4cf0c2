from hypothesis import given
from hypothesis import strategies as st

from pibridge.model.event import BAD, DELETE, ERROR, UPDATE, Event
from pibridge.status.curve import Dot, curve, thinned
from status.stage import NOW, SECOND

NOW_S = NOW / SECOND


def test_a_curve_is_in_order_of_time() -> None:
    """Of one time the later event counts, a deletion is no value, what is bad breaks it, a state counts by its code."""
    events = [
        Event(1, NOW + SECOND, 2.0),
        Event(1, NOW, 1.0),
        Event(1, NOW, 1.5, UPDATE),
        Event(1, NOW + 2 * SECOND, "no", ERROR | BAD),
        Event(1, NOW + 3 * SECOND, {"Name": "On", "Value": 1, "IsSystem": False}),
        Event(1, NOW + 4 * SECOND, 9.0, DELETE),
        Event(1, NOW + 5 * SECOND, {"Name": "Bad Input", "Value": 255, "IsSystem": True}),
    ]
    expected = [(NOW_S, 1.5), (NOW_S + 1, 2.0), (NOW_S + 2, None), (NOW_S + 3, 1.0), (NOW_S + 5, None)]
    assert curve(events, text=False, most=100) == expected


dots = st.lists(
    st.tuples(st.floats(0, 1e6), st.none() | st.floats(-1e6, 1e6)), max_size=300, unique_by=lambda dot: dot[0]
).map(sorted)


@given(dots, st.integers(4, 100))
def test_thinning_keeps_every_peak(known: list[Dot], most: int) -> None:
    """Ends, least and greatest values stay, the order too, and nothing is made up."""
    kept = thinned(known, most)
    assert set(kept) <= set(known)
    assert kept == sorted(kept, key=lambda dot: dot[0])
    assert len(kept) <= max(most, 4 * (most // 4 + 1))
    assert kept[:1] + kept[-1:] == known[:1] + known[-1:]
    numbers = [value for _, value in known if value is not None]
    if numbers:
        left = [value for _, value in kept if value is not None]
        assert (min(left), max(left)) == (min(numbers), max(numbers))
