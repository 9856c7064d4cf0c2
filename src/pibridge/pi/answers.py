"""What a refusing answer means: HTTP status and body in, one error of `pibridge.errors` out. Pure."""

import re
from collections.abc import Sequence
from typing import Final

import msgspec

from pibridge.errors import (
    PIBridgeError,
    RejectedError,
    ThrottledError,
    TooMuchError,
    UnauthorizedError,
    UnavailableError,
)

_LONGEST_TEXT: Final = 300
_TOO_MUCH: Final = "greater than the maximum allowed"
_HTML_TITLE: Final = re.compile(rb"<title[^>]*>(.*?)</title>", re.IGNORECASE | re.DOTALL)
_UNPRINTABLE: Final = re.compile(r"[\s\x00-\x1f\x7f-\x9f]+")

OK, REDIRECT, BAD_REQUEST, SERVER_ERROR = 200, 300, 400, 500
UNAUTHORIZED, FORBIDDEN, NOT_FOUND, REQUEST_TIMEOUT, CONFLICT, TOO_LARGE = 401, 403, 404, 408, 409, 413
URI_TOO_LONG, THROTTLED, HEADERS_TOO_LARGE, NOT_IMPLEMENTED = 414, 429, 431, 501
BAD_GATEWAY, OUT_OF_SERVICE, GATEWAY_TIMEOUT = 502, 503, 504

_NOT_THERE: Final = "it is asked again by itself; if it goes on, look whether PI Web API and what stands before it run"

_HINTS: Final = {
    UNAUTHORIZED: "check pi.auth: the account, that it is not locked, its password, and that PI allows this method",
    FORBIDDEN: "ask for read access of this account to PI Web API and to the data",
    URI_TOO_LONG: "fewer streams per request",
    HEADERS_TOO_LARGE: "fewer streams per request",
    THROTTLED: "it is asked again by itself; if often, lower pi.limits.requests_per_second",
    BAD_GATEWAY: _NOT_THERE,
    OUT_OF_SERVICE: _NOT_THERE,
    GATEWAY_TIMEOUT: _NOT_THERE,
}


class _Body(msgspec.Struct, rename="pascal"):
    errors: list[str] = []
    message: str = ""


def error_of(status: int, body: bytes, *, about: str = "") -> PIBridgeError:
    """Give the error that an answer with this status is. `about`: what was asked, without credentials.

    UnavailableError and ThrottledError: ask again later. UnauthorizedError: 401, 403. TooMuchError: ask for less.
    RejectedError: asking again unchanged is useless.
    """
    return refusal(status, _texts(body), about=about)


def refusal(status: int, texts: Sequence[str], *, about: str = "") -> PIBridgeError:
    """Give the error for a status and PI's own words. A status that is no refusal makes UnavailableError."""
    said = readable("; ".join(texts))
    message = f"PI answered {status}" + (f" to {about}" if about else "") + (f": {said}" if said else "")
    hint = _HINTS.get(status, "")
    if status in {UNAUTHORIZED, FORBIDDEN}:
        return UnauthorizedError(message, status=status, hint=hint)
    if status == THROTTLED:
        return ThrottledError(message, hint=hint)
    if status == BAD_REQUEST and _TOO_MUCH in said:
        return TooMuchError(message, status=status, hint="fewer values per request: pi.limits.items_per_request")
    if (REDIRECT <= status < SERVER_ERROR and status != REQUEST_TIMEOUT) or status == NOT_IMPLEMENTED:
        return RejectedError(message, status=status, hint=hint)
    return UnavailableError(message, hint=hint)


def readable(text: str) -> str:
    """Give a text of the server as one line of limited length."""
    line = _UNPRINTABLE.sub(" ", text).strip()
    return line if len(line) <= _LONGEST_TEXT else line[: _LONGEST_TEXT - 1] + "…"


def _texts(body: bytes) -> list[str]:
    if not body.strip():
        return []
    try:
        answer = msgspec.json.decode(body, type=_Body)
    except (msgspec.DecodeError, UnicodeDecodeError):
        title = _HTML_TITLE.search(body)
        return [title[1].decode(errors="replace")] if title else []
    return answer.errors or ([answer.message] if answer.message else [])
