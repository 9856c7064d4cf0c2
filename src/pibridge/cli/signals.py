"""Signals that end or wake a command; they are heard even where the shell that started it has them ignored."""

import asyncio
import contextlib
import signal
from collections.abc import Callable, Coroutine
from typing import Any


def on(name: str, act: Callable[[], object]) -> None:
    """Act in the running loop when the signal comes. Windows has no SIGHUP, and no handlers of the loop itself."""
    loop = asyncio.get_running_loop()
    number = getattr(signal, name, None)
    if number is not None:
        signal.signal(number, lambda *_: loop.call_soon_threadsafe(act))


def interrupts() -> None:
    """Let SIGINT and SIGTERM raise KeyboardInterrupt, outside of a loop."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.default_int_handler)


async def until_stopped(work: Coroutine[Any, Any, None]) -> None:
    """Do the work, but no longer than until SIGINT (Ctrl-C) or SIGTERM."""
    task = asyncio.ensure_future(work)
    on("SIGINT", task.cancel)
    on("SIGTERM", task.cancel)
    with contextlib.suppress(asyncio.CancelledError):
        await task
