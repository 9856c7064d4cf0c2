from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pibridge.model.ticks import PER_SECOND, parse, render
from pibridge.simulator import times

NOW = parse("2024-03-15T10:30:00.5Z")  # a Friday


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("*", "2024-03-15T10:30:00.5000000Z"),
        ("", "2024-03-15T10:30:00.5000000Z"),
        ("*-1d", "2024-03-14T10:30:00.5000000Z"),
        ("* - 1.5h", "2024-03-15T09:00:00.5000000Z"),
        ("'*-30m'", "2024-03-15T10:00:00.5000000Z"),
        ("*+10s", "2024-03-15T10:30:10.5000000Z"),
        ("*-1mo", "2024-02-15T10:30:00.5000000Z"),
        ("t", "2024-03-15T00:00:00.0000000Z"),
        ("Today", "2024-03-15T00:00:00.0000000Z"),
        ("y+8h", "2024-03-14T08:00:00.0000000Z"),
        ("Mon", "2024-03-11T00:00:00.0000000Z"),
        ("friday", "2024-03-15T00:00:00.0000000Z"),
        ("jan", "2024-01-15T00:00:00.0000000Z"),
        ("5", "2024-03-05T00:00:00.0000000Z"),
        ("2020", "2020-03-15T00:00:00.0000000Z"),
        ("10:15", "2024-03-15T10:15:00.0000000Z"),
        ("2024-02-29", "2024-02-29T00:00:00.0000000Z"),
        ("2024-02-29T01:02:03", "2024-02-29T01:02:03.0000000Z"),
        ("2024-01-01T00:00:00.9700012Z", "2024-01-01T00:00:00.9700012Z"),
        ("2024-01-01T00:00:00.1234567", "2024-01-01T00:00:00.1234567Z"),
        ("2024-01-01T00:00:00-05:00", "2024-01-01T05:00:00.0000000Z"),
        ("2024-01-31-1mo", "2023-12-31T00:00:00.0000000Z"),
        ("2024-03-31T00:00:00Z-1mo", "2024-02-29T00:00:00.0000000Z"),
    ],
)
def test_time_strings(text: str, expected: str) -> None:
    """PI's time strings mean what the vendor says."""
    assert render(times.parse(text, NOW)) == expected


@pytest.mark.parametrize(
    "text", ["* 1d", "*-1d+1h", "never", "2024-01-01T00:00:00 00:00", "2024-W01-1", "*-1q", "99", "*-9999999d"]
)
def test_what_is_no_time_is_refused(text: str) -> None:
    """Two operators, a plus that became a space, unknown words are errors."""
    with pytest.raises(ValueError, match=r"."):
        times.parse(text, NOW)


def test_texts_without_a_zone_are_local() -> None:
    """Midnight and bare times are those of the zone asked for."""
    zone = ZoneInfo("America/New_York")
    assert render(times.parse("t", NOW, zone)) == "2024-03-15T04:00:00.0000000Z"
    assert render(times.parse("2024-01-01T00:00:00", NOW, zone)) == "2024-01-01T05:00:00.0000000Z"


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("10s", 10), ("1.5h", 5400), ("2w", 1_209_600), ("250ms", 0.25), ("0:10:00", 600), ("1d", 86400)],
)
def test_intervals(text: str, seconds: float) -> None:
    """A span is a number with a unit, or a clock's text."""
    assert times.parse_interval(text) == seconds * PER_SECOND


def test_an_interval_needs_a_unit() -> None:
    """A bare number is no span."""
    with pytest.raises(ValueError, match="interval"):
        times.parse_interval("10")


@pytest.mark.parametrize(
    ("text", "printed"),
    [
        ("2024-03-15T11:13:00Z", "2024-03-15T11:13:00Z"),
        ("2024-03-15T11:13:49.636033Z", "2024-03-15T11:13:49.636033Z"),
        ("2024-03-15T11:13:00.9700012Z", "2024-03-15T11:13:00.9700012Z"),
        ("2024-03-15T11:10:00.5000000Z", "2024-03-15T11:10:00.5Z"),
    ],
)
def test_printed_times_have_no_trailing_zeros(text: str, printed: str) -> None:
    """0 to 7 digits, as recorded from real servers."""
    assert times.text(parse(text)) == printed


def test_pi_stores_what_was_written_at_97_hundredths_a_little_later() -> None:
    """The grid of 1/65536 s turns .97 into .9700012."""
    assert times.text(times.on_grid(parse("2024-03-15T11:13:00.97Z"))) == "2024-03-15T11:13:00.9700012Z"


@given(st.integers(0, 4 * 10**16))
def test_the_grid_holds_still(ticks: int) -> None:
    """A time on the grid stays; any other moves up by less than one step."""
    stored = times.on_grid(ticks)
    assert times.on_grid(stored) == stored
    assert 0 <= stored - ticks <= PER_SECOND // 65536 + 1
