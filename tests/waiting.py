"""How tests wait: for what they want to see, while the parts that they judge run beside them."""

import asyncio
import inspect
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any


async def eventually(holds: Callable[[], object | Awaitable[object]], within_s: float = 30.0) -> None:
    """Return as soon as it holds. AssertionError if it never does."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + within_s
    while True:
        found = holds()
        if inspect.isawaitable(found):
            found = await found
        if found:
            return
        assert loop.time() < deadline, f"did not come true within {within_s:g} s"
        await asyncio.sleep(0.01)


@asynccontextmanager
async def running(*parts: Coroutine[Any, Any, Any]) -> AsyncIterator[list[asyncio.Task[Any]]]:
    """Run parts beside the test and cancel them at its end. What one of them dies of ends the test."""
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(part) for part in parts]
        yield tasks
        for task in tasks:
            task.cancel()
