import pytest

from pibridge.cli.moments import moment
from pibridge.errors import ConfigurationError
from pibridge.model import ticks

NOW = ticks.parse("2026-03-08T12:00:00Z")


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("7d", "2026-03-01T12:00:00Z"),
        ("90m", "2026-03-08T10:30:00Z"),
        ("2026-03-01", "2026-03-01T00:00:00Z"),
        ("2026-03-01T06:00", "2026-03-01T06:00:00Z"),
        ("2026-03-01T12:00:00.1234567Z", "2026-03-01T12:00:00.1234567Z"),
        ("2026-03-01T12:00:00+02:00", "2026-03-01T10:00:00Z"),
    ],
)
def test_a_time_is_a_moment_or_how_long_ago(text: str, meant: str) -> None:
    """ISO with or without a zone, which is UTC then, and with all of PI's digits; or a duration."""
    assert moment("--from", text, NOW) == ticks.parse(meant)


@pytest.mark.parametrize("text", ["yesterday", "", "7 parsecs", "2026-13-01", "12"])
def test_what_is_no_time_is_said(text: str) -> None:
    """With the option, and how to write it."""
    with pytest.raises(ConfigurationError) as error:
        moment("--from", text, NOW)
    assert error.value.problems[0].startswith(f"--from {text}: no time; write ")
