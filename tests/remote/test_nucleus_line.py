import asyncio

import pytest

from greengrass.nucleus import TestNucleus
from pibridge.errors import UnavailableError
from pibridge.greengrass.component import component_of
from pibridge.remote.nucleus_line import NucleusLine
from waiting import eventually


def line_over(nucleus: TestNucleus, *, local: bool = False) -> NucleusLine:
    """Make the line of a component that is started now."""
    return NucleusLine(component_of("cloud", nucleus.environment), local=local)


async def test_it_tells_iot_core_and_hears_it(nucleus: TestNucleus) -> None:
    """What is published is accepted; what is said on its topic is heard, kept messages are marked."""
    heard: list[tuple[bytes, bool]] = []
    async with line_over(nucleus).session(("t", b"will"), "commands", lambda *said: heard.append(said)) as session:
        await session.publish("health", b"well")
        nucleus.say("commands", b"one")
        nucleus.say("commands", b"old", retain=True)
        nucleus.say("other", b"two")
        await eventually(lambda: len(heard) == 2)
    assert heard == [(b"one", False), (b"old", True)]
    assert nucleus.iot_core == [("health", b"well")]


async def test_it_tells_other_components_and_hears_them(nucleus: TestNucleus) -> None:
    """The same on the core alone."""
    heard: list[tuple[bytes, bool]] = []
    line = line_over(nucleus, local=True)
    async with line.session(None, "commands", lambda *said: heard.append(said)) as session:
        await session.publish("health", b"well")
        await session.publish("commands", b"one")
        await eventually(lambda: heard)
    assert heard == [(b"one", False)]
    assert nucleus.local == [("health", b"well"), ("commands", b"one")]
    assert line.most_bytes < 10_000 or "lite" not in str(nucleus.path)


async def test_a_lost_nucleus_is_known_at_once(nucleus: TestNucleus) -> None:
    """Who waits learns it, and can connect again when it is back."""
    line = line_over(nucleus)
    async with line.session(None, "commands", lambda *_: None) as session:
        waiting = asyncio.create_task(session.until_lost())
        await nucleus.stop()
        assert isinstance(await asyncio.wait_for(waiting, 10), UnavailableError)
    with pytest.raises(UnavailableError):
        async with line.session(None, "commands", lambda *_: None):
            pass
    await nucleus.start()
    async with line.session(None, "commands", lambda *_: None):
        assert nucleus.listeners("commands") == 1


async def test_a_topic_that_may_not_be_heard_is_told(nucleus: TestNucleus) -> None:
    """What the recipe has to allow is in the hint."""
    nucleus.allowed = "health"
    with pytest.raises(UnavailableError, match="cannot subscribe to commands") as refused:
        async with line_over(nucleus).session(None, "commands", lambda *_: None):
            pass
    assert "aws.greengrass#SubscribeToIoTCore" in refused.value.hint
