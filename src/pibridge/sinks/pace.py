"""How fast one connection may send."""

import asyncio
from typing import Final

from aiolimiter import AsyncLimiter

from pibridge.sinks.settings import PublishLimits

MOST_MESSAGE_BYTES: Final = 128 << 10
"""Size of the largest payload."""
_LARGEST_BYTES: Final = MOST_MESSAGE_BYTES + (1 << 10)


class Pace:
    """Lets messages through one by one, evenly: no burst after a pause, but for one message of the largest size.

    Who came first goes first, so that two lanes which ask for one message at a time take turns.
    """

    def __init__(self, limits: PublishLimits) -> None:
        self._front = asyncio.Lock()
        self._in_flight = asyncio.Semaphore(limits.in_flight)
        self._limiters: list[tuple[AsyncLimiter, bool]] = []
        if limits.publishes_per_second is not None:
            self._limiters.append((AsyncLimiter(1, 1 / limits.publishes_per_second), False))
        if limits.bytes_per_second is not None:
            self._limiters.append((AsyncLimiter(_LARGEST_BYTES, _LARGEST_BYTES / limits.bytes_per_second), True))

    async def admit(self, size_bytes: int) -> None:
        """Wait until a message of this size may leave. `done` is to be called once it is answered."""
        async with self._front:
            await self._in_flight.acquire()
            try:
                for limiter, counts_bytes in self._limiters:
                    await limiter.acquire(min(size_bytes, _LARGEST_BYTES) if counts_bytes else 1)
            except BaseException:
                self._in_flight.release()
                raise

    def done(self) -> None:
        """Count a message as answered."""
        self._in_flight.release()
