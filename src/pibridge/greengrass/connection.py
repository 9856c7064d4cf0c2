"""Publishing through the nucleus, over a connection that is made anew when it was lost."""

import asyncio
from collections.abc import Callable
from typing import Any

import structlog
from awsiot.greengrasscoreipc.client import GreengrassCoreIPCClient
from awsiot.greengrasscoreipc.model import (
    QOS,
    BinaryMessage,
    PublishMessage,
    PublishToIoTCoreRequest,
    PublishToTopicRequest,
)

from pibridge.errors import PIBridgeError
from pibridge.greengrass.component import Component
from pibridge.greengrass.failures import LostError, connect_failure, publish_failure
from pibridge.greengrass.hearing import Hearing, subscription
from pibridge.greengrass.limits import Operation, Subscribing
from pibridge.greengrass.line import FAILURES, Line

_log = structlog.get_logger()


class NucleusConnection:
    """Publishes through the nucleus. `patience_s`: how long an answer may take."""

    def __init__(self, component: Component, *, patience_s: float = 10.0) -> None:
        self._component = component
        self._patience_s = patience_s
        self._line: Line | None = None
        self._connecting = asyncio.Lock()

    async def open(self) -> None:
        """Connect, unless that is done. Raises LostError."""
        await self._connected()

    async def publish_to_iot_core(self, topic: str, payload: bytes) -> None:
        """Hand a message of QoS 1 over; on return the nucleus has accepted it, and IoT Core may not have it.

        Raises NotTakenError, LostError, another UnavailableError if the component may not, or NeverTakenError.
        """
        request = PublishToIoTCoreRequest(topic_name=topic, qos=QOS.AT_LEAST_ONCE, payload=payload)
        await self._ask(Operation.PUBLISH_TO_IOT_CORE, topic, GreengrassCoreIPCClient.new_publish_to_iot_core, request)

    async def publish_to_topic(self, topic: str, payload: bytes) -> None:
        """Hand a binary message to the components on this core that have subscribed to the topic, if any.

        Raises what `publish_to_iot_core` raises.
        """
        message = PublishMessage(binary_message=BinaryMessage(message=payload))
        request = PublishToTopicRequest(topic=topic, publish_message=message)
        await self._ask(Operation.PUBLISH_TO_TOPIC, topic, GreengrassCoreIPCClient.new_publish_to_topic, request)

    async def subscribe(self, operation: Subscribing, topic: str, hearing: Hearing) -> None:
        """Have all messages of a topic from now on, until the connection is lost: `hearing` is told both.

        Raises what `publish_to_iot_core` raises.
        """
        line = await self._connected()
        try:
            async with asyncio.timeout(self._patience_s):
                stream, request = subscription(line.client, operation, topic, hearing)
                await asyncio.wrap_future(stream.activate(request))
                await asyncio.wrap_future(stream.get_response())
        except FAILURES as error:
            raise self._failed(error, line, operation, topic) from error
        line.subscriptions.append(stream)

    async def close(self) -> None:
        """Let go of the connection. The next request makes another."""
        line, self._line = self._line, None
        if line is not None:
            line.close()

    async def _ask(
        self, operation: Operation, topic: str, begin: Callable[[GreengrassCoreIPCClient], Any], request: Any
    ) -> None:
        line = await self._connected()
        try:
            async with asyncio.timeout(self._patience_s):
                stream = begin(line.client)
                try:
                    await asyncio.wrap_future(stream.activate(request))
                    await asyncio.wrap_future(stream.get_response())
                finally:
                    stream.close()
        except FAILURES as error:
            raise self._failed(error, line, operation, topic) from error

    def _failed(self, error: Exception, line: Line, operation: Operation | Subscribing, topic: str) -> PIBridgeError:
        failure = publish_failure(error, operation, topic)
        if isinstance(failure, LostError):
            self._drop(line)
        return failure

    async def _connected(self) -> Line:
        async with self._connecting:
            if self._line is None or not self._line.is_up:
                self._line = await self._connect()
                _log.info("connected to the Greengrass nucleus", nucleus=self._component.nucleus)
            return self._line

    async def _connect(self) -> Line:
        line = Line(self._component)
        try:
            async with asyncio.timeout(self._patience_s):
                await asyncio.wrap_future(line.connect())
        except FAILURES as error:
            line.close()
            raise connect_failure(error, self._component.socket) from error
        except asyncio.CancelledError:
            line.close()
            raise
        return line

    def _drop(self, line: Line) -> None:
        line.close()
        if self._line is line:
            self._line = None
