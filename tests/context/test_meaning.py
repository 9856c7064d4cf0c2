from hypothesis import given
from hypothesis import strategies as st

from context.plants import NO_DATA, events
from pibridge.context.meaning import meaning, quality
from pibridge.model.event import BAD, Event


@given(events(), st.booleans())
def test_the_quick_quality_is_the_quality(event: Event, text: bool) -> None:  # noqa: FBT001 - given by hypothesis
    """Filters judge by the same quality that the record tells."""
    assert quality(event, text=text) == meaning(event, text=text).quality


@given(events(), st.booleans())
def test_what_pi_calls_bad_is_never_better(event: Event, text: bool) -> None:  # noqa: FBT001 - given by hypothesis
    """Nothing turns a value that is not good into a good one."""
    if event.status & BAD:
        assert meaning(event, text=text).quality == "bad"


def test_a_system_state_is_no_measurement_even_if_pi_calls_it_good() -> None:
    """Sites mark states as good now and then."""
    assert meaning(Event(1, 0, NO_DATA), text=False).quality == "bad"


def test_an_object_of_unknown_shape_is_an_error_that_shows_it() -> None:
    """What is neither state nor error object is not guessed at."""
    assert meaning(Event(1, 0, {"X": 1}), text=False).error == 'not a value: {"X":1}'
