import base64
from http import HTTPStatus
from typing import Any

import pytest

from pibridge.simulator import SimulatorSettings, transport

USERS = SimulatorSettings(users={r"CORP\svc": "pass:word"})


def basic(text: str) -> str:
    """Give the header of Basic credentials."""
    return "Basic " + base64.b64encode(text.encode()).decode()


def who(settings: SimulatorSettings, authorization: str, password: str | None = None, *, channel: bool = False) -> Any:
    """Give whom the service takes somebody for."""
    return transport.identify(settings, password, authorization, channel=channel).user


def test_known_users_are_let_in() -> None:
    """Name and password of Basic; nobody is asked where there are no users."""
    assert who(USERS, basic(r"CORP\svc:pass:word")) == r"CORP\svc"
    assert who(SimulatorSettings(), "") is None
    assert who(USERS, basic(r"CORP\svc:new"), "new") == r"CORP\svc"


def test_known_tokens_are_let_in() -> None:
    """A token stands for a name, as long as it is known; channels may take none."""
    tokens = {"abc": "connector"}
    assert who(SimulatorSettings(tokens=tokens), "Bearer abc", channel=True) == "connector"
    strict = SimulatorSettings(tokens=tokens, bearer_on_channels=False)
    assert who(strict, "Bearer abc") == "connector"
    with pytest.raises(transport.RefusedIdentityError):
        who(strict, "Bearer abc", channel=True)
    del tokens["abc"]
    with pytest.raises(transport.RefusedIdentityError):
        who(strict, "Bearer abc")


@pytest.mark.parametrize(
    ("password", "authorization"),
    [
        (None, ""),
        (None, "Negotiate abc"),
        (None, "Bearer abc"),
        (None, "Basic ???"),
        (None, basic(r"CORP\svc:wrong")),
        (None, basic("other:pass:word")),
        ("new", basic(r"CORP\svc:pass:word")),
    ],
)
def test_others_are_not(password: str | None, authorization: str) -> None:
    """No, wrong, malformed or outdated credentials are refused."""
    with pytest.raises(transport.RefusedIdentityError):
        who(USERS, authorization, password)


def test_long_requests_are_refused_as_html() -> None:
    """16 KiB for line and headers together, 260 characters for one segment, any length below that."""
    assert transport.limit("/piwebapi/streamsets/value?webId=" + "A" * 16_000, {}) is None
    assert "Request Too Long" in (transport.limit("/x?" + "A" * 16_000, {"Authorization": "B" * 400}) or "")
    assert "Invalid URL" in (transport.limit(f"/piwebapi/streams/{'A' * 261}/value", {}) or "")
    assert transport.limit(f"/piwebapi/streams/{'A' * 260}/value", {}) is None


def test_the_rate_is_counted_by_client_and_second() -> None:
    """What is over the limit is refused until the next second; others are not touched."""
    limit = transport.RateLimit(2)
    assert [limit.admits("a", 1) for _ in range(3)] == [True, True, False]
    assert limit.admits("b", 1)
    assert limit.admits("a", 2)
    assert all(transport.RateLimit(None).admits("a", 1) for _ in range(100))


def test_bodies_out_of_the_blue() -> None:
    """401 is empty, 503 is a page, the others are JSON."""
    assert transport.status_body(HTTPStatus.UNAUTHORIZED)[1] == ""
    assert transport.status_body(HTTPStatus.SERVICE_UNAVAILABLE)[0] == "text/html"
    assert transport.status_body(HTTPStatus.TOO_MANY_REQUESTS)[1] == {"Errors": ["Rate limit was reached"]}
    assert transport.status_body(HTTPStatus.FORBIDDEN)[1] == {"Errors": ["Forbidden"]}
