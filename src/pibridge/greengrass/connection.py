"""A connection to the nucleus, made anew when it was lost: the client library does not do that."""

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import structlog
from awscrt.exceptions import AwsCrtError
from awscrt.io import ClientBootstrap, SocketDomain, SocketOptions
from awsiot.eventstreamrpc import Connection, LifecycleHandler, MessageAmendment
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

_FAILURES: Final = (AwsCrtError, RuntimeError, TimeoutError)
"""The client library's own are all RuntimeErrors, and what its native part raises at once is a plain one."""

_log = structlog.get_logger()

# What it reports there, it raises here too.
logging.getLogger("awsiot.eventstreamrpc").setLevel(logging.CRITICAL)


class NucleusConnection:
    """Publishes through the nucleus. `patience_s`: how long an answer may take."""

    def __init__(self, component: Component, *, patience_s: float = 10.0) -> None:
        self._component = component
        self._patience_s = patience_s
        self._line: _Line | None = None
        # The client library forgets who is not held.
        self._subscriptions: list[object] = []
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
        except _FAILURES as error:
            raise self._failed(error, line, operation, topic) from error
        self._subscriptions.append(stream)

    async def close(self) -> None:
        """Let go of the connection. The next request makes another."""
        line, self._line = self._line, None
        self._subscriptions.clear()
        if line is not None:
            line.connection.close()

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
        except _FAILURES as error:
            raise self._failed(error, line, operation, topic) from error

    def _failed(self, error: Exception, line: "_Line", operation: Operation | Subscribing, topic: str) -> PIBridgeError:
        failure = publish_failure(error, operation, topic)
        if isinstance(failure, LostError):
            self._drop(line)
        return failure

    async def _connected(self) -> "_Line":
        async with self._connecting:
            if self._line is None or not self._line.lifecycle.is_up:
                self._line = await self._connect()
                _log.info("connected to the Greengrass nucleus", nucleus=self._component.nucleus)
            return self._line

    async def _connect(self) -> "_Line":
        options = SocketOptions()
        options.domain = SocketDomain.Local
        connection = Connection(
            host_name=self._component.socket,
            port=0,
            bootstrap=ClientBootstrap.get_or_create_static_default(),
            socket_options=options,
            connect_message_amender=MessageAmendment.create_static_authtoken_amender(self._component.token),
        )
        lifecycle = _Lifecycle()
        try:
            async with asyncio.timeout(self._patience_s):
                await asyncio.wrap_future(connection.connect(lifecycle))
        except _FAILURES as error:
            connection.close()
            raise connect_failure(error, self._component.socket) from error
        except asyncio.CancelledError:
            connection.close()
            raise
        return _Line(connection, GreengrassCoreIPCClient(connection), lifecycle)

    def _drop(self, line: "_Line") -> None:
        line.connection.close()
        if self._line is line:
            self._line = None


class _Lifecycle(LifecycleHandler):  # type: ignore[misc]  # the library ships no types
    """Notes the end of a connection; called by a thread of the client library."""

    def __init__(self) -> None:
        self.is_up = True

    def on_disconnect(self, reason: Exception | None) -> None:  # noqa: ARG002 - the request under way gets it too
        self.is_up = False


@dataclass(frozen=True)
class _Line:
    connection: Connection
    client: GreengrassCoreIPCClient
    lifecycle: _Lifecycle
