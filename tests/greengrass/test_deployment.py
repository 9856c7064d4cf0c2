import asyncio
from collections.abc import Iterator

import pytest

from greengrass.deployed import OperationError
from greengrass.nucleus import TestNucleus
from pibridge.greengrass.component import component_of
from pibridge.greengrass.deployment import DEFER_MS, Deployment, State
from pibridge.greengrass.failures import LostError
from waiting import eventually


@pytest.fixture
def deployment(nucleus: TestNucleus) -> Iterator[Deployment]:
    """Give the component that this nucleus has deployed."""
    deployment = Deployment(component_of("cloud", nucleus.environment))
    yield deployment
    deployment.close()


async def test_the_whole_configuration_is_given(nucleus: TestNucleus, deployment: Deployment) -> None:
    """All that is configured comes as it is there, accessControl too; a component without any has an empty one."""
    assert await asyncio.to_thread(deployment.configuration) == {}
    nucleus.deployed.configuration = {"site": "leeds", "accessControl": {"a": {}}}
    assert await asyncio.to_thread(deployment.configuration) == nucleus.deployed.configuration


async def test_changes_are_counted(nucleus: TestNucleus, deployment: Deployment) -> None:
    """Each change that the nucleus tells counts, and none that it does not."""
    before = await asyncio.to_thread(deployment.changes)
    assert await asyncio.to_thread(deployment.changes) == before
    nucleus.deployed.change({"site": "leeds"}, events=3)

    async def counted() -> bool:
        return await asyncio.to_thread(deployment.changes) == before + 3

    await eventually(counted)


async def test_a_nucleus_that_was_away_counts_as_a_change(nucleus: TestNucleus, deployment: Deployment) -> None:
    """What changed meanwhile is not known, so all is to be read again; what changes from then on is told again."""
    before = await asyncio.to_thread(deployment.changes)
    await nucleus.stop()

    async def is_lost() -> bool:
        try:
            await asyncio.to_thread(deployment.changes)
        except LostError:
            return True
        return False

    await eventually(is_lost)
    await nucleus.start()
    assert await asyncio.to_thread(deployment.changes) == before + 1
    nucleus.deployed.change({"site": "leeds"})

    async def told() -> bool:
        return await asyncio.to_thread(deployment.changes) == before + 2

    await eventually(told)


async def test_a_subscription_that_ends_alone_is_made_again(nucleus: TestNucleus, deployment: Deployment) -> None:
    """When the nucleus ends just the stream of changes, another connection is made, and the old one is let go."""
    before = await asyncio.to_thread(deployment.changes)
    nucleus.deployed.end_subscriptions()

    async def is_made_again() -> bool:
        return await asyncio.to_thread(deployment.changes) > before and nucleus.connections == 2

    await eventually(is_made_again)
    await eventually(lambda: nucleus.open_connections == 1)


async def test_states_are_told(nucleus: TestNucleus, deployment: Deployment) -> None:
    """The nucleus gets them as it calls them."""
    for state in State:
        await asyncio.to_thread(deployment.report, state)
    assert nucleus.deployed.states == ["RUNNING", "ERRORED"]


async def test_proposed_configurations_are_judged(classic: TestNucleus) -> None:
    """A deployment learns whether its configuration is valid, and each reason why it is not."""
    deployment = Deployment(component_of("cloud", classic.environment))
    deployment.judge = lambda tree: ["site: missing", "pi: missing"] if "site" not in tree else []
    await asyncio.to_thread(deployment.changes)
    classic.deployed.propose({}, "d1")
    await eventually(lambda: classic.deployed.validity)
    classic.deployed.propose({"site": "leeds"}, "d2")
    await eventually(lambda: len(classic.deployed.validity) == 2)
    assert classic.deployed.validity == [
        {"deploymentId": "d1", "status": "REJECTED", "message": "site: missing\npi: missing"},
        {"deploymentId": "d2", "status": "ACCEPTED"},
    ]
    deployment.close()


async def test_an_update_waits_for_who_is_busy(classic: TestNucleus) -> None:
    """An update that is announced may come at once, or is put off while the component is busy."""
    deployment = Deployment(component_of("cloud", classic.environment))
    await asyncio.to_thread(deployment.changes)
    classic.deployed.announce_update("d1")
    await eventually(lambda: classic.deployed.deferred)
    deployment.is_busy = lambda: True
    classic.deployed.announce_update("d2")
    await eventually(lambda: len(classic.deployed.deferred) == 2)
    now, later = classic.deployed.deferred
    assert (now["deploymentId"], now["recheckAfterMs"]) == ("d1", 0)
    assert (later["deploymentId"], later["recheckAfterMs"]) == ("d2", DEFER_MS)
    deployment.close()


async def test_an_old_nucleus_that_offers_less_will_do(classic: TestNucleus) -> None:
    """Without proposals and announcements the configuration is followed all the same, over one connection."""

    def refuse(operation: str, _topic: str) -> None:
        if operation in {"SubscribeToValidateConfigurationUpdates", "SubscribeToComponentUpdates"}:
            raise OperationError("ServiceError", "no such operation")

    classic.refuse = refuse
    deployment = Deployment(component_of("cloud", classic.environment))
    before = await asyncio.to_thread(deployment.changes)
    classic.deployed.change({"site": "leeds"})

    async def told() -> bool:
        return await asyncio.to_thread(deployment.changes) == before + 1

    await eventually(told)
    assert classic.connections == 1
    deployment.close()


async def test_lite_is_asked_for_nothing_that_it_does_not_know(lite: TestNucleus) -> None:
    """It is told by its socket; an operation that it does not know is never sent."""
    asked: list[str] = []
    lite.refuse = lambda operation, _topic: asked.append(operation)
    deployment = Deployment(component_of("cloud", lite.environment))
    await asyncio.to_thread(deployment.changes)
    assert asked == ["SubscribeToConfigurationUpdate"]
    deployment.close()
