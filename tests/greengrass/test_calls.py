import asyncio
from collections.abc import Callable
from functools import partial
from typing import TypeVar

import pytest
from awsiot.greengrasscoreipc.client import GreengrassCoreIPCClient
from awsiot.greengrasscoreipc.model import GetConfigurationRequest

from greengrass.deployed import OperationError
from greengrass.nucleus import TestNucleus
from pibridge.errors import UnavailableError
from pibridge.greengrass.calls import Calls
from pibridge.greengrass.component import component_of
from pibridge.greengrass.failures import LostError, NeverTakenError, NotTakenError, NotThereError
from pibridge.greengrass.line import Line
from waiting import eventually

_T = TypeVar("_T")


async def aside(work: Callable[[], _T]) -> _T:
    """Do what blocks while the nucleus, which runs in this loop, answers."""
    return await asyncio.to_thread(work)


def calls_to(nucleus: TestNucleus, greet: Callable[[Line], None] = lambda _: None, patience_s: float = 10.0) -> Calls:
    """Give what a component that is started now makes."""
    return Calls(component_of("cloud", nucleus.environment), patience_s=patience_s, greet=greet)


def site(calls: Calls) -> str:
    """Ask for something."""
    ask = partial(calls.ask, allow="it")
    request = GetConfigurationRequest(key_path=[])
    answer = ask(GreengrassCoreIPCClient.new_get_configuration, request, "cannot read it")
    return str(answer.value["site"])


async def test_all_requests_share_one_connection(nucleus: TestNucleus) -> None:
    """Requests of several threads connect once, and each gets its answer."""
    nucleus.deployed.configuration = {"site": "leeds"}
    calls = calls_to(nucleus)
    assert await asyncio.gather(*(aside(partial(site, calls)) for _ in range(10))) == ["leeds"] * 10
    assert nucleus.connections == 1
    calls.close()


async def test_a_connection_that_was_lost_is_made_anew(nucleus: TestNucleus) -> None:
    """While the nucleus is gone each request says so; when it is back the next one is answered, and greeted first."""
    greeted: list[Line] = []
    nucleus.deployed.configuration = {"site": "leeds"}
    calls = calls_to(nucleus, greeted.append)
    await aside(partial(site, calls))
    await nucleus.stop()
    with pytest.raises(LostError):
        await aside(partial(site, calls))
    with pytest.raises(LostError, match="start the nucleus"):
        await aside(partial(site, calls))
    await nucleus.start()
    assert await aside(partial(site, calls)) == "leeds"
    assert len(greeted) == 2
    calls.close()


async def test_who_cannot_be_greeted_is_not_used(nucleus: TestNucleus) -> None:
    """A connection on which nothing could be subscribed is given up, and the next request tries another."""

    def refuse(_line: Line) -> None:
        raise NotTakenError("not now")

    calls = calls_to(nucleus, refuse)
    for _ in range(2):
        with pytest.raises(NotTakenError):
            await aside(calls.connected)
    assert nucleus.connections == 2


@pytest.mark.parametrize(
    ("model", "kind"),
    [
        ("ServiceError", NotTakenError),
        ("InvalidArgumentsError", NeverTakenError),
        ("ResourceNotFoundError", NotThereError),
        ("UnauthorizedError", UnavailableError),
        ("UnknownError", LostError),
    ],
)
async def test_errors_are_told_apart(nucleus: TestNucleus, model: str, kind: type[Exception]) -> None:
    """Each answer becomes what a caller can do, and says what could not be done; after each the next is answered."""

    def refuse(_operation: str, _topic: str) -> None:
        raise OperationError(model, "because")

    nucleus.deployed.configuration = {"site": "leeds"}
    takes, nucleus.refuse = nucleus.refuse, refuse
    calls = calls_to(nucleus)
    with pytest.raises(kind, match="cannot read it"):
        await aside(partial(site, calls))
    nucleus.refuse = takes
    assert await aside(partial(site, calls)) == "leeds"
    calls.close()


async def test_an_answer_that_does_not_come_is_not_waited_for(nucleus: TestNucleus) -> None:
    """Patience has an end; the connection of an answer that may still come is not used again."""
    calls = calls_to(nucleus, patience_s=0.2)

    def break_off(_operation: str, _topic: str) -> None:
        raise ConnectionResetError

    nucleus.refuse = break_off
    with pytest.raises(LostError):
        await aside(partial(site, calls))
    await eventually(lambda: nucleus.connections == 1)
    nucleus.refuse = lambda _operation, _topic: None
    nucleus.deployed.configuration = {"site": "leeds"}
    assert await aside(partial(site, calls)) == "leeds"
    assert nucleus.connections == 2
    calls.close()
