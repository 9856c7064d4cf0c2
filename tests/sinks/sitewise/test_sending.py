import asyncio
from collections.abc import AsyncIterator

import pytest

from pibridge.sinks.settings import SiteWiseLimits
from pibridge.sinks.sitewise.client import Clients
from pibridge.sinks.sitewise.sending import Door
from pibridge.sinks.sitewise.tqv import Tqv
from sinks.sitewise.account import RefusedError
from sinks.sitewise.double import Double, sitewise
from sinks.sitewise.samples import NOW, NOW_S, record
from waiting import eventually


@pytest.fixture
async def double() -> AsyncIterator[Double]:
    """Run SiteWise's double."""
    async with sitewise(NOW_S) as double:
        yield double


@pytest.fixture
async def clients() -> AsyncIterator[Clients]:
    """Give clients that are closed in the end."""
    clients = Clients("sitewise", "eu-west-1")
    yield clients
    await clients.close()


def values(count: int, alias: str, first: int = 1) -> list[Tqv]:
    """Give data points of a property, one a second."""
    return [
        Tqv(record(seq, 1.0, at=NOW - seq * 10_000_000), alias, "doubleValue", 1.0, "GOOD")
        for seq in range(first, first + count)
    ]


async def test_requests_of_one_property_go_one_after_the_other(double: Double, clients: Clients) -> None:
    """While the first waits for its answer another property's request leaves, and the second of the first does not."""
    double.hold = asyncio.Event()
    others = [value for number in range(10) for value in values(10, f"/b{number}", 1000 + 10 * number)]
    door = Door(clients, double.url, SiteWiseLimits(values_per_second=1e6, requests_per_second=1e5))
    sending = asyncio.create_task(door.send([*values(200, "/a"), *others]))
    await eventually(lambda: len(double.puts()) == 2)
    double.hold.set()
    sent = await sending
    first, second, third = ({alias for alias, _ in entries} for entries in double.puts())
    assert "/a" in first | second
    assert first != second
    assert third == {"/a"}
    assert len(sent.accepted) == 300


async def test_after_trouble_nothing_more_is_sent(double: Double, clients: Clients) -> None:
    """A request that fails whole ends the sending; what was not sent is neither accepted nor failed."""
    double.refuses = [None, RefusedError(503, "ServiceUnavailableException")]
    door = Door(clients, double.url, SiteWiseLimits(values_per_second=1e6, requests_per_second=1e5))
    sent = await door.send(values(1000, "/a"))
    assert sent.trouble is not None
    assert len(sent.accepted) == 100
    assert sent.failed == {}
    assert len(double.puts()) == 2


async def test_sending_is_paced(double: Double, clients: Clients) -> None:
    """A hundred values at once and the rest smoothly: 300 take at least a fifth of a second at 1000 a second."""
    door = Door(clients, double.url, SiteWiseLimits(values_per_second=1000))
    begun_s = asyncio.get_running_loop().time()
    await door.send(values(300, "/a"))
    assert asyncio.get_running_loop().time() - begun_s >= 0.19


@pytest.mark.parametrize("rate", [0.5, 33.3, 999.9, 123456.7])
async def test_any_pace_lets_a_full_request_pass(double: Double, clients: Clients, rate: float) -> None:
    """Also the slowest one: a request is never larger than what is let through at once."""
    door = Door(clients, double.url, SiteWiseLimits(values_per_second=rate))
    assert len((await door.send(values(100, "/a"))).accepted) == 100
