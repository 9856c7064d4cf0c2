"""One thread for what takes longer than a glance, so that the event loop never waits for the page."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Final, TypeVar

_T = TypeVar("_T")
_MOST_WAITING: Final = 16


class BusyError(Exception):
    """Too much waits already."""


class Worker:
    """Does one thing after the other. `most`: how much may wait or be done at a time."""

    def __init__(self, name: str, most: int = _MOST_WAITING) -> None:
        self._thread = ThreadPoolExecutor(1, name)
        self._most = most
        self._waiting = 0

    async def do(self, work: Callable[[], _T]) -> _T:
        """Give what `work` gives. Raises what it raises, and BusyError."""
        if self._waiting >= self._most:
            raise BusyError
        self._waiting += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._thread, work)
        finally:
            self._waiting -= 1

    def close(self) -> None:
        """Let what is being done end; what waits is not done."""
        self._thread.shutdown(wait=True, cancel_futures=True)
