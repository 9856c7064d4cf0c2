"""Who may see the page: anybody on this machine, or who has the token."""

import hmac
import secrets
from collections.abc import Callable
from hashlib import sha256
from typing import Final
from urllib.parse import urlsplit

import structlog

from pibridge.status.guesses import FREE, Guesses
from pibridge.status.settings import StatusSettings, is_loopback

COOKIE: Final = "pibridge"
SESSION_S: Final = 12 * 3600
_SCHEME: Final = "bearer "
_ANY: Final = "surrogatepass"
"""Headers may hold bytes that are no text."""


class ShutError(Exception):
    """Nobody comes in like this. `wait_s`: how long the next try has to wait; 0: it may come at once."""

    def __init__(self, reason: str, wait_s: float = 0.0) -> None:
        super().__init__(reason)
        self.wait_s = wait_s


class Door:
    """Lets in who shows the token, or the cookie that was given for it; without a token in `settings` everybody.

    `now_s`: Unix time. What a cookie holds is good until it expires, the token changes or the process ends.
    """

    def __init__(self, settings: StatusSettings, now_s: Callable[[], float]) -> None:
        self._settings = settings
        self._now_s = now_s
        self._key = secrets.token_bytes(32)
        self._guesses = Guesses()
        self._log = structlog.get_logger()

    @property
    def has_lock(self) -> bool:
        """Tell whether a token is asked for."""
        return self._settings.token is not None

    def knows(self, host: str) -> bool:
        """Tell whether a Host header names this machine.

        Where no token is asked for it must: else a foreign page, its name turned to 127.0.0.1, could read this one.
        """
        if self.has_lock:
            return True
        try:
            name = urlsplit(f"//{host}").hostname or ""
        except ValueError:
            return False
        return is_loopback(name)

    def admit(self, authorization: str, cookie: str, address: str) -> None:
        """Let in by the headers Authorization and Cookie, or raise ShutError. Raises UnavailableError: no token."""
        if self._settings.token is None:
            return
        token = self._settings.token.reveal()
        if authorization[: len(_SCHEME)].lower() == _SCHEME:
            self._try(authorization[len(_SCHEME) :].strip(), token, address)
        elif not self._is_good(cookie, token):
            raise ShutError("a token is asked for: sign in, or send Authorization: Bearer …")

    def sign_in(self, tried: str, address: str) -> str:
        """Give what the cookie is to hold, for the right token. Raises ShutError, UnavailableError."""
        if self._settings.token is None:
            raise ShutError("no token is asked for")
        token = self._settings.token.reveal()
        self._try(tried, token, address)
        expires = str(int(self._now_s()) + SESSION_S)
        return f"{expires}.{self._seal(expires, token)}"

    def _try(self, tried: str, token: str, address: str) -> None:
        wait_s = self._guesses.wait_s(address, self._now_s())
        if wait_s > 0:
            raise ShutError("too many wrong tokens: wait", wait_s)
        if _is_same(tried, token):
            self._guesses.right(address)
            return
        wait_s = self._guesses.wrong(address, self._now_s())
        if wait_s:
            self._log.warning(
                "wrong tokens for the status page",
                tries=f"{FREE} or more",
                peer=address,
                hint="who it is has to wait; look who asks from there",
            )
        raise ShutError("the token is wrong", wait_s)

    def _is_good(self, cookie: str, token: str) -> bool:
        expires, _, seal = cookie.partition(".")
        known = _is_same(seal, self._seal(expires, token))
        return known and expires.isdecimal() and int(expires) > self._now_s()

    def _seal(self, expires: str, token: str) -> str:
        return hmac.new(self._key, f"{expires} {token}".encode(errors=_ANY), sha256).hexdigest()


def _is_same(tried: str, known: str) -> bool:
    return hmac.compare_digest(tried.encode(errors=_ANY), known.encode(errors=_ANY))
