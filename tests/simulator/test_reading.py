import pytest

from pibridge.model.ticks import PER_SECOND
from pibridge.simulator.plant import Plant
from pibridge.simulator.reading import Boundary, Range, Reader, StaticError, Stream, stream_of
from pibridge.simulator.samples import CALC_FAILED, NO_DATA, Sample
from pibridge.simulator.tree import Attribute
from simulator.bench import NOW

HOUR = 3600 * PER_SECOND
EMPTY = NOW - 10 * HOUR
"""Where `plant` has these values on NEW.Tag only."""


@pytest.fixture
def plant() -> Plant:
    """Give a plant with four known values on a point that has no other."""
    plant = Plant(clock=lambda: NOW)
    for offset, value in ((10, 1.0), (20, 3.0), (30, NO_DATA), (40, 5.0)):
        good = not isinstance(value, dict)
        plant.insert("NEW.Tag", Sample(EMPTY + offset * PER_SECOND, value, good=good))
    return plant


def stream(plant: Plant, name: str) -> Stream:
    """Give a point's stream, or an attribute's of R1."""
    attribute = plant.find("Ab", rf"\\AF1\Plant\Area1\R1|{name}")
    return stream_of(attribute if isinstance(attribute, Attribute) else plant.point(name))


def recorded(plant: Plant, start: int, end: int, boundary: Boundary = Boundary.INSIDE, most: int = 9) -> list[float]:
    """Give the offsets of the recorded values between two offsets, in seconds."""
    span = Range(EMPTY + start * PER_SECOND, EMPTY + end * PER_SECOND, most, boundary)
    found = Reader(plant, NOW).recorded(stream(plant, "NEW.Tag"), span)
    return [(sample.ticks - EMPTY) / PER_SECOND for sample in found]


def test_both_ends_are_inside(plant: Plant) -> None:
    """A value exactly at an end is returned, forwards and backwards."""
    assert recorded(plant, 10, 30) == [10, 20, 30]
    assert recorded(plant, 30, 10) == [30, 20, 10]


def test_what_is_too_much_is_cut_without_a_sign(plant: Plant) -> None:
    """The first values in the direction of time are given."""
    assert recorded(plant, 0, 50, most=2) == [10, 20]
    assert recorded(plant, 50, 0, most=2) == [40, 30]


def test_boundaries(plant: Plant) -> None:
    """Outside adds the neighbours, Interpolated makes values up at the ends, neither where there is one already."""
    assert recorded(plant, 15, 35, Boundary.OUTSIDE) == [10, 20, 30, 40]
    assert recorded(plant, 35, 15, Boundary.OUTSIDE) == [40, 30, 20, 10]
    assert recorded(plant, 10, 20, Boundary.OUTSIDE) == [10, 20]
    assert recorded(plant, 15, 35, Boundary.INTERPOLATED) == [15, 20, 30, 35]


def test_between_two_values_lies_a_line(plant: Plant) -> None:
    """A value is interpolated; next to a state the last one holds; after the last too, but not into the future."""
    reader, tag = Reader(plant, NOW), stream(plant, "NEW.Tag")
    values = [reader.at(tag, EMPTY + offset * PER_SECOND).value for offset in (10, 15, 25, 35, 45)]
    assert values == [1.0, 2.0, 3.0, NO_DATA, 5.0]
    assert reader.at(tag, NOW + 1).value == NO_DATA
    assert reader.at(tag, 0).value == NO_DATA


def test_steps_are_not_interpolated() -> None:
    """A digital state holds until the next."""
    plant = Plant(clock=lambda: NOW)
    tag = stream(plant, "R1.State")
    before, after = plant.archive("R1.State", NOW - HOUR, NOW, NOW)[:2]
    assert Reader(plant, NOW).at(tag, (before.ticks + after.ticks) // 2).value == before.value


@pytest.mark.parametrize(
    ("mode", "offset", "expected"),
    [
        ("Auto", 15, 10),
        ("AtOrBefore", 20, 20),
        ("Before", 20, 10),
        ("AtOrAfter", 20, 20),
        ("After", 20, 30),
        ("Exact", 20, 20),
        ("Exact", 21, None),
    ],
)
def test_retrieval_modes(plant: Plant, mode: str, offset: int, expected: int | None) -> None:
    """Each mode finds the value that its name says."""
    found = Reader(plant, NOW).nearest(stream(plant, "NEW.Tag"), EMPTY + offset * PER_SECOND, mode)
    assert (found and (found.ticks - EMPTY) / PER_SECOND) == expected


def test_formulas_compute_and_fail(plant: Plant) -> None:
    """A formula turns numbers into numbers and states into Calc Failed."""
    fahrenheit = stream(plant, "Temperature F")
    assert fahrenheit.seen(Sample(0, 100.0)).value == 212.0
    assert fahrenheit.seen(Sample(0, NO_DATA, good=False)).value == CALC_FAILED


def test_static_attributes_have_a_value_but_no_history(plant: Plant) -> None:
    """Their value stands at 1970; the archive of it is an error."""
    capacity = stream(plant, "Capacity")
    reader = Reader(plant, NOW)
    assert reader.current(capacity) == reader.at(capacity, NOW) == reader.end(capacity) == Sample(0, 12.5)
    with pytest.raises(StaticError):
        reader.recorded(capacity, Range(0, NOW))


def test_the_end_of_a_forecast_lies_ahead(plant: Plant) -> None:
    """Value is what holds now, end is the last there is."""
    reader, forecast = Reader(plant, NOW), stream(plant, "PLAN.Demand")
    assert reader.current(forecast).ticks <= NOW < reader.end(forecast).ticks


def test_summaries_weigh_by_time(plant: Plant) -> None:
    """Each value counts for as long as it held; states do not count."""
    reader, tag = Reader(plant, NOW), stream(plant, "NEW.Tag")
    span = Range(EMPTY + 10 * PER_SECOND, EMPTY + 50 * PER_SECOND)
    expected = {"Average": 3.0, "Minimum": 1.0, "Maximum": 5.0, "Range": 4.0, "Count": 4, "PercentGood": 75.0}
    assert {kind: reader.summary(tag, span, kind).value for kind in expected} == expected
    assert reader.summary(tag, span, "Total").value == pytest.approx(3.0 * 30 / 86400)
    assert reader.summary(tag, span, "StdDev").value == pytest.approx((8 / 3) ** 0.5)
    assert reader.summary(tag, Range(NOW - 9 * HOUR - 1, NOW - 9 * HOUR), "Average").value == 5.0


def test_a_plot_keeps_the_extremes(plant: Plant) -> None:
    """Of each interval first, last, lowest, highest and first bad value are kept, each once."""
    found = Reader(plant, NOW).plot(stream(plant, "NEW.Tag"), Range(EMPTY, EMPTY + 50 * PER_SECOND), 1)
    assert [sample.value for sample in found] == [1.0, NO_DATA, 5.0]
    busy = Reader(plant, NOW).plot(stream(plant, "R1.Temperature"), Range(NOW - HOUR, NOW), 4)
    assert 8 <= len(busy) <= 25
