from hypothesis import given
from hypothesis import strategies as st

from journal.samples import events
from pibridge.journal.chunks import Chunk
from pibridge.journal.handoff import Handoff
from pibridge.model.event import Lane


@given(st.lists(st.tuples(st.integers(1, 5), st.integers(0, 3)), min_size=1, max_size=20), st.integers(600, 10_000))
def test_everything_behind_the_floor_is_there(sizes: list[tuple[int, int]], largest_bytes: int) -> None:
    """From any place at or above the floor, reading on gives exactly the positions that follow."""
    handoff = Handoff(0, largest_bytes)
    seq = 1
    positions: list[int] = []
    for count, skipped in sizes:
        handoff.add(Chunk(Lane.LIVE, seq, 0, events(count)), 100)
        positions += range(seq, seq + count)
        seq += count + skipped
    for start in range(handoff.floor, seq):
        found: list[int] = []
        after = start
        while chunk := handoff.after(after):
            found += range(chunk.first_seq, chunk.last_seq + 1)
            after = chunk.last_seq
        assert found == [position for position in positions if position > start]


def test_memory_is_bounded() -> None:
    """The oldest chunks leave, and the floor tells."""
    handoff = Handoff(0, 10_000)
    for seq in range(1, 1000):
        handoff.add(Chunk(Lane.LIVE, seq, 0, events(1)), 400)
    assert handoff.floor == 989
