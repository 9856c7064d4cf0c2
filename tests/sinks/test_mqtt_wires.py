import asyncio
from collections.abc import AsyncIterator, Callable

import pytest

from pibridge.sinks.mqtt_reasons import Advice, Trouble
from pibridge.sinks.mqtt_wires import Login, Network, Wire, Wire5, Wire311, library_trouble
from sinks.scripted_broker import ScriptedBroker, scripted_broker
from waiting import eventually

ADVICE = Advice(sink="bus", address="the broker", login="let us in", right="let us publish")


class Noted:
    """What a wire has told."""

    def __init__(self) -> None:
        self.told: list[object] = []

    def opened(self, most_packet_bytes: int, *, retains: bool) -> None:
        """Note it."""
        self.told.append(("opened", most_packet_bytes > 100_000, retains))

    def said(self, payload: bytes, *, is_retained: bool) -> None:
        """Note it."""
        self.told.append((payload, is_retained))

    def ended(self, trouble: Trouble) -> None:
        """Note it."""
        self.told.append(trouble)

    def stopped(self) -> None:
        """Note it."""
        self.told.append("stopped")


Making = Callable[[int], tuple[Wire, Noted]]


@pytest.fixture
async def scripted() -> AsyncIterator[ScriptedBroker]:
    """Run a scripted broker."""
    async with scripted_broker() as broker:
        yield broker


@pytest.fixture(params=[Wire5, Wire311])
async def make(request: pytest.FixtureRequest) -> AsyncIterator[Making]:
    """Make wires of each version."""
    network = Network()

    def make(port: int) -> tuple[Wire, Noted]:
        heard = Noted()
        return request.param(network.bootstrap, "127.0.0.1", port, "me", Login(), ADVICE, heard), heard

    yield make
    await network.close()


async def test_a_wire_tells_its_life(make: Making, scripted: ScriptedBroker) -> None:
    """Opened, a message confirmed, stopped; nothing is heard after that."""
    wire, heard = make(scripted.port)
    wire.start()
    await eventually(lambda: heard.told == [("opened", True, True)])
    assert await asyncio.wrap_future(wire.publish("a", b"x", retain=False)) == 0
    wire.stop()
    await eventually(lambda: "stopped" in heard.told)
    assert (scripted.topics, scripted.clients) == (["a"], ["me"])
    with pytest.raises(RuntimeError, match="ended"):
        await asyncio.wrap_future(wire.publish("a", b"x", retain=False))


async def test_a_lost_connection_is_not_made_again(make: Making, scripted: ScriptedBroker) -> None:
    """When the broker closes the socket, the wire tells so once, and what was under way is not sent again."""
    scripted.pubacks = [None]
    wire, heard = make(scripted.port)
    wire.start()
    await eventually(lambda: heard.told)
    under_way = wire.publish("a", b"x", retain=False)
    await eventually(lambda: scripted.topics)
    for writer in list(scripted.writers):
        writer.close()
    await eventually(lambda: len(heard.told) > 1)
    trouble = heard.told[1]
    assert isinstance(trouble, Trouble)
    assert "a second client with the name me" in trouble.hint
    wire.stop()
    await eventually(lambda: heard.told[2:] == ["stopped"], within_s=15)
    assert (scripted.clients, scripted.topics) == (["me"], ["a"])
    assert not under_way.done() or under_way.exception() is not None


async def test_a_refused_client_is_told(make: Making, scripted: ScriptedBroker) -> None:
    """A CONNACK that refuses gives the next step; with MQTT 5 the reason, too."""
    scripted.connack = 5
    wire, heard = make(scripted.port)
    if isinstance(wire, Wire5):
        scripted.connack = 135
    wire.start()
    await eventually(lambda: heard.told)
    (trouble,) = heard.told
    assert isinstance(trouble, Trouble)
    assert ("Not authorized (135)" in trouble.what) is isinstance(wire, Wire5)
    assert "let us in" in trouble.hint
    wire.stop()
    await eventually(lambda: heard.told[1:] == ["stopped"])


async def test_a_topic_that_mqtt_forbids_has_the_code_of_a_broker(make: Making, scripted: ScriptedBroker) -> None:
    """What the library refuses by itself is answered as a broker would."""
    wire, heard = make(scripted.port)
    wire.start()
    await eventually(lambda: heard.told)
    assert await asyncio.wrap_future(wire.publish("a/#", b"", retain=False)) == 144
    wire.stop()
    await eventually(lambda: "stopped" in heard.told)


def test_a_password_is_not_shown() -> None:
    """A login can be looked at without giving anything away."""
    assert "geheim" not in repr(Login(username="u", password="geheim"))


def test_other_exceptions_are_told_by_their_kind() -> None:
    """What is no error of the library still has a name and a next step."""
    trouble = library_trouble(ADVICE, "me", RuntimeError("so it is"))
    assert trouble.what == "no connection to the broker: RuntimeError: so it is"
