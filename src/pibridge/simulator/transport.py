"""What stands before the service, as HTTP.sys does: limits of the URL, identity, rate, forgery defence."""

import base64
import binascii
import secrets
from collections.abc import Mapping
from http import HTTPStatus
from typing import Final, NamedTuple
from urllib.parse import unquote

from pibridge.simulator.negotiate import verify
from pibridge.simulator.settings import SimulatorSettings

REQUEST_MOST_BYTES: Final = 16_384
SEGMENT_MOST_CHARACTERS: Final = 260


def html(title: str, text: str) -> str:
    """Give a page as HTTP.sys writes it."""
    return (
        '<!DOCTYPE HTML PUBLIC "-//W3C//DTD HTML 4.01//EN""http://www.w3.org/TR/html4/strict.dtd">\r\n'
        f"<HTML><HEAD><TITLE>{title}</TITLE></HEAD><BODY><h2>{title}</h2><hr><p>{text}</p></BODY></HTML>"
    )


def limit(target: str, headers: Mapping[str, str]) -> str | None:
    """Give the page that refuses a request too long, None if it may pass. `target`: the URL as it was sent."""
    size = len(target) + sum(len(name) + len(value) + 4 for name, value in headers.items())
    if size > REQUEST_MOST_BYTES:
        return html("Bad Request - Request Too Long", "HTTP Error 400. The size of the request headers is too long.")
    if any(len(unquote(segment)) > SEGMENT_MOST_CHARACTERS for segment in target.partition("?")[0].split("/")):
        return html("Bad Request - Invalid URL", "HTTP Error 400. The request URL is invalid.")
    return None


class RefusedIdentityError(Exception):
    """Nobody the service knows."""


class Identity(NamedTuple):
    """Who asks, None where anonymous access is on; and what the `WWW-Authenticate` of the answer proves to him."""

    user: str | None
    challenge: str = ""


def identify(settings: SimulatorSettings, password: str | None, authorization: str, *, channel: bool) -> Identity:
    """Give who asks. `password`: valid in place of all others, if not None. `channel`: to open one.

    Raises RefusedIdentityError.
    """
    if not settings.users and settings.tokens is None and settings.keytab is None:
        return Identity(None)
    method, _, credentials = authorization.partition(" ")
    match method.lower():
        case "basic":
            return Identity(_by_password(settings, password, credentials))
        case "bearer" if settings.bearer_on_channels or not channel:
            if user := (settings.tokens or {}).get(credentials):
                return Identity(user)
        case "negotiate" if settings.keytab is not None and (found := verify(settings.keytab, credentials)):
            return Identity(*found)
    raise RefusedIdentityError


def _by_password(settings: SimulatorSettings, password: str | None, credentials: str) -> str:
    try:
        user, _, given = base64.b64decode(credentials, validate=True).decode("latin-1").partition(":")
    except binascii.Error as error:
        raise RefusedIdentityError from error
    expected = settings.users.get(user)
    if expected is None or not secrets.compare_digest((password or expected).encode(), given.encode()):
        raise RefusedIdentityError
    return user


class RateLimit:
    """How many requests a client may make in one second."""

    def __init__(self, most: int | None) -> None:
        self._most = most
        self._second = 0
        self._counts: dict[str, int] = {}

    def admits(self, client: str, second: int) -> bool:
        """Count a request of this client and say whether it may pass."""
        if self._most is None:
            return True
        if second != self._second:
            self._second, self._counts = second, {}
        self._counts[client] = self._counts.get(client, 0) + 1
        return self._counts[client] <= self._most


def status_body(status: HTTPStatus) -> tuple[str, dict[str, list[str]] | str]:
    """Give content type and body that go with a status out of the blue."""
    if status is HTTPStatus.UNAUTHORIZED:
        return "text/html", ""
    if status is HTTPStatus.SERVICE_UNAVAILABLE:
        return "text/html", html("Service Unavailable", "HTTP Error 503. The service is unavailable.")
    if status is HTTPStatus.TOO_MANY_REQUESTS:
        return "application/json", {"Errors": ["Rate limit was reached"]}
    return "application/json", {"Errors": [status.phrase]}
