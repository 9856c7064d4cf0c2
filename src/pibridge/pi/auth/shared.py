"""Work that is done once for all who wait for it."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

from pibridge.errors import PIBridgeError

T = TypeVar("T")


class Shared(Generic[T]):
    """Who asks while the work is under way gets what it gives or raises; who asks later has it done anew.

    A login that fails fails once, however many requests wait for it. Who is cancelled leaves the work to the next.
    """

    def __init__(self, work: Callable[[], Awaitable[T]]) -> None:
        self._work = work
        self._lock = asyncio.Lock()
        self._done = 0
        self._outcome: Callable[[], T]

    async def __call__(self) -> T:
        """Give what the work gives. Raises what it raises."""
        done = self._done
        async with self._lock:
            if self._done == done:
                self._outcome = await self._try()
                self._done += 1
        return self._outcome()

    async def _try(self) -> Callable[[], T]:
        try:
            found = await self._work()
        except PIBridgeError as error:
            failure = error

            def fail() -> T:
                raise failure

            return fail
        return lambda: found
