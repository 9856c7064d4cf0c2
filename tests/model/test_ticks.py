from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pibridge.model import ticks

MOMENTS = st.integers(ticks.parse("0001-01-01T00:00:00Z"), ticks.FOREVER)


@given(MOMENTS)
def test_every_tick_survives_being_written_and_read(moment: int) -> None:
    """No tick of any year that PI knows is lost."""
    assert ticks.parse(ticks.render(moment)) == moment


@given(st.lists(MOMENTS))
def test_many_are_written_as_each_is(moments: list[int]) -> None:
    """All at once is quicker, and the same, before 1970 too."""
    assert ticks.render_all(moments) == [ticks.render(moment) for moment in moments]
    assert ticks.render_all([abs(moment) for moment in moments]) == [ticks.render(abs(moment)) for moment in moments]


@given(MOMENTS)
def test_trailing_zeros_of_the_fraction_do_not_matter(moment: int) -> None:
    """PI trims the zeros of fractions; the time stays the same."""
    assert ticks.parse(ticks.render(moment).rstrip("Z").rstrip("0").rstrip(".") + "Z") == moment


@given(st.datetimes(datetime(1900, 1, 1), datetime(2200, 1, 1), timezones=st.just(UTC)))  # noqa: DTZ001 - hypothesis adds the zone
def test_agrees_with_datetime(moment: datetime) -> None:
    """To the microsecond, the standard library says the same."""
    assert (
        ticks.parse(moment.isoformat()) == (moment - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1) * 10
    )


def test_reads_what_pi_was_seen_to_write() -> None:
    """Recorded answers have 0, 6 and 7 digits."""
    assert ticks.render(ticks.parse("2025-01-22T11:13:00Z")) == "2025-01-22T11:13:00.0000000Z"
    assert ticks.render(ticks.parse("2025-10-01T20:28:49.636033Z")) == "2025-10-01T20:28:49.6360330Z"
    assert ticks.render(ticks.parse("2022-03-19T08:34:00.9700012Z")) == "2022-03-19T08:34:00.9700012Z"
    assert ticks.render(ticks.parse("2022-03-19T10:34:00.9700012+02:00")) == "2022-03-19T08:34:00.9700012Z"


@pytest.mark.parametrize(
    "text",
    ["", "yesterday", "2022-03-19T08:34:00", "2022-13-19T08:34:00Z", "2022-03-19T08:34:00.x7Z"],
)
def test_what_is_no_time_is_an_error(text: str) -> None:
    """A text without a zone or a date is never guessed at."""
    with pytest.raises(ValueError, match=r"."):
        ticks.parse(text)


def test_the_day_is_that_of_utc() -> None:
    """Partitions are by UTC day."""
    assert ticks.day(ticks.parse("2022-03-19T23:59:59.9999999Z")) == "2022-03-19"
    assert ticks.day(ticks.parse("2022-03-20T00:00:00Z")) == "2022-03-20"
