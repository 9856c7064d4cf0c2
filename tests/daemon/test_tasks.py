import asyncio

import pytest

from pibridge.daemon.tasks import Tasks, cancel


async def test_the_first_that_dies_is_known() -> None:
    """Its error is given to who waits; a later one changes nothing."""

    async def fail(reason: str) -> None:
        raise RuntimeError(reason)

    tasks = Tasks()
    tasks.start(fail("first"), "a")
    with pytest.raises(RuntimeError, match="first"):
        await tasks.died
    await asyncio.wait([tasks.start(fail("second"), "b")])
    with pytest.raises(RuntimeError, match="first"):
        tasks.died.result()


async def test_who_ends_or_is_ended_does_not_die() -> None:
    """A task that is through, and one that is cancelled, are no failure."""

    async def end() -> None:
        """End at once."""

    async def stay() -> None:
        await asyncio.Event().wait()

    tasks = Tasks()
    await tasks.start(end(), "ends")
    staying = tasks.start(stay(), "stays")
    await cancel(staying)
    assert staying.cancelled()
    assert not tasks.died.done()
