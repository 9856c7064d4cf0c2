"""How much fits into one request to the nucleus. Pure."""

import json
from enum import StrEnum
from typing import Final

from pibridge.greengrass.component import Nucleus

LITE_FRAME_BYTES: Final = 10_000
"""Nucleus lite closes the connection on a longer frame."""
MESSAGE_BYTES: Final = 128 << 10
"""IoT Core takes no longer payload, and the classic nucleus, whose frames are longer, does not either."""
TOPIC_BYTES: Final = 256
TOPIC_SLASHES: Final = 7

_FRAME_BYTES: Final = 16
"""Lengths and checksums of a frame."""
_JSON_BYTES_OF_TOPIC_BYTE: Final = 3
"""At most: two bytes in UTF-8 may become six in JSON."""
_RULES: Final = "$aws/rules/"


class Operation(StrEnum):
    """What the nucleus is asked for."""

    PUBLISH_TO_IOT_CORE = "PublishToIoTCore"
    PUBLISH_TO_TOPIC = "PublishToTopic"


class Subscribing(StrEnum):
    """By what the nucleus is asked for the messages of a topic."""

    TO_IOT_CORE = "SubscribeToIoTCore"
    TO_TOPIC = "SubscribeToTopic"


def frame_bytes(operation: Operation, topic: str, payload_bytes: int) -> int:
    """Give the size of the frame in which the client library sends a payload of this size."""
    name = f"aws.greengrass#{operation}"
    headers = (
        sum(_header_bytes(header, 4) for header in (":message-type", ":message-flags", ":stream-id"))
        + _header_bytes("operation", 2 + len(name))
        + _header_bytes(":content-type", 2 + len("application/json"))
        + _header_bytes("service-model-type", 2 + len(f"{name}Request"))
    )
    request: dict[str, object] = (
        {"topicName": topic, "qos": "1", "payload": ""}
        if operation is Operation.PUBLISH_TO_IOT_CORE
        else {"topic": topic, "publishMessage": {"binaryMessage": {"message": ""}}}
    )
    return _FRAME_BYTES + headers + len(json.dumps(request)) + (payload_bytes + 2) // 3 * 4


def most_payload_bytes(operation: Operation, nucleus: Nucleus) -> int:
    """Give the size of the largest payload that can be sent to every topic without a problem."""
    if nucleus is Nucleus.CLASSIC:
        return MESSAGE_BYTES
    room_bytes = LITE_FRAME_BYTES - frame_bytes(operation, "", 0) - TOPIC_BYTES * _JSON_BYTES_OF_TOPIC_BYTE
    return room_bytes // 4 * 3


def topic_problem(topic: str, operation: Operation) -> str:
    """Say why nothing can be published to a topic, or nothing. A template that names a rule may have more slashes."""
    if len(topic.encode()) > TOPIC_BYTES:
        return f"the topic {topic} has {len(topic.encode())} bytes, at most {TOPIC_BYTES} are possible"
    if any(character < " " for character in topic):
        return f"the topic {topic!r} has control characters"
    levels = topic.split("/", 3)[-1] if topic.startswith(_RULES) else topic
    if operation is Operation.PUBLISH_TO_IOT_CORE and levels.count("/") > TOPIC_SLASHES:
        return f"the topic {topic} has {levels.count('/')} slashes, IoT Core takes at most {TOPIC_SLASHES}"
    return ""


def _header_bytes(name: str, value_bytes: int) -> int:
    return 1 + len(name) + 1 + value_bytes
