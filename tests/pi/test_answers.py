import pytest
from hypothesis import given
from hypothesis import strategies as st

from pibridge.errors import (
    PIBridgeError,
    RejectedError,
    ThrottledError,
    TooMuchError,
    UnauthorizedError,
    UnavailableError,
)
from pibridge.pi.answers import error_of, readable, refusal

TOO_MUCH = b'{"Errors":["Parameter \'maxCount\' is greater than the maximum allowed (150000)."]}'


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (400, b'{"Errors":["bad"]}', RejectedError),
        (400, TOO_MUCH, TooMuchError),
        (400, b"<html><title>Bad Request - Invalid URL</title></html>", RejectedError),
        (401, b"", UnauthorizedError),
        (403, b"", UnauthorizedError),
        (404, b'{"Message":"No HTTP resource was found"}', RejectedError),
        (409, b'{"Errors":["static"]}', RejectedError),
        (408, b"", UnavailableError),
        (429, b"Rate limit was reached", ThrottledError),
        (500, b"", UnavailableError),
        (501, b"", RejectedError),
        (502, b"", UnavailableError),
        (503, b"<html>Service Unavailable</html>", UnavailableError),
    ],
)
def test_a_status_is_one_kind_of_error(status: int, body: bytes, kind: type[PIBridgeError]) -> None:
    """What a caller does about an answer follows from its status, and for too many values from its text."""
    error = error_of(status, body)
    assert type(error) is kind
    assert str(status) in str(error)


def test_pi_is_quoted() -> None:
    """The error says what was asked and what PI said."""
    error = error_of(404, b'{"Errors":["PI Point not found.","Really."]}', about="GET /points")
    assert str(error) == "PI answered 404 to GET /points: PI Point not found.; Really."


def test_html_is_reduced_to_its_title() -> None:
    """A page of the web server is quoted by its title alone."""
    page = b"<HTML><HEAD><TITLE>Request\nToo Long</TITLE></HEAD><BODY>lots</BODY></HTML>"
    assert str(error_of(400, page)) == "PI answered 400: Request Too Long"


def test_a_refusal_says_what_to_do() -> None:
    """401 points to the credentials, and keeps its status."""
    error = error_of(401, b"")
    assert isinstance(error, UnauthorizedError)
    assert error.status == 401
    assert "pi.auth" in error.hint


def test_a_status_that_is_no_refusal_is_unavailable() -> None:
    """A WebException with an odd status is still an error."""
    assert type(refusal(0, [])) is UnavailableError
    assert type(refusal(200, ["late failure"])) is UnavailableError


@given(st.integers(300, 599), st.binary())
def test_any_body_makes_an_error(status: int, body: bytes) -> None:
    """Whatever the body, the status decides, and the text stays one line."""
    error = error_of(status, body)
    assert "\n" not in str(error)
    assert len(str(error)) < 600


def test_long_texts_are_cut() -> None:
    """The server's text is one line of at most 300 characters."""
    assert readable(" a\r\n\tb\x00c ") == "a b c"
    assert len(readable("x" * 1000)) == 300
