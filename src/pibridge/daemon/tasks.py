"""Tasks that run until they are told to end: one that dies stops the process."""

import asyncio
import contextlib
from collections.abc import Coroutine
from typing import Any, NoReturn


class Tasks:
    """`died`: is given the error of the first task that failed."""

    def __init__(self) -> None:
        self.died: asyncio.Future[NoReturn] = asyncio.get_running_loop().create_future()

    def start(self, work: Coroutine[Any, Any, None], name: str) -> "asyncio.Task[None]":
        """Run this beside the others."""
        task = asyncio.create_task(work, name=name)
        task.add_done_callback(self._note)
        return task

    def _note(self, task: "asyncio.Task[None]") -> None:
        if task.cancelled() or self.died.done():
            return
        if (error := task.exception()) is not None:
            self.died.set_exception(error)
            self.died.exception()  # who does not wait for it gets no warning


async def cancel(*tasks: asyncio.Task[Any]) -> None:
    """End tasks and wait for their end; what they failed with is known to their `Tasks`."""
    for task in tasks:
        task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await asyncio.gather(*tasks, return_exceptions=True)
