import asyncio
import threading

import pytest

from pibridge.pi.aside import aside


async def test_the_answer_and_the_error_come_back() -> None:
    """What the work gives is given, what it raises is raised; it runs in another thread."""
    assert await aside(threading.get_ident) != threading.get_ident()
    with pytest.raises(ValueError, match="invalid literal"):
        await aside(lambda: int("odd"))


async def test_work_that_hangs_holds_up_nobody() -> None:
    """Who is cancelled goes on at once, though the work does not end; its thread does not keep the process alive."""
    begun, end = threading.Event(), threading.Event()

    def hang() -> None:
        begun.set()
        end.wait(30)

    waiting = asyncio.create_task(aside(hang))
    assert await asyncio.to_thread(begun.wait, 10)
    (thread,) = [thread for thread in threading.enumerate() if thread.name == "aside"]
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert thread.is_alive()
    assert thread.daemon
    end.set()
    await asyncio.to_thread(thread.join, 10)
