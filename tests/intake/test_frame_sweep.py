from hypothesis import given
from hypothesis import strategies as st

from pibridge.intake.frame_sweep import DAY, HOUR, Sweep

NOW = 1000 * HOUR


@given(since=st.integers(NOW - 10 * DAY, NOW), found=st.lists(st.integers(0, 10**6), min_size=1))
def test_a_sweep_leaves_no_hole(since: int, found: list[int]) -> None:
    """From where the last look began back to where it is asked for, at least through a day, slice after slice."""
    sweep = Sweep()
    reached = NOW - sweep.width_ticks
    sweep.learn(found[0])
    sweep.begin(reached, NOW)
    sweep.extend(since)
    while (part := sweep.slice()) is not None:
        start, end = part
        assert end == reached
        assert start < end
        reached = start
        is_over = sweep.swept(start)
        assert is_over == (sweep.slice() is None)
        sweep.learn(found[start % len(found)])
    assert reached <= min(since, NOW - DAY)


def test_a_sweep_can_be_asked_to_reach_further() -> None:
    """Events of an earlier time are being read, and want to know their batches."""
    sweep = Sweep()
    sweep.begin(NOW - HOUR, NOW)
    sweep.extend(NOW - 3 * DAY)
    reached = NOW
    while (part := sweep.slice()) is not None:
        reached = part[0]
        sweep.swept(reached)
    assert reached <= NOW - 3 * DAY


def test_many_frames_make_looks_narrow() -> None:
    """Between ten minutes and an hour: PI is asked for thousands of frames at once, not for millions."""
    sweep = Sweep()
    widths = []
    for found in (0, 100, 4000, 10**6):
        sweep.learn(found)
        widths.append(sweep.width_ticks / HOUR)
    assert widths == [1, 1, 0.5, 1 / 6]
