import math
import struct
from itertools import pairwise
from random import Random

from hypothesis import given
from hypothesis import strategies as st

from pibridge.model.ticks import PER_SECOND
from pibridge.simulator import signals
from pibridge.simulator.samples import NO_DATA, Sample
from pibridge.simulator.times import on_grid


def made(signal: signals.Signal, seed: int, start: int) -> list[Sample]:
    """Give a block."""
    return signal.block(Random(seed), start)  # noqa: S311 - play numbers


STEADY = signals.Measured(PER_SECOND, lambda _: 10.0, 2.0, signals.float32)


@given(st.integers(0, 2**60), st.integers(0, 10**9))
def test_events_lie_in_their_block_in_order_and_on_the_grid(seed: int, number: int) -> None:
    """A block holds its own time only, so that blocks can be made one by one."""
    start = number * PER_SECOND * signals.BLOCK_SLOTS
    times = [sample.ticks for sample in made(STEADY, seed, start)]
    assert times == sorted(times)
    assert start <= times[0]
    assert times[-1] < start + PER_SECOND * signals.BLOCK_SLOTS
    assert all(on_grid(ticks) == ticks for ticks in times)
    assert len(set(times)) == signals.BLOCK_SLOTS


def test_now_and_then_something_is_wrong() -> None:
    """Many blocks hold states, groups at one time, doubtful and annotated values."""
    samples = [sample for seed in range(300) for sample in made(STEADY, seed, seed * 16 * PER_SECOND)]
    assert any(not sample.good and sample.value["IsSystem"] for sample in samples)
    assert any(one.ticks == other.ticks for one, other in pairwise(samples))
    assert any(sample.questionable for sample in samples)
    assert any(sample.annotated for sample in samples)
    assert all(9 <= sample.value <= 11 for sample in samples if sample.good)


def test_single_precision_is_printed_with_nine_digits() -> None:
    """A Float32 reads as PI Web API prints it, and is still the same single."""
    printed = signals.float32(28.915624)
    assert struct.pack("<f", printed) == struct.pack("<f", 28.915624)
    assert len(str(printed).replace(".", "")) <= 9


def test_half_precision_stays_within_its_span() -> None:
    """A Float16 is one of 32768 steps between zero and zero + span."""
    rounded = signals.float16(0, 100)
    assert [rounded(-5), rounded(500)] == [0.0, 100.0]
    assert abs(rounded(33.3) - 33.3) < 100 / 32767


def test_counters_count() -> None:
    """One more a slot, and again from 0 at the modulus."""
    values = [sample.value for sample in made(signals.counter(PER_SECOND, 10), 1, 0) if sample.good]
    assert values[:12] == [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 0, 1]


def test_a_sine_comes_back() -> None:
    """It swings between its bounds and repeats."""
    level = signals.sine(0, 10, 100)
    assert math.isclose(level(25), 10)
    assert math.isclose(level(75), 0, abs_tol=1e-9)
    assert math.isclose(level(125), level(25))


def test_times_as_values() -> None:
    """A time point's value is a text of a time, at a whole multiple."""
    (first, *_) = made(signals.clock_text(60 * PER_SECOND, 86_400 * PER_SECOND), 1, 0)
    assert first.value == "1970-01-01T00:00:00Z"


def test_compression_drops_what_lies_on_a_line() -> None:
    """Of a straight line the archive keeps first and last; a corner is kept too."""
    line = [Sample(at, float(at)) for at in range(10)]
    assert signals.kept(line, 0.1) == [True, *[False] * 8, True]
    corner = [Sample(at, float(min(at, 5))) for at in range(10)]
    assert [at for at, kept in enumerate(signals.kept(corner, 0.1)) if kept] == [0, 5, 9]


def test_compression_keeps_what_is_special() -> None:
    """States, flagged values and groups at one time are archived, as is everything without a deviation."""
    samples = [Sample(0, 1.0), Sample(1, NO_DATA, good=False), Sample(2, 1.0), Sample(2, 1.0), Sample(3, 1.0)]
    assert all(signals.kept(samples, 0.5))
    assert all(signals.kept([Sample(at, 1.0, annotated=at == 2) for at in range(5)], 0.5)[1:4])
    assert all(signals.kept([Sample(at, 1.0) for at in range(5)], 0))


@given(st.lists(st.floats(-100, 100), min_size=3, max_size=40), st.floats(0.1, 20))
def test_what_compression_drops_can_be_drawn_from_what_it_keeps(values: list[float], deviation: float) -> None:
    """A dropped value lies within the deviation of the line between its archived neighbours."""
    samples = [Sample(at, value) for at, value in enumerate(values)]
    keep = signals.kept(samples, deviation)
    archived = [sample for sample, kept in zip(samples, keep, strict=True) if kept]
    for before, after in pairwise(archived):
        for at in range(before.ticks + 1, after.ticks):
            drawn = before.value + (after.value - before.value) * (at - before.ticks) / (after.ticks - before.ticks)
            assert abs(drawn - values[at]) <= deviation + 1e-6
