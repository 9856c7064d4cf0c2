from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from context.plants import NOON, POINT
from pibridge.context.messages import Encoding, Packing
from pibridge.context.record import Context, Record, context_of
from pibridge.model.event import Event, Lane
from unpacking import unpacked

TAGS = [replace(POINT, name=name) for name in ("a", "b", "c")]
ENCODINGS = get_args(Encoding)
CONTEXTS = [context_of("houston", tag, None, Lane.LIVE) for tag in TAGS]


def topic_of(context: Context) -> str:
    """Put a and b into one topic."""
    return "ab" if context.tag.name in "ab" else "c"


def records(*values: tuple[int, str]) -> list[Record]:
    """Give records of these tags with these texts."""
    return [Record(seq, Event(tag, NOON, text, 0), CONTEXTS[tag]) for seq, (tag, text) in enumerate(values, 1)]


@given(
    values=st.lists(st.tuples(st.integers(0, 2), st.text(max_size=300)), max_size=60),
    most_bytes=st.integers(500, 4000),
    most_records=st.integers(1, 20),
    filled_bytes=st.integers(1, 5000),
    encoding=st.sampled_from(ENCODINGS),
)
def test_everything_is_in_one_message_or_too_large(
    values: list[tuple[int, str]],
    most_bytes: int,
    most_records: int,
    filled_bytes: int,
    encoding: Encoding,
) -> None:
    """No message exceeds the limits, each topic keeps its order, and nothing is left out."""
    sent = records(*values)
    packing = Packing(
        "houston", topic_of, most_bytes, most_records=most_records, filled_bytes=filled_bytes, encoding=encoding
    )
    messages, too_large = packing.pack(sent)
    assert all(len(message.payload) <= filled_bytes or len(message.records) == 1 for message in messages)
    assert all(len(message.payload) <= most_bytes and len(message.records) <= most_records for message in messages)
    assert all(found.size_bytes > most_bytes for found in too_large)
    packed = {record.seq for message in messages for record in message.records}
    assert packed | {found.record.seq for found in too_large} == {record.seq for record in sent}
    for message in messages:
        told = unpacked(message.payload)
        assert (told["v"], told["site"]) == (1, "houston")
        assert [record["seq"] for record in told["records"]] == [record.seq for record in message.records]
    for topic in ("ab", "c"):
        seqs = [record.seq for message in messages if message.topic == topic for record in message.records]
        assert seqs == sorted(seqs)


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_a_message_can_be_empty(encoding: Encoding) -> None:
    """A message without records has the shape of the others."""
    payload = Packing("houston", topic_of, 10_000, encoding=encoding).empty()
    assert unpacked(payload) == {"v": 1, "site": "houston", "records": []}


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_the_same_records_give_the_same_bytes(encoding: Encoding) -> None:
    """What is sent again can be recognised."""
    sent = records((0, "x"), (2, "y"))
    packing = Packing("houston", topic_of, 10_000, encoding=encoding)
    assert packing.pack(sent) == packing.pack(sent)


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_messages_of_a_backlog_are_full(encoding: Encoding) -> None:
    """However few bytes records need: each message but the last has no room for a tenth more."""
    sent = [Record(seq, Event(seq % 2, NOON + seq, seq * 1.37 % 97), CONTEXTS[seq % 2]) for seq in range(1, 9000)]
    messages, _ = Packing("houston", topic_of, 7000, encoding=encoding).pack(sent)
    assert len(messages) > 3
    assert all(len(message.payload) > 7000 * 0.9 for message in messages[:-1])
