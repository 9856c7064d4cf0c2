"""A Greengrass nucleus for tests: its IPC on a real Unix socket, with the limits and habits of lite or classic."""

import asyncio
import base64
import contextlib
import json
import secrets
from collections.abc import AsyncIterator, Callable
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, Final

from greengrass.deployed import Deployed, OperationError, Subscriber
from greengrass.frames import (
    APPLICATION_ERROR,
    APPLICATION_MESSAGE,
    CONNECT,
    CONNECT_ACK,
    CONNECTION_ACCEPTED,
    TERMINATE_STREAM,
    BadFrameError,
    Frame,
    read_frame,
)

LITE_FRAME_BYTES: Final = 10_000
CLASSIC_FRAME_BYTES: Final = 16 << 20
CLASSIC_MESSAGE_BYTES: Final = 128 << 10

_SERVICE: Final = "aws.greengrass#"


class TestNucleus:
    """Listens below `folder`. What it has accepted is in `iot_core` and `local`, in order: topic and payload.

    `refuse`: called with operation and topic before a message is accepted; may raise OperationError, or
    ConnectionError to end the connection without an answer. `allowed`: pattern of the topics that the component may
    publish to. `answering`: while it is cleared, messages are accepted and not answered. `largest_frame_bytes`: of all
    that came in. `bad_frames`: connections that were ended because of one. `deployed`: the component itself.
    """

    __test__ = False

    def __init__(self, folder: Path, *, lite: bool = True) -> None:
        self.path = folder / ("gg-ipc.socket" if lite else "ipc.socket")
        self.token = secrets.token_hex(8)
        self.iot_core: list[tuple[str, bytes]] = []
        self.local: list[tuple[str, bytes]] = []
        self.refuse: Callable[[str, str], None] = lambda operation, topic: None  # noqa: ARG005 - it refuses nothing
        self.allowed = "*"
        self.answering = asyncio.Event()
        self.answering.set()
        self.largest_frame_bytes = 0
        self.bad_frames = 0
        self.connections = 0
        self.deployed = Deployed(lite=lite)
        self._lite = lite
        self._server: asyncio.Server | None = None
        self._calls: set[asyncio.Task[None]] = set()
        self._subscribers: list[tuple[str, _Call, int]] = []

    @property
    def open_connections(self) -> int:
        """Give how many connections there are now."""
        return len(self._calls)

    @property
    def environment(self) -> dict[str, str]:
        """Give what a component that is started now finds in its environment."""
        return {"AWS_GG_NUCLEUS_DOMAIN_SOCKET_FILEPATH_FOR_COMPONENT": str(self.path), "SVCUID": self.token}

    async def start(self) -> None:
        """Listen."""
        self._server = await asyncio.start_unix_server(self._accept, self.path)

    async def stop(self) -> None:
        """Be gone at once, as a killed process: connections end, nothing that was not answered is answered."""
        if self._server is not None:
            self._server.close()
            self._server = None
        self.path.unlink(missing_ok=True)
        self._subscribers.clear()
        self.deployed.forget_subscribers()
        calls = [call for call in self._calls if call is not asyncio.current_task()]
        for call in calls:
            call.cancel()
        await asyncio.gather(*calls, return_exceptions=True)

    def forget_tokens(self) -> None:
        """Know none of the tokens that were given: what a new start of the IPC daemon does."""
        self.token = secrets.token_hex(8)

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        call = asyncio.get_running_loop().create_task(self._serve(reader, writer))
        self._calls.add(call)
        call.add_done_callback(self._calls.discard)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await _Call(self, reader, writer).run()
        except BadFrameError:
            self.bad_frames += 1
        except (asyncio.IncompleteReadError, ConnectionError):
            pass  # the component is gone
        finally:
            writer.transport.abort()

    async def read(self, reader: asyncio.StreamReader) -> Frame:
        """Read a frame, not longer than this nucleus takes."""
        frame = await read_frame(reader, LITE_FRAME_BYTES if self._lite else CLASSIC_FRAME_BYTES)
        self.largest_frame_bytes = max(self.largest_frame_bytes, frame.size_bytes)
        return frame

    async def admit(self, hello: Frame, writer: asyncio.StreamWriter) -> bool:
        """Answer the first frame of a connection."""
        if (hello.kind, hello.stream, hello.headers.get(":version")) != (CONNECT, 0, "0.1.0"):
            return False
        is_known: bool = json.loads(hello.payload)["authToken"] == self.token
        if is_known or not self._lite:
            writer.write(Frame(CONNECT_ACK, CONNECTION_ACCEPTED if is_known else 0, 0).encode())
            await writer.drain()
        return is_known

    def error_payload(self, error: OperationError) -> dict[str, Any]:
        """Say what is wrong, each nucleus under another name."""
        return {"_message": str(error), "_errorCode": error.model} if self._lite else {"message": str(error)}

    @property
    def last_flags(self) -> int:
        """Give the flags of a single answer: classic ends the stream by it, lite leaves that to the component."""
        return 0 if self._lite else TERMINATE_STREAM

    async def perform(self, operation: str, request: dict[str, Any], call: "_Call", stream: int) -> dict[str, Any]:
        """Do what is asked for, and give the answer. Raises OperationError."""
        if operation in self.deployed.operations:
            self.refuse(operation, "")
            return self.deployed.perform(operation, request, Subscriber(call.send, stream))
        if operation not in {"PublishToIoTCore", "PublishToTopic", "SubscribeToIoTCore", "SubscribeToTopic"}:
            raise OperationError("ServiceError", f"no operation {operation}")
        topic = request.get("topicName") or request.get("topic") or ""
        if not fnmatchcase(topic, self.allowed):
            raise OperationError("UnauthorizedError", f"not authorized for {operation} on {topic}")
        if operation.startswith("SubscribeTo"):
            self._subscribers.append((topic, call, stream))
            return {}
        self.refuse(operation, topic)
        if operation == "PublishToIoTCore":
            assert request["qos"] == "1"
            payload = base64.b64decode(request["payload"], validate=True)
            if len(payload) > CLASSIC_MESSAGE_BYTES:
                raise OperationError("ServiceError", "the message is larger than mqtt.maxMessageSizeInBytes")
            self.iot_core.append((topic, payload))
        else:
            message = request["publishMessage"]["binaryMessage"]["message"]
            self.local.append((topic, base64.b64decode(message, validate=True)))
            self._tell(topic, message)
        await self.answering.wait()
        return {}

    def say(self, topic: str, payload: bytes, *, retain: bool = False) -> None:
        """Have a message of IoT Core reach those who have subscribed to its topic there."""
        message = {"topicName": topic, "payload": base64.b64encode(payload).decode(), "retain": retain}
        for wanted, call, stream in self._subscribers:
            if wanted == topic:
                call.send(stream, APPLICATION_MESSAGE, 0, "IoTCoreMessage", {"message": message})

    def listeners(self, topic: str) -> int:
        """Give how many have subscribed to a topic."""
        return sum(wanted == topic for wanted, _, _ in self._subscribers)

    def _tell(self, topic: str, message: str) -> None:
        event = {"binaryMessage": {"message": message, "context": {"topic": topic}}}
        for wanted, call, stream in self._subscribers:
            if wanted == topic:
                call.send(stream, APPLICATION_MESSAGE, 0, "SubscriptionResponseMessage", event)


class _Call:
    """One component's connection."""

    def __init__(self, nucleus: TestNucleus, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._nucleus = nucleus
        self._reader = reader
        self._writer = writer
        self._open: set[int] = set()

    async def run(self) -> None:
        """Answer one request after the other, until the component is gone."""
        if not await self._nucleus.admit(await self._nucleus.read(self._reader), self._writer):
            return
        while True:
            frame = await self._nucleus.read(self._reader)
            if frame.kind != APPLICATION_MESSAGE or frame.stream < 1:
                raise BadFrameError(f"a frame of type {frame.kind} in stream {frame.stream}")
            if frame.flags & TERMINATE_STREAM:
                self._close(frame.stream)
            else:
                await self._answer(frame)

    def send(self, stream: int, kind: int, flags: int, model: str, payload: dict[str, Any]) -> None:
        """Send a frame of this stream."""
        headers = {":content-type": "application/json", "service-model-type": f"{_SERVICE}{model}"}
        self._writer.write(Frame(kind, flags, stream, headers, json.dumps(payload).encode()).encode())

    async def _answer(self, frame: Frame) -> None:
        operation = frame.headers["operation"].removeprefix(_SERVICE)
        assert frame.headers["service-model-type"] == f"{_SERVICE}{operation}Request"
        self._open.add(frame.stream)
        try:
            answer = await self._nucleus.perform(operation, json.loads(frame.payload), self, frame.stream)
        except OperationError as error:
            said = self._nucleus.error_payload(error)
            self.send(frame.stream, APPLICATION_ERROR, TERMINATE_STREAM, error.model, said)
        else:
            is_single = not operation.startswith("Subscribe")
            flags = self._nucleus.last_flags if is_single else 0
            self.send(frame.stream, APPLICATION_MESSAGE, flags, f"{operation}Response", answer)
        await self._writer.drain()

    def _close(self, stream: int) -> None:
        if stream in self._open:
            self._open.discard(stream)
            with contextlib.suppress(ConnectionError):
                self._writer.write(Frame(APPLICATION_MESSAGE, TERMINATE_STREAM, stream).encode())


@contextlib.asynccontextmanager
async def listening(folder: Path, *, lite: bool = True) -> AsyncIterator[TestNucleus]:
    """Give a nucleus that listens, and end it."""
    nucleus = TestNucleus(folder, lite=lite)
    await nucleus.start()
    try:
        yield nucleus
    finally:
        await nucleus.stop()
