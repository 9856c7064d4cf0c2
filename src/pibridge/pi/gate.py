"""The gate before PI: after a refusal one request at a time finds out whether we are let in again.

Accounts can be locked by repeated tries, so all requests and channel handshakes of one client share one gate.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Final

import structlog

from pibridge.errors import UnauthorizedError
from pibridge.pi.auth import Auth

_FIRST_DELAY_S: Final = 5.0
_LONGEST_DELAY_S: Final = 300.0
_LOOK_S: Final = 1.0
"""How often those who wait look whether the secret has changed."""
_UNAUTHORIZED: Final = 401

_log = structlog.get_logger()


class Admission:
    """Leave for one request. `headers`: the credentials to send. Say `accept` when PI let the request in."""

    def __init__(self, headers: Mapping[str, str]) -> None:
        self.headers = headers
        self.accepted = False

    def accept(self) -> None:
        """Say that PI took the credentials."""
        self.accepted = True


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
        self._refused: Mapping[str, str] | None = None
        self._delay_s = 0.0
        self._next_try = 0.0
        self._probing = False
        self._has_succeeded = False

    @property
    def is_open(self) -> bool:
        """Whether requests pass without waiting."""
        return self._refused is None

    def try_now(self) -> None:
        """Let the next request try at once, and start the delays anew: somebody has mended the account."""
        self._delay_s = 0.0
        self._next_try = self._monotonic()

    @asynccontextmanager
    async def admission(self) -> AsyncIterator[Admission]:
        """Wait for leave, and learn from the block how it went: `accept` was called, or UnauthorizedError left it.

        Anything else (no answer, a failing server) says nothing about the credentials, and the next one probes.
        """
        headers, probe = await self._enter()
        admission = Admission(headers)
        try:
            yield admission
        except UnauthorizedError as error:
            self._refuse(headers, error, probe=probe)
            raise
        finally:
            if admission.accepted:
                self._accept(probe=probe)
            if probe:
                self._probing = False

    async def _enter(self) -> tuple[Mapping[str, str], bool]:
        while True:
            headers = await self._auth.headers()
            if self._refused is None:
                return headers, False
            wait_s = self._next_try - self._monotonic()
            if not self._probing and (wait_s <= 0 or headers != self._refused):
                self._probing = True
                return headers, True
            await self._sleep(min(_LOOK_S, wait_s) if wait_s > 0 else _LOOK_S)

    def _accept(self, *, probe: bool) -> None:
        if self._refused is None:
            self._has_succeeded = True
            return
        if not probe:
            return  # the request left before the refusal: that opens nothing
        self._has_succeeded = True
        self._refused = None
        self._delay_s = 0.0
        _log.info("pi_access_restored", host=self._host, user=self._auth.identity)

    def _refuse(self, headers: Mapping[str, str], error: UnauthorizedError, *, probe: bool) -> None:
        if error.status != _UNAUTHORIZED and self._has_succeeded:
            return  # one resource is forbidden, not we
        if self._refused is not None and not probe:
            return  # it left before the gate was closed
        self._has_succeeded = False
        self._refused = headers
        self._delay_s = min(max(_FIRST_DELAY_S, 2 * self._delay_s), _LONGEST_DELAY_S)
        self._next_try = self._monotonic() + self._delay_s
        _log.warning(
            "pi_access_refused",
            host=self._host,
            user=self._auth.identity,
            status=error.status,
            next_try_s=self._delay_s,
            hint=error.hint,
        )
