from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from context.plants import values
from pibridge.audit.fingerprints import NONE, Fingerprint, of
from pibridge.model.event import BAD, Event

EVENTS = st.lists(st.builds(Event, st.just(1), st.integers(0, 5), values()), max_size=8)


@given(EVENTS, EVENTS, st.randoms())
def test_parts_add_up_in_any_order(some: list[Event], more: list[Event], chance: Any) -> None:
    """What the whole has is the sum of its parts, and what is taken away leaves the rest."""
    mixed = [*some, *more]
    chance.shuffle(mixed)
    assert of(mixed) == of(some) + of(more)
    assert of(mixed) - of(more) == of(some)
    assert of(mixed) - of(mixed) == NONE


@given(st.integers(-(2**53), 2**53))
def test_a_number_is_the_same_with_and_without_a_fraction(number: int) -> None:
    """PI writes 5 or 5.0 by the type of the point."""
    assert of([Event(1, 7, number)]) == of([Event(1, 7, float(number))])


def test_another_time_value_or_count_is_another_one() -> None:
    """Quality is none of it; equal values at one time count."""
    one = of([Event(1, 7, 5)])
    assert of([Event(1, 7, 5, BAD)]) == one
    assert len({one, of([Event(1, 8, 5)]), of([Event(1, 7, 6)]), of([Event(1, 7, "5")]), of([Event(1, 7, 5)] * 2)}) == 5
    assert of([Event(1, 7, {"a": 1, "b": 2})]) == of([Event(1, 7, {"b": 2, "a": 1})])
    assert of([Event(1, 7, 1e300)]).count == 1
    assert of([]) == NONE == Fingerprint()
