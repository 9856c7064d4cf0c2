from collections.abc import Callable, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pibridge.context.filling import filled

HEAD_BYTES = 50


def summed(items: Sequence[int]) -> bytes:
    """Encode as plain text does: each item has a size of its own."""
    return bytes(sum(items) + HEAD_BYTES)


def folded(items: Sequence[int]) -> bytes:
    """Encode as a compressor does: what has come before costs one byte."""
    return bytes(sum(set(items)) + len(items) + HEAD_BYTES)


@given(
    items=st.lists(st.integers(0, 400), max_size=200),
    encode=st.sampled_from([summed, folded]),
    most_bytes=st.integers(1, 2000),
    most_items=st.integers(1, 300),
)
def test_all_fits_in_order(
    items: list[int], encode: Callable[[Sequence[int]], bytes], most_bytes: int, most_items: int
) -> None:
    """No part exceeds the limits but one of a single item, each has its own bytes, and together they are all items."""
    parts = list(filled(items, encode, most_bytes, most_items))
    assert [item for part, _ in parts for item in part] == items
    for part, encoded in parts:
        assert 1 <= len(part) <= most_items
        assert len(encoded) <= most_bytes or len(part) == 1
        assert encoded == encode(part)


@given(sizes=st.lists(st.integers(1, 60), min_size=1, max_size=3000), encode=st.sampled_from([summed, folded]))
def test_messages_are_full(sizes: list[int], encode: Callable[[Sequence[int]], bytes]) -> None:
    """Of small items, each message but the last is full to nine tenths, and encoding is tried a few times only."""
    tries = []

    def counted(items: Sequence[int]) -> bytes:
        tries.append(len(items))
        return encode(items)

    parts = list(filled(sizes, counted, 2000, 1 << 30))
    assert all(len(encoded) >= 0.9 * 2000 for _, encoded in parts[:-1])
    assert len(tries) <= 3 + 4 * len(parts)


@pytest.mark.parametrize("large", [5000, 9000, 9900])
def test_one_large_item_does_not_cost_many_tries(large: int) -> None:
    """Where little fits beside a large item, a number that fills the message is found all the same, soon."""
    tries = []

    def encode(items: Sequence[int]) -> bytes:
        tries.append(len(items))
        return summed(items)

    parts = list(filled([large, *[1] * 20_000], encode, 10_000, 1 << 30))
    assert all(len(encoded) >= 9000 for _, encoded in parts[:-1])
    assert len(tries) < 25
