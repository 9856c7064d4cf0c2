from email.utils import formatdate

from hypothesis import given
from hypothesis import strategies as st

from pibridge.model import ticks
from pibridge.pi.server_clock import ServerClock

PI_MINUS_OURS_S = 1_700_000_000.3


class Ours:
    """Our monotonic clock."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        """Give the time."""
        return self.now


def test_before_the_first_answer_the_clock_is_ours() -> None:
    """Without an answer our own time is the best there is."""
    assert ServerClock(our_time=lambda: 5.5).ticks() == 5.5 * ticks.PER_SECOND


@given(st.lists(st.tuples(st.floats(0.01, 100), st.floats(0, 0.5), st.floats(0, 0.5)), min_size=1))
def test_the_clock_is_right_to_a_second(answers: list[tuple[float, float, float]]) -> None:
    """Whatever the delays on the way, PI's time is known to a second or so, and it goes on between answers."""
    ours = Ours()
    clock = ServerClock(ours)
    for pause, there, back in answers:
        ours.now += pause
        sent = ours.now
        date = formatdate(int(PI_MINUS_OURS_S + sent + there), usegmt=True)
        ours.now += there + back
        clock.observe(date, sent, ours.now)
    ours.now += 3600
    assert abs(clock.ticks() / ticks.PER_SECOND - (PI_MINUS_OURS_S + ours.now)) <= 1.01


def test_a_clock_that_is_set_is_followed() -> None:
    """When PI's clock jumps, the next answer counts."""
    ours = Ours()
    clock = ServerClock(ours)
    clock.observe(formatdate(2_000_000_000, usegmt=True), ours.now, ours.now)
    clock.observe(formatdate(1_000_000_000, usegmt=True), ours.now, ours.now)
    assert abs(clock.ticks() / ticks.PER_SECOND - 1_000_000_000) <= 1


def test_nonsense_is_ignored() -> None:
    """An answer without a readable date changes nothing."""
    clock = ServerClock(our_time=lambda: 1)
    for date in ("", "yesterday"):
        clock.observe(date, 0, 0)
    assert clock.ticks() == ticks.PER_SECOND
