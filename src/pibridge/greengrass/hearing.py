"""Messages that come through the nucleus: of topics of IoT Core, and of other components on the core."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from awsiot.greengrasscoreipc.client import (
    GreengrassCoreIPCClient,
    SubscribeToIoTCoreStreamHandler,
    SubscribeToTopicStreamHandler,
)
from awsiot.greengrasscoreipc.model import (
    QOS,
    IoTCoreMessage,
    SubscribeToIoTCoreRequest,
    SubscribeToTopicRequest,
    SubscriptionResponseMessage,
)

from pibridge.greengrass.limits import Subscribing


@dataclass(frozen=True)
class Hearing:
    """Who is told. `said`: each message, and whether it is one that was kept. `ended`: that no more will come.

    Both are called by threads of the client library.
    """

    said: Callable[[bytes, bool], None]
    ended: Callable[[], None]


def subscription(
    client: GreengrassCoreIPCClient, operation: Subscribing, topic: str, hearing: Hearing
) -> tuple[Any, Any]:
    """Give the stream of a subscription that is not begun yet, and the request that begins it."""
    if operation is Subscribing.TO_IOT_CORE:
        request = SubscribeToIoTCoreRequest(topic_name=topic, qos=QOS.AT_LEAST_ONCE)
        return client.new_subscribe_to_iot_core(_FromCloud(hearing)), request
    return client.new_subscribe_to_topic(_FromCore(hearing)), SubscribeToTopicRequest(topic=topic)


class _FromCloud(SubscribeToIoTCoreStreamHandler):  # type: ignore[misc]  # the library ships no types
    def __init__(self, hearing: Hearing) -> None:
        super().__init__()
        self._hearing = hearing

    def on_stream_event(self, event: IoTCoreMessage) -> None:
        message = event.message
        if message is not None:
            self._hearing.said(bytes(message.payload or b""), bool(message.retain))

    def on_stream_error(self, error: Exception) -> bool:  # noqa: ARG002 - what follows is still heard
        return False

    def on_stream_closed(self) -> None:
        self._hearing.ended()


class _FromCore(SubscribeToTopicStreamHandler):  # type: ignore[misc]  # same
    def __init__(self, hearing: Hearing) -> None:
        super().__init__()
        self._hearing = hearing

    def on_stream_event(self, event: SubscriptionResponseMessage) -> None:
        if event.binary_message is not None:
            self._hearing.said(bytes(event.binary_message.message or b""), False)  # noqa: FBT003 - kept by nobody
        elif event.json_message is not None:
            self._hearing.said(json.dumps(event.json_message.message).encode(), False)  # noqa: FBT003 - same

    def on_stream_error(self, error: Exception) -> bool:  # noqa: ARG002 - what follows is still heard
        return False

    def on_stream_closed(self) -> None:
        self._hearing.ended()
