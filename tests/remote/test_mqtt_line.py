import asyncio

import pytest

from pibridge.errors import UnavailableError
from pibridge.remote.mqtt_line import MqttLine
from remote.watchers import HEALTH, REQUESTS, Watcher
from waiting import eventually


class Heard:
    """What a session has heard."""

    def __init__(self) -> None:
        self.said: list[tuple[bytes, bool]] = []

    def note(self, payload: bytes, is_retained: bool) -> None:  # noqa: FBT001 - as the line calls it
        """Note it."""
        self.said.append((payload, is_retained))


async def test_it_tells_and_hears(watcher: Watcher) -> None:
    """What is published arrives, what is said on its topic is heard, nothing else is; it ends with a goodbye."""
    heard = Heard()
    async with watcher.line().session((HEALTH, b'{"lost":1}'), REQUESTS, heard.note) as session:
        await session.publish(HEALTH, b'{"well":1}')
        await watcher.ask(b"hello")
        await eventually(lambda: heard.said)
    await eventually(lambda: watcher.heard(HEALTH))
    assert heard.said == [(b"hello", False)]
    await watcher.ask({"after": 1})
    await eventually(lambda: len(watcher.side.subscriber.messages) == 3)
    assert watcher.heard(HEALTH) == [{"well": 1}]


async def test_what_the_broker_kept_is_told_apart(watcher: Watcher) -> None:
    """A message from before the connection is marked."""
    await watcher.ask(b"old", "-r")
    heard = Heard()
    async with watcher.line().session(None, REQUESTS, heard.note):
        await eventually(lambda: heard.said)
    assert heard.said == [(b"old", True)]


async def test_a_lost_connection_is_known_at_once(watcher: Watcher) -> None:
    """Who waits learns it; the next session is a new connection."""
    line = watcher.line()
    async with line.session(None, REQUESTS, Heard().note) as session:
        waiting = asyncio.create_task(session.until_lost())
        await watcher.side.fail()
        assert isinstance(await asyncio.wait_for(waiting, 10), UnavailableError)
        with pytest.raises(UnavailableError):
            await session.publish(HEALTH, b"x")
    with pytest.raises(UnavailableError):
        async with line.session(None, None, Heard().note):
            pass
    await watcher.side.start()
    async with line.session(None, None, Heard().note) as session:
        await session.publish(HEALTH, b"{}")


async def test_the_will_is_told_when_the_process_dies(watcher: Watcher) -> None:
    """Without a goodbye from us the broker says that the connection is lost."""
    line = watcher.line()
    assert isinstance(line, MqttLine)
    # Another client of this name: the broker ends the first connection, as a network would.
    async with (
        line.session((HEALTH, b'{"lost":1}'), None, Heard().note),
        line.session(None, None, Heard().note),
    ):
        await eventually(lambda: watcher.heard(HEALTH) == [{"lost": 1}])
