import asyncio

import pytest

from pibridge.errors import JournalError
from pibridge.journal.jobs import Call, Job
from pibridge.journal.requests import Requests


def nothing(_: object) -> object:
    """Do nothing."""
    return None


async def test_answers_find_who_waits() -> None:
    """Each caller gets its own answer, a value or an error."""
    asked: list[Job] = []
    requests = Requests(asked.append)
    tasks = [asyncio.create_task(requests.ask(nothing)) for _ in range(2)]
    await asyncio.sleep(0)
    first, second = (job.future for job in asked if isinstance(job, Call))
    requests.resolve([(first, "value"), (second, JournalError("no"))])
    assert await tasks[0] == "value"
    with pytest.raises(JournalError, match="no"):
        await tasks[1]


async def test_a_caller_that_left_is_no_problem() -> None:
    """The answer to a cancelled caller is dropped."""
    asked: list[Job] = []
    requests = Requests(asked.append)
    task = asyncio.create_task(requests.ask(nothing))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    (job,) = asked
    assert isinstance(job, Call)
    requests.resolve([(job.future, 1)])
    assert job.future.cancelled()


async def test_failure_is_for_all() -> None:
    """Those who wait get it, those who ask later too, and the daemon can wait for it."""
    requests = Requests(lambda _: None)
    task = asyncio.create_task(requests.ask(nothing))
    await asyncio.sleep(0)
    requests.fail(JournalError("the disk is gone"))
    for waiting in (task, requests.failed, requests.ask(nothing)):
        with pytest.raises(JournalError, match="the disk is gone"):
            await waiting


async def test_from_another_thread() -> None:
    """The event loop takes what a thread hands over."""
    requests = Requests(lambda _: None)
    taken: asyncio.Future[int] = asyncio.get_running_loop().create_future()
    await asyncio.to_thread(requests.from_thread, taken.set_result, 5)
    assert await taken == 5
