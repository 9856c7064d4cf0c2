import asyncio

from pibridge.delivery.stop import Stop


async def test_without_a_stop_delivery_goes_on() -> None:
    """Nothing is set, nothing is over."""
    stop = Stop()
    assert (stop.is_set(), stop.is_over()) == (False, False)


async def test_a_stop_leaves_time_to_drain() -> None:
    """It has begun at once, and is over when its time has passed."""
    stop = Stop()
    stop.set(60)
    assert (stop.is_set(), stop.is_over()) == (True, False)
    stop.set(0)
    assert stop.is_over()


async def test_who_waits_for_the_stop_is_woken() -> None:
    """Waiting ends when it begins, not when it is over."""
    stop = Stop()
    waiting = asyncio.create_task(stop.wait())
    await asyncio.sleep(0)
    assert not waiting.done()
    stop.set(60)
    await asyncio.wait_for(waiting, 5)
