import asyncio
from collections.abc import AsyncIterator

import pytest

from pibridge.errors import UnavailableError
from pibridge.sinks.mqtt_link import Broker, Link, RefusedError
from pibridge.sinks.mqtt_reasons import Advice
from pibridge.sinks.mqtt_wires import Login, Network
from sinks.scripted_broker import ScriptedBroker, scripted_broker
from waiting import eventually

ADVICE = Advice(sink="bus", address="the broker", login="let us in", right="let us publish")


@pytest.fixture
async def scripted() -> AsyncIterator[ScriptedBroker]:
    """Run a scripted broker."""
    async with scripted_broker() as broker:
        yield broker


@pytest.fixture
async def network() -> AsyncIterator[Network]:
    """Give the library its thread."""
    network = Network()
    yield network
    await network.close()


def broker_at(port: int) -> Broker:
    """Give the address of a broker that is not waited for long."""
    return Broker("127.0.0.1", port, lambda _: Login(), ADVICE, patience_s=0.3)


@pytest.fixture
async def link(scripted: ScriptedBroker, network: Network) -> AsyncIterator[Link]:
    """Give an open connection."""
    link = await broker_at(scripted.port).connect(network, "me")
    yield link
    await link.close()


async def test_what_the_broker_agrees_to_is_known(scripted: ScriptedBroker, network: Network) -> None:
    """The size of packets and whether messages are kept come with the connection."""
    scripted.most_packet_bytes, scripted.retains = 5000, False
    link = await broker_at(scripted.port).connect(network, "me")
    assert (link.most_packet_bytes, link.retains, scripted.clients) == (5000, False, ["me"])
    await link.close()


@pytest.mark.parametrize("code", [0, 16])
async def test_a_publish_returns_when_it_is_confirmed(link: Link, scripted: ScriptedBroker, code: int) -> None:
    """A PUBACK that says success, with or without a subscriber, is the confirmation."""
    scripted.pubacks = [code]
    await link.publish("a/b", b"payload", retain=False)
    assert (scripted.topics, scripted.payloads) == (["a/b"], [b"payload"])


@pytest.mark.parametrize("code", [144, 153])
async def test_a_message_that_cannot_be_taken_is_refused(link: Link, scripted: ScriptedBroker, code: int) -> None:
    """What is wrong with the message itself is told apart from all that may pass; the connection stays."""
    scripted.pubacks = [code, 0]
    with pytest.raises(RefusedError, match=rf"topic a/b: .*\({code}\)"):
        await link.publish("a/b", b"", retain=False)
    await link.publish("a/b", b"", retain=False)


@pytest.mark.parametrize("topic", ["a/+", "x" * 70_000])
async def test_a_topic_that_mqtt_forbids_is_refused(link: Link, topic: str) -> None:
    """What the library will not even send is refused for good, too."""
    with pytest.raises(RefusedError, match="Topic Name invalid"):
        await link.publish(topic, b"", retain=False)


async def test_a_packet_beyond_the_agreed_size_is_refused(scripted: ScriptedBroker, network: Network) -> None:
    """The library knows the broker's limit and does not break it."""
    scripted.most_packet_bytes = 5000
    link = await broker_at(scripted.port).connect(network, "me")
    with pytest.raises(RefusedError, match="Packet too large"):
        await link.publish("a", bytes(6000), retain=False)
    await link.close()


@pytest.mark.parametrize("code", [128, 131, 135, 145, 151, 77])
async def test_other_answers_may_pass(link: Link, scripted: ScriptedBroker, code: int) -> None:
    """Quota, rights, and what nobody knows: the message waits, the connection stays."""
    scripted.pubacks = [code, 0]
    with pytest.raises(UnavailableError):
        await link.publish("a/b", b"", retain=False)
    assert link.lost is None
    await link.publish("a/b", b"", retain=False)


@pytest.mark.parametrize(
    ("code", "hint"), [(142, "another client uses me"), (151, "lower sinks.bus.limits"), (139, "tried again by itself")]
)
async def test_the_broker_s_goodbye_is_told(link: Link, scripted: ScriptedBroker, code: int, hint: str) -> None:
    """Taken over, throttled, shut down: whoever waits learns the broker's reason, and the link is lost for good."""
    scripted.goodbye = code
    outcomes = await asyncio.gather(
        *(link.publish(topic, b"", retain=False) for topic in "abc"), return_exceptions=True
    )
    assert all(isinstance(outcome, UnavailableError) and hint in outcome.hint for outcome in outcomes)
    with pytest.raises(UnavailableError, match=rf"\({code}\)"):
        await link.publish("a", b"", retain=False)


@pytest.mark.parametrize(("code", "hint"), [(135, "let us in"), (133, "client_id"), (159, "limits")])
async def test_a_refused_connection_is_told(scripted: ScriptedBroker, network: Network, code: int, hint: str) -> None:
    """A CONNACK with a reason is told with it."""
    scripted.connack = code
    with pytest.raises(UnavailableError, match=rf"refuses client me: .*\({code}\)") as error:
        await broker_at(scripted.port).connect(network, "me")
    assert hint in error.value.hint


async def test_silence_ends_the_connection(link: Link, scripted: ScriptedBroker) -> None:
    """When nothing at all is confirmed for so long, all who wait are told, and the link is lost."""
    scripted.pubacks = [None]
    outcomes = await asyncio.gather(*(link.publish("a", b"", retain=False) for _ in range(3)), return_exceptions=True)
    assert all("confirmed nothing for 0.3 s" in str(outcome) for outcome in outcomes)
    assert link.lost is not None


async def test_a_slow_broker_is_waited_for(link: Link, scripted: ScriptedBroker) -> None:
    """As long as something is confirmed now and then, what waits longer than patience is not given up."""
    scripted.pubacks = [None]
    slow = asyncio.create_task(link.publish("slow", b"", retain=False))
    loop = asyncio.get_running_loop()
    begun_s = loop.time()
    await eventually(lambda: scripted.topics)
    scripted.pubacks = [0]
    while loop.time() < begun_s + 0.5:
        await link.publish("quick", b"", retain=False)
    assert not slow.done()
    await link.close()
    with pytest.raises(UnavailableError, match="closed"):
        await slow


async def test_a_publish_can_be_cancelled(link: Link, scripted: ScriptedBroker) -> None:
    """Whoever no longer waits disturbs nobody, whether the answer comes or not."""
    scripted.pubacks = [None, 0]
    waiting = asyncio.create_task(link.publish("a", b"", retain=False))
    await eventually(lambda: scripted.topics)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    await link.publish("b", b"", retain=False)


async def test_nobody_there_is_told(port: int, network: Network) -> None:
    """A port that nobody listens on is UnavailableError at once."""
    with pytest.raises(UnavailableError, match=r"CONNECTION_REFUSED.*start it"):
        await broker_at(port).connect(network, "me")


@pytest.mark.parametrize(("code", "hint"), [(135, "let us publish"), (128, "let us publish"), (151, "limits")])
async def test_a_refused_subscription_is_told(link: Link, scripted: ScriptedBroker, code: int, hint: str) -> None:
    """With the topic, the broker's reason and the next step; the connection stays."""
    scripted.suback = code
    with pytest.raises(UnavailableError, match=rf"subscribe to a/b: .*\({code}\)") as refused:
        await link.subscribe("a/b")
    assert hint in refused.value.hint
    scripted.suback = 0
    await link.subscribe("a/b")


async def test_who_waits_for_the_end_is_told(link: Link, scripted: ScriptedBroker) -> None:
    """With the reason of the broker; nobody can subscribe after that."""
    ended = asyncio.create_task(link.until_lost())
    for writer in list(scripted.writers):
        writer.close()
    assert "no connection to the broker" in str(await ended)
    with pytest.raises(UnavailableError, match="no connection to the broker"):
        await link.subscribe("a/b")
