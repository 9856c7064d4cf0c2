"""Where tokens are fetched with client credentials (OAuth 2.0, RFC 6749)."""

import math
import ssl
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Final, TypeVar
from urllib.parse import quote_plus, urlsplit

import aiohttp
import msgspec

from pibridge.errors import PIBridgeError, UnauthorizedError, UnavailableError
from pibridge.pi.addresses import web_address
from pibridge.pi.failures import unanswered
from pibridge.pi.settings import BearerSettings, PiSettings

T = TypeVar("T")

_MARGIN_S: Final = 60.0
"""How long before its end a token is renewed; of a short life a fifth."""
_DISCOVERY: Final = "/.well-known/openid-configuration"
_BASIC: Final = "client_secret_basic"
_CHECK: Final = "check pi.auth.token_url if it stays so"
_WRITE: Final = "write pi.auth.token_url if it stays so"
_REFUSED: Final = {HTTPStatus.BAD_REQUEST, HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}
_ERRORS: Final = {
    "invalid_client": "check pi.auth.client_id and pi.auth.client_secret",
    "invalid_scope": "check pi.auth.scope",
    "unauthorized_client": "allow this client the grant client_credentials at the identity server",
    "unsupported_grant_type": "the identity server must offer the grant client_credentials",
    "invalid_request": "check pi.auth.token_url",
    "invalid_grant": "check the client at the identity server",
}
"""The errors of RFC 6749. Nothing else of a refusing answer is told: it may repeat what was sent."""


@dataclass(frozen=True)
class Token:
    """An access token. `renew_at`, `expires_at`: by the clock of who asked; a server that says nothing: never."""

    text: str = field(repr=False)
    renew_at: float
    expires_at: float


class _Answer(msgspec.Struct):
    access_token: str
    token_type: str = "Bearer"  # noqa: S105 - the name of a scheme
    expires_in: float | None = None


class _Refusal(msgspec.Struct):
    error: str = ""


class _Discovered(msgspec.Struct):
    token_endpoint: str = ""
    token_endpoint_auth_methods_supported: tuple[str, ...] = (_BASIC,)


class TokenEndpoint:
    """Fetches tokens from `pi.auth.token_url`, or from where PI Web API says that they are given."""

    def __init__(self, settings: PiSettings, auth: BearerSettings, ssl_context: ssl.SSLContext) -> None:
        self._discovery = settings.url + _DISCOVERY
        self._url = auth.token_url
        self._scope = auth.scope
        self._allow_insecure = settings.allow_insecure
        self._ssl = ssl_context
        self._timeout = aiohttp.ClientTimeout(
            total=settings.timeouts.read, sock_connect=settings.timeouts.connect, sock_read=settings.timeouts.read
        )

    async def fetch(self, client_id: str, client_secret: str, now: float) -> Token:
        """Fetch a token. `now`: by the clock that is to say when it expires.

        Raises UnavailableError, and UnauthorizedError: the client is refused, its account may get locked.
        """
        # Fetching is rare: a session of its own leaves nothing to close.
        async with aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(ssl=self._ssl),
            timeout=self._timeout,
            headers={"Accept": "application/json"},
            cookie_jar=aiohttp.DummyCookieJar(),
        ) as session:
            url, methods = await self._place(session)
            form = {"grant_type": "client_credentials"} | ({"scope": self._scope} if self._scope else {})
            headers = {}
            if _BASIC in methods:
                pair = f"{quote_plus(client_id)}:{quote_plus(client_secret)}"
                headers["Authorization"] = "Basic " + b64encode(pair.encode()).decode()
            else:
                form |= {"client_id": client_id, "client_secret": client_secret}
            status, body = await _ask(session, "POST", url, data=form, headers=headers)
        if status != HTTPStatus.OK:
            raise _refusal(status, body, url)
        return _token(_read(body, _Answer, url), now, url)

    async def _place(self, session: aiohttp.ClientSession) -> tuple[str, tuple[str, ...]]:
        """Give the address, and how a client may say who it is."""
        if self._url is not None:
            return self._url, (_BASIC,)
        status, body = await _ask(session, "GET", self._discovery)
        if status != HTTPStatus.OK:
            raise UnavailableError(f"PI answered {status} to where tokens are given ({_DISCOVERY})", hint=_WRITE)
        found = _read(body, _Discovered, self._discovery)
        try:
            web_address(found.token_endpoint, allow_insecure=self._allow_insecure)
        except ValueError as error:
            raise UnavailableError(
                f"the token_endpoint that PI names cannot be used: it {error}", hint=_WRITE
            ) from error
        return found.token_endpoint, found.token_endpoint_auth_methods_supported


def is_token(text: str) -> bool:
    """Tell whether a text can stand in a header as a token."""
    return bool(text) and text.isascii() and text.isprintable() and " " not in text


async def _ask(
    session: aiohttp.ClientSession,
    method: str,
    url: str,
    *,
    data: Mapping[str, str] | None = None,
    headers: Mapping[str, str] | None = None,
) -> tuple[int, bytes]:
    try:
        # Redirects would carry the secret to another host.
        async with session.request(method, url, data=data, headers=headers, allow_redirects=False) as response:
            return response.status, await response.read()
    except (aiohttp.ClientError, OSError, TimeoutError) as error:
        failure = unanswered(error, f"{method} {urlsplit(url).path}", _host(url))
    raise failure


def _refusal(status: int, body: bytes, url: str) -> PIBridgeError:
    try:
        error = msgspec.json.decode(body, type=_Refusal).error
    except (msgspec.DecodeError, UnicodeDecodeError):
        error = ""
    said = f": {error}" if error in _ERRORS else ""
    message = f"{_host(url)} answered {status} to the request for a token{said}"
    if status in _REFUSED:
        hint = _ERRORS.get(error, "check pi.auth.client_id, pi.auth.client_secret and pi.auth.scope")
        # 401 whatever the status: it is we who are refused, not one resource.
        return UnauthorizedError(message, status=HTTPStatus.UNAUTHORIZED, hint=hint)
    return UnavailableError(message, hint=_CHECK if status < HTTPStatus.INTERNAL_SERVER_ERROR else "")


def _read(body: bytes, kind: type[T], url: str) -> T:
    try:
        # Some write numbers as text.
        return msgspec.json.decode(body, type=kind, strict=False)
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise UnavailableError(f"the answer of {_host(url)} is not what an identity server says", hint=_CHECK) from None


def _token(answer: _Answer, now: float, url: str) -> Token:
    if answer.token_type.lower() != "bearer" or not is_token(answer.access_token):
        raise UnavailableError(f"the answer of {_host(url)} holds no bearer token", hint=_CHECK)
    life_s = math.inf if answer.expires_in is None else max(0.0, answer.expires_in)
    expires_at = now + life_s
    return Token(answer.access_token, expires_at - min(_MARGIN_S, life_s / 5), expires_at)


def _host(url: str) -> str:
    return urlsplit(url).netloc
