"""The gate before PI: after a refusal one request at a time finds out whether we are let in again.

Accounts can be locked by repeated tries, so all requests and channel handshakes of one client share one gate.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Hashable
from typing import Final, TypeVar

import structlog

from pibridge.errors import UnauthorizedError
from pibridge.pi.auth import Auth, Credentials

T = TypeVar("T")

_FIRST_DELAY_S: Final = 5.0
_LONGEST_DELAY_S: Final = 300.0
_LOOK_S: Final = 1.0
"""How often those who wait look whether the secret has changed."""
_UNAUTHORIZED: Final = 401

_log = structlog.get_logger()


class Gate:
    """Lets requests pass until PI refuses one with 401, or with 403 before anything has succeeded."""

    def __init__(
        self,
        auth: Auth,
        host: str,
        *,
        monotonic: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._auth = auth
        self._host = host
        self._monotonic = monotonic
        self._sleep = sleep
        self._is_open = True
        self._refused: Hashable = None
        self._delay_s = 0.0
        self._next_try = 0.0
        self._probing = False
        self._has_succeeded = False

    @property
    def is_open(self) -> bool:
        """Whether requests pass without waiting."""
        return self._is_open

    def try_now(self) -> None:
        """Let the next request try at once, and start the delays anew: somebody has mended the account."""
        self._delay_s = 0.0
        self._next_try = self._monotonic()

    async def admit(self, send: Callable[[Credentials], Awaitable[T]]) -> T:
        """Wait for leave, give what `send` gives, and learn from how it went: it returned, or raised UnauthorizedError.

        Anything else (no answer, a failing server) says nothing about the credentials, and the next one probes.
        A 401 for credentials that can be had anew is answered with a second try at once.
        """
        probe = await self._enter()
        try:
            fingerprint = self._auth.fingerprint()
            try:
                answer = await self._send(send)
            except UnauthorizedError as error:
                self._refuse(fingerprint, error, probe=probe)
                raise
            self._accept(probe=probe)
            return answer
        finally:
            if probe:
                self._probing = False

    async def _send(self, send: Callable[[Credentials], Awaitable[T]]) -> T:
        credentials = await self._auth.credentials()
        try:
            return await send(credentials)
        except UnauthorizedError as error:
            if error.status != _UNAUTHORIZED or not credentials.refused():
                raise
        return await send(await self._auth.credentials())

    async def _enter(self) -> bool:
        """Wait for leave, and tell whether it is to find out if we are let in again."""
        while not self._is_open:
            wait_s = self._next_try - self._monotonic()
            if not self._probing and (wait_s <= 0 or self._auth.fingerprint() != self._refused):
                self._probing = True
                return True
            await self._sleep(min(_LOOK_S, wait_s) if wait_s > 0 else _LOOK_S)
        return False

    def _accept(self, *, probe: bool) -> None:
        if self._is_open:
            self._has_succeeded = True
            return
        if not probe:
            return  # the request left before the refusal: that opens nothing
        self._has_succeeded = True
        self._is_open = True
        self._delay_s = 0.0
        _log.info("PI takes our login again", host=self._host, user=self._auth.identity)

    def _refuse(self, fingerprint: Hashable, error: UnauthorizedError, *, probe: bool) -> None:
        if error.status != _UNAUTHORIZED and self._has_succeeded:
            return  # one resource is forbidden, not we
        if not self._is_open and not probe:
            return  # it left before the gate was closed
        is_news = self._is_open or fingerprint != self._refused
        self._has_succeeded = False
        self._is_open = False
        self._refused = fingerprint
        self._delay_s = min(max(_FIRST_DELAY_S, 2 * self._delay_s), _LONGEST_DELAY_S)
        self._next_try = self._monotonic() + self._delay_s
        if is_news:
            _log.warning(
                "PI refuses our login",
                host=self._host,
                user=self._auth.identity,
                status=error.status,
                next_try_s=self._delay_s,
                hint=error.hint,
            )
