import asyncio

import pytest

from pibridge.errors import UnauthorizedError
from pibridge.pi.auth.shared import Shared


class Work:
    """Counts how often it is done, and ends when it is told to."""

    def __init__(self) -> None:
        self.times = 0
        self.end = asyncio.Event()
        self.error: Exception | None = None

    async def __call__(self) -> int:
        """Wait, then give the count or fail."""
        self.times += 1
        await self.end.wait()
        if self.error:
            raise self.error
        return self.times


async def begun(work: Shared[int], waiters: int) -> list[asyncio.Task[int]]:
    """Let so many wait for the work."""
    tasks = [asyncio.ensure_future(work()) for _ in range(waiters)]
    for _ in range(3):
        await asyncio.sleep(0)
    return tasks


async def test_it_is_done_once_for_all_who_wait() -> None:
    """Those who ask together get one result; who asks later gets another."""
    work = Work()
    shared = Shared(work)
    tasks = await begun(shared, 5)
    work.end.set()
    assert await asyncio.gather(*tasks) == [1] * 5
    assert await shared() == 2


async def test_a_failure_is_one_failure_for_all() -> None:
    """A wrong secret is tried once, however many requests wait, so that no account is locked."""
    work = Work()
    shared = Shared(work)
    tasks = await begun(shared, 5)
    work.error = UnauthorizedError("no", status=401)
    work.end.set()
    assert set(await asyncio.gather(*tasks, return_exceptions=True)) == {work.error}
    assert work.times == 1
    work.error = None
    assert await shared() == 2


async def test_who_leaves_hands_over() -> None:
    """When the one that does the work is cancelled, the next one does it."""
    work = Work()
    shared = Shared(work)
    first, second = await begun(shared, 2)
    first.cancel()
    work.end.set()
    assert await second == 2
    with pytest.raises(asyncio.CancelledError):
        await first
