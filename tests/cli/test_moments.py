import pytest

from pibridge.cli.moments import ticks_of
from pibridge.errors import ConfigurationError
from pibridge.model import ticks


@pytest.mark.parametrize(
    ("text", "rendered"),
    [
        ("2026-03-01", "2026-03-01T00:00:00.0000000Z"),
        ("2026-03-01T12:00", "2026-03-01T12:00:00.0000000Z"),
        ("2026-03-01T12:00:00Z", "2026-03-01T12:00:00.0000000Z"),
        ("2026-03-01 12:00:00.1234567", "2026-03-01T12:00:00.1234567Z"),
        ("2026-03-01T12:00:00+02:00", "2026-03-01T10:00:00.0000000Z"),
    ],
)
def test_a_time_is_utc_unless_it_says_otherwise(text: str, rendered: str) -> None:
    """A day is its beginning; no digit is lost."""
    assert ticks.render(ticks_of("--at", text)) == rendered


def test_what_is_no_time_is_said() -> None:
    """With the option, and how to write it."""
    with pytest.raises(ConfigurationError, match="--at yesterday: no time; write 2026-03-01"):
        ticks_of("--at", "yesterday")
