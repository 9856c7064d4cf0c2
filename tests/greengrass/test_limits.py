import json
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from context.plants import NOON, POINT
from greengrass.frames import APPLICATION_MESSAGE, Frame
from pibridge.context.messages import Encoding, Packing
from pibridge.context.record import Record, context_of
from pibridge.context.topics import TopicTemplate
from pibridge.greengrass.component import Nucleus
from pibridge.greengrass.limits import LITE_FRAME_BYTES, Operation, frame_bytes, most_payload_bytes, topic_problem
from pibridge.model.event import Event, Lane

operations = st.sampled_from(Operation)
topics = st.text(min_size=1, max_size=256)


@given(topic=topics, operation=operations)
def test_the_largest_payload_fits_every_possible_topic(topic: str, operation: Operation) -> None:
    """On lite a topic has a problem, or the largest payload fits beside it into a frame."""
    most_bytes = most_payload_bytes(operation, Nucleus.LITE)
    assert topic_problem(topic, operation) or frame_bytes(operation, topic, most_bytes) <= LITE_FRAME_BYTES


@pytest.mark.parametrize("topic", ["\N{DEGREE SIGN}" * 128, '"' * 256, "\N{ROCKET}" * 64, "x" * 256])
def test_the_longest_topics_leave_room(topic: str) -> None:
    """Topics that become longest in JSON have no problem, and the largest payload fits."""
    for operation in Operation:
        assert topic_problem(topic, operation) == ""
        assert frame_bytes(operation, topic, most_payload_bytes(operation, Nucleus.LITE)) <= LITE_FRAME_BYTES


def test_little_room_is_given_away() -> None:
    """A lite frame is used to more than nine tenths, and a classic nucleus takes what IoT Core takes."""
    for operation in Operation:
        most_bytes = most_payload_bytes(operation, Nucleus.LITE)
        assert frame_bytes(operation, "pi/houston/Plant/Area1/R1", most_bytes) > LITE_FRAME_BYTES * 0.9
        assert most_payload_bytes(operation, Nucleus.CLASSIC) == 131_072


@given(
    names=st.lists(st.text(min_size=1, max_size=300), min_size=1, max_size=4),
    texts=st.lists(st.text(max_size=4000), max_size=30),
    operation=st.sampled_from(Operation),
    encoding=st.sampled_from(get_args(Encoding)),
)
def test_no_message_is_a_frame_too_long(
    names: list[str],
    texts: list[str],
    operation: Operation,
    encoding: Encoding,
) -> None:
    """Whatever tags are called and say: a packed message fits a frame of lite, or its topic has a problem."""
    contexts = [context_of("houston", replace(POINT, name=name), None, Lane.LIVE) for name in names]
    records = [
        Record(seq, Event(0, NOON + seq, text), contexts[seq % len(contexts)]) for seq, text in enumerate(texts, 1)
    ]
    most_bytes = most_payload_bytes(operation, Nucleus.LITE)
    packing = Packing("houston", TopicTemplate("pi/{tag}", "houston").of, most_bytes, encoding=encoding)
    for message in packing.pack(records)[0]:
        sent_bytes = frame_bytes(operation, message.topic, len(message.payload))
        assert topic_problem(message.topic, operation) or sent_bytes <= LITE_FRAME_BYTES


@given(topic=st.text("ab/°🚀", min_size=1, max_size=64))
def test_what_a_subscriber_gets_fits_too(topic: str) -> None:
    """The frame by which lite hands a local message on is no longer than the one that it came in."""
    size_bytes = most_payload_bytes(Operation.PUBLISH_TO_TOPIC, Nucleus.LITE)
    message = "A" * (size_bytes // 3 * 4)
    event = {"binaryMessage": {"message": message, "context": {"topic": topic}}}
    headers = {
        ":content-type": "application/json",
        "service-model-type": "aws.greengrass#SubscriptionResponseMessage",
    }
    frame = Frame(APPLICATION_MESSAGE, 0, 1, headers, json.dumps(event).encode())
    assert len(frame.encode()) <= frame_bytes(Operation.PUBLISH_TO_TOPIC, topic, size_bytes) <= LITE_FRAME_BYTES


@pytest.mark.parametrize(
    ("topic", "operation", "problem"),
    [
        ("a/b/c/d/e/f/g/h", Operation.PUBLISH_TO_IOT_CORE, ""),
        ("a/b/c/d/e/f/g/h/i", Operation.PUBLISH_TO_IOT_CORE, "has 8 slashes, IoT Core takes at most 7"),
        ("$aws/rules/archive/a/b/c/d/e/f/g/h", Operation.PUBLISH_TO_IOT_CORE, ""),
        ("a/b/c/d/e/f/g/h/i", Operation.PUBLISH_TO_TOPIC, ""),
        ("é" * 128, Operation.PUBLISH_TO_IOT_CORE, ""),
        ("é" * 128 + "x", Operation.PUBLISH_TO_IOT_CORE, "has 257 bytes, at most 256"),
        ("x" * 257, Operation.PUBLISH_TO_TOPIC, "has 257 bytes, at most 256"),
        ("a\nb", Operation.PUBLISH_TO_TOPIC, "has control characters"),
    ],
)
def test_a_topic_that_nobody_takes_is_known_before(topic: str, operation: Operation, problem: str) -> None:
    """The limits of IoT Core are told in its units; the prefix of a rule does not count; local topics may be deep."""
    found = topic_problem(topic, operation)
    assert problem in found
    assert bool(problem) == bool(found)
