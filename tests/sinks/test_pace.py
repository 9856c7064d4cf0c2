import asyncio

import pytest

from pibridge.sinks.pace import MOST_MESSAGE_BYTES, Pace
from pibridge.sinks.settings import PublishLimits


async def elapsed(pace: Pace, *sizes: int) -> float:
    """Let messages of these sizes through, and give how long that took."""
    loop = asyncio.get_running_loop()
    begun_s = loop.time()
    for size in sizes:
        await pace.admit(size)
        pace.done()
    return loop.time() - begun_s


async def test_messages_leave_evenly() -> None:
    """So many each second, the first at once, and no burst of those that were not used before."""
    pace = Pace(PublishLimits(publishes_per_second=100, bytes_per_second=None, in_flight=100))
    assert 0.19 <= await elapsed(pace, *[1] * 21) < 0.6


async def test_bytes_leave_evenly() -> None:
    """Beyond one message of the largest size, bytes wait for their time."""
    pace = Pace(PublishLimits(publishes_per_second=None, bytes_per_second=1 << 20, in_flight=100))
    assert 0.2 <= await elapsed(pace, *[MOST_MESSAGE_BYTES] * 3) < 0.6


async def test_a_small_rate_lets_large_messages_through() -> None:
    """A limit below the size of one message delays it, and does not stop it for ever."""
    pace = Pace(PublishLimits(publishes_per_second=None, bytes_per_second=1000, in_flight=1))
    assert await elapsed(pace, 10 * MOST_MESSAGE_BYTES) < 0.1


async def test_only_so_many_are_under_way() -> None:
    """The next one waits until one is answered; one that stops waiting takes no place."""
    pace = Pace(PublishLimits(publishes_per_second=None, bytes_per_second=None, in_flight=2))
    await pace.admit(1)
    await pace.admit(1)
    for _ in range(2):
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.01):
                await pace.admit(1)
    pace.done()
    await pace.admit(1)


async def test_a_cancelled_wait_gives_its_place_back() -> None:
    """Cancelled while it waits for its time, a message leaves its place to the next."""
    pace = Pace(PublishLimits(publishes_per_second=0.5, bytes_per_second=None, in_flight=2))
    await pace.admit(1)
    for _ in range(3):
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.01):
                await pace.admit(1)
    async with asyncio.timeout(5):
        await pace.admit(1)


async def test_two_lanes_take_turns() -> None:
    """A long queue of one lane makes the other wait for one message, not for all."""
    pace = Pace(PublishLimits(publishes_per_second=200, bytes_per_second=None, in_flight=100))
    order: list[str] = []

    async def lane(name: str, count: int) -> None:
        for _ in range(count):
            await pace.admit(1)
            order.append(name)

    await asyncio.gather(lane("history", 20), lane("live", 5))
    assert order[:10].count("live") >= 4
