from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from pibridge.context.batches import BEGINNING, END, Span
from pibridge.context.course import Course, latest, levels
from pibridge.context.frame_tree import Known


def known(guid: str, start: int, end: int) -> Known:
    """Make a frame of which only its time matters."""
    return Known(guid, guid, "", (), start, end, "", (), {})


FRAMES = st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)), max_size=8).map(
    lambda times: [known(f"{place}", *time) for place, time in enumerate(times)]
)


def test_each_span_is_made_once_and_when_it_is_asked_for() -> None:
    """A course in a course is asked on."""
    made: list[int] = []

    def make(place: int, start: int, end: int) -> Span | Course:
        made.append(place)
        if place == 1:
            return Course([start, start + 2], end, lambda _, start, end: Span(start, end, None))
        return Span(start, end, None)

    course = Course([BEGINNING, 10, 20], END, make)
    assert [(course.at(ticks).start, course.at(ticks).end) for ticks in (25, 11, 12, 19)] == [
        (20, END),
        (10, 12),
        (12, 20),
        (12, 20),
    ]
    assert made == [2, 1]


@given(FRAMES)
def test_the_frame_that_started_last_runs(frames: list[Known]) -> None:
    """At every time, and a step is a change."""
    steps = latest(frames)
    assert list(steps) == sorted(steps)
    running = None
    for ticks in range(-1, 11):
        running = steps.get(ticks, running)
        opened = [frame for frame in frames if frame.start_ticks <= ticks < frame.end_ticks]
        assert running is max(opened, key=lambda frame: (frame.start_ticks, frame.id), default=None)
    changes = list(steps.values())
    assert all(one is not other for one, other in pairwise(changes))


@given(FRAMES, st.integers(0, 8), st.integers(1, 5))
def test_levels_are_what_is_open(frames: list[Known], start: int, length: int) -> None:
    """Within the time of the batch, the least deep first, then by start and id; a step is a change."""
    deep = [(index % 3, frame) for index, frame in enumerate(frames)]
    end = start + length
    steps = levels(deep, start, end)
    assert list(steps) == sorted(steps)
    assert min(steps) == start
    assert max(steps) < end
    now: tuple[Known, ...] = ()
    for ticks in range(start, end):
        now = steps.get(ticks, now)
        opened = [(depth, f.start_ticks, f.id) for depth, f in deep if f.start_ticks <= ticks < f.end_ticks]
        assert [frame.id for frame in now] == [guid for _, _, guid in sorted(opened)]
    changes = list(steps.values())
    assert all(one != other for one, other in pairwise(changes))
