import asyncio
import re
import socket
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from awsiot.greengrasscoreipc import connect
from awsiot.greengrasscoreipc.clientv2 import GreengrassCoreIPCClientV2
from awsiot.greengrasscoreipc.model import SubscriptionResponseMessage

import pibridge
from greengrass.deployed import OperationError
from greengrass.nucleus import LITE_FRAME_BYTES, TestNucleus
from pibridge.errors import UnavailableError
from pibridge.greengrass.component import component_of
from pibridge.greengrass.connection import NucleusConnection
from pibridge.greengrass.failures import LostError, NeverTakenError, NotTakenError
from pibridge.greengrass.limits import Operation, frame_bytes, most_payload_bytes
from waiting import eventually


def connection_to(nucleus: TestNucleus, patience_s: float = 10.0) -> NucleusConnection:
    """Give what a component that is started now makes."""
    return NucleusConnection(component_of("cloud", nucleus.environment), patience_s=patience_s)


@pytest.fixture
async def connection(nucleus: TestNucleus) -> AsyncIterator[NucleusConnection]:
    """Give a connection to the nucleus."""
    connection = connection_to(nucleus)
    yield connection
    await connection.close()


async def test_what_is_published_arrives(connection: NucleusConnection, nucleus: TestNucleus) -> None:
    """Both operations hand topic and bytes over as they are, by one connection."""
    payload = bytes(range(256))
    await connection.publish_to_iot_core("pi/houston/°C", payload)
    await connection.publish_to_topic("pi/local", payload)
    assert nucleus.iot_core == [("pi/houston/°C", payload)]
    assert nucleus.local == [("pi/local", payload)]
    assert nucleus.connections == 1


async def test_a_local_message_reaches_a_subscriber(connection: NucleusConnection, nucleus: TestNucleus) -> None:
    """Another component that has subscribed by the vendor's client gets the bytes."""
    got: list[bytes] = []

    def note(event: SubscriptionResponseMessage) -> None:
        got.append(event.binary_message.message)

    def subscribe() -> GreengrassCoreIPCClientV2:
        client = GreengrassCoreIPCClientV2(client=connect(ipc_socket=str(nucleus.path), authtoken=nucleus.token))
        client.subscribe_to_topic(topic="pi/local", on_stream_event=note)
        return client

    subscriber = await asyncio.to_thread(subscribe)
    await connection.publish_to_topic("pi/local", b"one")
    await eventually(lambda: got == [b"one"])
    await asyncio.to_thread(lambda: subscriber.close().result(10))


@pytest.mark.parametrize("operation", Operation)
@pytest.mark.parametrize("topic", ["a", "é/\N{ROCKET}", 'x"y'])
async def test_frames_are_as_large_as_computed(lite: TestNucleus, operation: Operation, topic: str) -> None:
    """The computed size of a frame is, to the byte, what the client library sends."""
    connection = connection_to(lite)
    publish = connection.publish_to_iot_core if operation == "PublishToIoTCore" else connection.publish_to_topic
    await connection.open()
    for size_bytes in (300, 301, 302, 303):
        await publish(topic, b"x" * size_bytes)
        assert lite.largest_frame_bytes == frame_bytes(operation, topic, size_bytes)
    await connection.close()


@pytest.mark.parametrize("operation", Operation)
async def test_the_largest_payload_is_taken(
    connection: NucleusConnection, nucleus: TestNucleus, operation: Operation
) -> None:
    """The largest payload for this nucleus, to the longest topic, is no frame too long."""
    publish = connection.publish_to_iot_core if operation == "PublishToIoTCore" else connection.publish_to_topic
    payload = b"x" * most_payload_bytes(operation, component_of("cloud", nucleus.environment).nucleus)
    await publish("é" * 128, payload)
    assert [each for _, each in nucleus.iot_core + nucleus.local] == [payload]
    assert nucleus.bad_frames == 0


async def test_a_frame_too_long_ends_the_connection(lite: TestNucleus) -> None:
    """Lite does not answer one byte more than a frame may have; the next message is taken by a new connection."""
    connection = connection_to(lite)
    size_bytes = (LITE_FRAME_BYTES - frame_bytes(Operation.PUBLISH_TO_IOT_CORE, "a", 0)) // 4 * 3
    await connection.publish_to_iot_core("a", b"x" * size_bytes)
    with pytest.raises(LostError):
        await connection.publish_to_iot_core("a", b"x" * (size_bytes + 1))
    assert lite.bad_frames == 1
    await connection.publish_to_iot_core("a", b"small")
    assert [len(payload) for _, payload in lite.iot_core] == [size_bytes, 5]
    assert lite.connections == 2
    await connection.close()


@pytest.mark.parametrize(
    ("model", "kind"),
    [("ServiceError", NotTakenError), ("InvalidArgumentsError", NeverTakenError), ("UnknownError", LostError)],
)
async def test_errors_are_told_apart(
    connection: NucleusConnection, nucleus: TestNucleus, model: str, kind: type[Exception]
) -> None:
    """The nucleus's answers become what a caller can do; after each, a message is taken."""

    def refuse(_operation: str, _topic: str) -> None:
        raise OperationError(model, "because")

    takes, nucleus.refuse = nucleus.refuse, refuse
    with pytest.raises(kind):
        await connection.publish_to_iot_core("a", b"x")
    nucleus.refuse = takes
    await connection.publish_to_iot_core("a", b"y")
    assert nucleus.iot_core == [("a", b"y")]


async def test_a_topic_that_the_policy_does_not_allow(connection: NucleusConnection, nucleus: TestNucleus) -> None:
    """The error names the policy; what is allowed still goes by the same connection."""
    nucleus.allowed = "pi/*"
    with pytest.raises(UnavailableError, match=r"publish to other .*accessControl, aws\.greengrass\.ipc\.pubsub"):
        await connection.publish_to_topic("other", b"x")
    await connection.publish_to_topic("pi/a", b"x")
    assert nucleus.connections == 1


async def test_a_wrong_token_is_told(nucleus: TestNucleus) -> None:
    """Lite hangs up and classic says no; both become what to do, and the token is not shown."""
    connection = connection_to(nucleus)
    old = nucleus.token
    nucleus.forget_tokens()
    with pytest.raises(UnavailableError, match="restart the component") as refused:
        await connection.open()
    assert old not in str(refused.value)
    await connection.close()


async def test_a_slow_answer_is_not_waited_for(nucleus: TestNucleus) -> None:
    """What is not answered in time counts as lost, and so does its connection: no late answer meets a new request."""
    connection = connection_to(nucleus, patience_s=0.1)
    nucleus.answering.clear()
    with pytest.raises(LostError, match="no answer"):
        await connection.publish_to_iot_core("a", b"x")
    nucleus.answering.set()
    await connection.publish_to_iot_core("a", b"y")
    assert nucleus.connections == 2
    await connection.close()


async def test_a_silent_nucleus_is_not_waited_for(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Who takes the connection and never answers the first frame is reported in time."""
    silent = TestNucleus(tmp_path_factory.mktemp("core"))
    connection = connection_to(silent, patience_s=0.1)
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(silent.path))
        listener.listen()
        with pytest.raises(LostError, match="no answer"):
            await connection.open()
    await connection.close()


async def test_a_nucleus_that_comes_back_is_found(connection: NucleusConnection, nucleus: TestNucleus) -> None:
    """While it is gone, each try says so at once; then the next one connects anew."""
    await connection.publish_to_iot_core("a", b"1")
    await nucleus.stop()
    with pytest.raises(LostError):
        await connection.publish_to_iot_core("a", b"2")
    with pytest.raises(LostError, match="start the nucleus"):
        await connection.publish_to_iot_core("a", b"2")
    await nucleus.start()
    await connection.publish_to_iot_core("a", b"2")
    assert nucleus.iot_core == [("a", b"1"), ("a", b"2")]


async def test_lanes_share_one_connection(connection: NucleusConnection, nucleus: TestNucleus) -> None:
    """Requests that start together connect once, and each gets its own answer."""
    await asyncio.gather(*(connection.publish_to_iot_core(f"t/{n}", b"x") for n in range(20)))
    assert nucleus.connections == 1
    assert sorted(nucleus.iot_core) == sorted((f"t/{n}", b"x") for n in range(20))


async def test_a_publish_can_be_given_up(connection: NucleusConnection, nucleus: TestNucleus) -> None:
    """A request that is cancelled while it waits harms none that follows."""
    nucleus.answering.clear()
    publishing = asyncio.create_task(connection.publish_to_iot_core("a", b"1"))
    await eventually(lambda: nucleus.iot_core)
    publishing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await publishing
    nucleus.answering.set()
    await connection.publish_to_iot_core("a", b"2")
    assert nucleus.iot_core[-1] == ("a", b"2")


def test_only_this_room_imports_greengrass_ipc() -> None:
    """Whatever else needs the nucleus asks this room."""
    source = Path(pibridge.__file__).parent
    importers = {
        path.parent.name
        for path in source.rglob("*.py")
        if re.search(r"^\s*(?:from|import) awsiot\.greengrasscoreipc", path.read_text(encoding="utf-8"), re.MULTILINE)
    }
    assert importers == {"greengrass"}


def test_nothing_is_loaded_before_it_is_needed() -> None:
    """A process that only asks whether it is a component loads nothing of the vendor's."""
    code = "import sys, pibridge.greengrass.component, pibridge.greengrass.limits; sys.exit('awsiot' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)
