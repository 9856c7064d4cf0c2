import asyncio
import threading

import pytest

from pibridge.status.worker import BusyError, Worker


async def test_it_works_beside_the_loop() -> None:
    """In one thread of its own, one thing after the other; errors arrive where the question was asked."""
    worker = Worker("test")
    names = await asyncio.gather(*(worker.do(lambda: threading.current_thread().name) for _ in range(5)))
    assert set(names) == {"test_0"}
    with pytest.raises(ZeroDivisionError):
        await worker.do(lambda: 1 // 0)
    worker.close()


async def test_only_so_much_may_wait() -> None:
    """What is too much is refused at once, and room is there again when something is done."""
    worker, go = Worker("test", most=2), threading.Event()
    waiting = [asyncio.create_task(worker.do(lambda: go.wait(20))) for _ in range(2)]
    await asyncio.sleep(0)
    with pytest.raises(BusyError):
        await worker.do(lambda: 1)
    go.set()
    await asyncio.gather(*waiting)
    assert await worker.do(lambda: 1) == 1
    worker.close()
