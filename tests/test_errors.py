import pytest

from pibridge import errors


def test_an_error_says_what_to_do_next() -> None:
    """The hint stands behind the message, and alone for who shows it elsewhere."""
    error = errors.UnavailableError("the door is closed", hint="knock")
    assert str(error) == "the door is closed (knock)"
    assert error.hint == "knock"
    assert str(errors.UnavailableError("the door is closed")) == "the door is closed"


def test_problems_of_the_configuration_are_lines() -> None:
    """All of them, one a line."""
    error = errors.ConfigurationError(["site: missing", "pi.url: missing"])
    assert str(error).splitlines() == error.problems == ["site: missing", "pi.url: missing"]


@pytest.mark.parametrize(
    ("kind", "means"),
    [
        (errors.ThrottledError, errors.UnavailableError),
        (errors.TooMuchError, errors.RejectedError),
        (errors.JournalFullError, errors.JournalError),
        (errors.JournalLockedError, errors.JournalError),
    ],
)
def test_who_handles_the_general_case_handles_the_special(kind: type, means: type) -> None:
    """A caller that keeps and retries what is unavailable does so when throttled, too."""
    assert issubclass(kind, means)
    assert issubclass(kind, errors.PIBridgeError)
