import pytest

from greengrass.nucleus import TestNucleus
from pibridge.greengrass.component import component_of
from pibridge.greengrass.connection import NucleusConnection
from pibridge.greengrass.hearing import Hearing
from pibridge.greengrass.limits import Subscribing
from waiting import eventually


@pytest.mark.parametrize("by", Subscribing)
async def test_a_subscription_is_heard_until_the_connection_ends(nucleus: TestNucleus, by: Subscribing) -> None:
    """Messages come with their bytes; the end is told once."""
    said: list[tuple[bytes, bool]] = []
    ends: list[bool] = []
    connection = NucleusConnection(component_of("cloud", nucleus.environment))
    await connection.subscribe(by, "t", Hearing(lambda *each: said.append(each), lambda: ends.append(True)))
    if by is Subscribing.TO_IOT_CORE:
        nucleus.say("t", bytes(range(256)))
    else:
        await connection.publish_to_topic("t", bytes(range(256)))
    await eventually(lambda: said == [(bytes(range(256)), False)])
    assert ends == []
    await nucleus.stop()
    await eventually(lambda: ends == [True])
    await connection.close()
