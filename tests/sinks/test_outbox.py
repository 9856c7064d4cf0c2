from random import Random

from hypothesis import given
from hypothesis import strategies as st

from pibridge.context.messages import Message
from pibridge.sinks.outbox import Outbox, size_bytes

MESSAGES = st.lists(st.tuples(st.sampled_from("abcdeü"), st.binary(max_size=40)), max_size=40)


@given(MESSAGES, st.integers(1, 6), st.integers(1, 120), st.randoms(use_true_random=False))
def test_each_key_keeps_its_order_whatever_is_taken(
    said: list[tuple[str, bytes]], most_messages: int, most_bytes: int, luck: Random
) -> None:
    """Each message is taken once, those of a key in order; requests keep the limits and hold a key once."""
    messages = [Message(key, payload, ()) for key, payload in said]
    outbox = Outbox(messages, most_messages=most_messages, most_bytes=most_bytes)
    taken: list[Message] = []
    while request := outbox.request():
        assert len(request) <= most_messages
        assert len(request) == 1 or sum(map(size_bytes, request)) <= most_bytes
        assert len({message.topic for message in request}) == len(request)
        for message in request:
            if luck.random() < 0.7:
                outbox.taken(message)
                taken.append(message)
            else:
                outbox.not_taken(message)
    assert len(taken) == len(messages)
    for key in "abcdeü":
        assert [message for message in taken if message.topic == key] == [
            message for message in messages if message.topic == key
        ]


def test_a_key_that_is_not_taken_holds_up_no_other() -> None:
    """What failed leaves again behind what was not tried yet, so that a busy shard cannot fill every request."""
    outbox = Outbox([Message(key, b"", ()) for key in "abc"], most_messages=1, most_bytes=100)
    first = outbox.request()
    outbox.not_taken(first[0])
    assert [message.topic for message in outbox.request()] == ["b"]


def test_a_message_counts_with_its_key() -> None:
    """In bytes, as Kinesis counts."""
    assert size_bytes(Message("ü1", b"abc", ())) == 6
