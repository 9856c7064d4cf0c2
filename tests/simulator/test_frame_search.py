from uuid import UUID

import pytest

from pibridge.model.ticks import FOREVER
from pibridge.simulator.frame_search import Mode, Search
from pibridge.simulator.frames import Frame

FRAMES = {
    name: Frame(id=UUID(int=number), name=name, start_ticks=start, end_ticks=end)
    for number, (name, start, end) in enumerate(
        [
            ("before", 0, 5),
            ("touching", 5, 10),
            ("into", 5, 15),
            ("within", 12, 18),
            ("out of", 15, 25),
            ("around", 5, 30),
            ("open", 15, FOREVER),
            ("long open", 5, FOREVER),
            ("after", 25, 30),
            ("later open", 26, FOREVER),
        ]
    )
}


@pytest.mark.parametrize(
    ("mode", "expected"),
    [
        ("StartInclusive", "open, out of, within"),
        ("EndInclusive", "into, touching, within"),
        ("Inclusive", "within"),
        ("Overlapped", "around, into, long open, open, out of, touching, within"),
        ("InProgress", "open"),
        ("BackwardFromStartTime", "long open, around, into, touching, before"),
        ("ForwardFromStartTime", "within, out of, open, after, later open"),
        ("BackwardFromEndTime", "touching, before"),
        ("ForwardFromEndTime", "touching, into, within, out of, around, after, long open, open, later open"),
        ("BackwardInProgress", "long open"),
        ("ForwardInProgress", "open, later open"),
    ],
)
def test_modes(mode: str, expected: str) -> None:
    """From 10 to 20, or from 10 on or back: both ends count, and directed modes go in the order of time."""
    search = Search(Mode(mode), 10, 20)
    found = search.ordered(filter(search.finds, FRAMES.values()), "name", descending=False)
    assert ", ".join(frame.name for frame in found) == expected
    assert all(frame.start_ticks <= search.high and frame.end_ticks >= search.low for frame in found)


def test_orders() -> None:
    """By the field asked for, either way; equal ones by their start."""
    search = Search(Mode.OVERLAPPED, 0, 100)
    by_end = search.ordered(FRAMES.values(), "endtime", descending=True)
    assert [frame.name for frame in by_end[:3]] == ["later open", "open", "long open"]
    twins = [Frame(id=UUID(int=number), name="B-1", start_ticks=-number) for number in range(3)]
    assert search.ordered(twins, "name", descending=False) == twins[::-1]
