"""How what runs on an asset follows one another."""

from bisect import bisect_right, insort
from collections.abc import Callable, Iterable, Sequence
from heapq import heappop, heappush
from itertools import groupby
from operator import itemgetter
from typing import Union

from pibridge.context.batches import BEGINNING, Span
from pibridge.context.frame_tree import Known


class Course:
    """Spans one after the other without a hole, up to `end`; each is made when it is first asked for.

    `starts`: their starts in order. `make(place, start, end)`: what begins at `starts[place]`, a course of its own if
    it changes until `end`.
    """

    def __init__(self, starts: Sequence[int], end: int, make: Callable[[int, int, int], Union[Span, "Course"]]) -> None:
        self._starts = starts
        self._end = end
        self._make = make
        self._made: dict[int, Span | Course] = {}

    def at(self, ticks: int) -> Span:
        """Give the span that holds then. `ticks`: not before the first start, before the end."""
        place = bisect_right(self._starts, ticks) - 1
        made = self._made.get(place)
        if made is None:
            end = self._starts[place + 1] if place + 1 < len(self._starts) else self._end
            made = self._made[place] = self._make(place, self._starts[place], end)
        return made if isinstance(made, Span) else made.at(ticks)


def latest(frames: Iterable[Known]) -> dict[int, Known | None]:
    """Give by start, in order of time, the frame that started last of those that are open, of equals the greater id."""
    ranked = sorted((f for f in frames if f.start_ticks < f.end_ticks), key=lambda f: (f.start_ticks, f.id))
    turns = sorted({moment for frame in ranked for moment in (frame.start_ticks, frame.end_ticks)})
    opened: list[int] = []  # ranks, negative: the heap has the least first
    arrived = 0
    last: Known | None = None
    steps = {BEGINNING: last}
    for moment in turns:
        while arrived < len(ranked) and ranked[arrived].start_ticks <= moment:
            heappush(opened, -arrived)
            arrived += 1
        while opened and ranked[-opened[0]].end_ticks <= moment:
            heappop(opened)
        now = ranked[-opened[0]] if opened else None
        if now is not last:
            steps[moment] = last = now
    return steps


def levels(frames: Iterable[tuple[int, Known]], start: int, end: int) -> dict[int, tuple[Known, ...]]:
    """Give by start, in order of time, the frames that are open between `start` and `end`, the least deep first.

    `frames`: with their depth. Of one depth the one that started first comes first, of equals the lesser id.
    """
    ranked = [frame for _, frame in sorted(frames, key=lambda f: (f[0], f[1].start_ticks, f[1].id))]
    turns = sorted(
        (moment, rank)
        for rank, frame in enumerate(ranked)
        if (begins := max(frame.start_ticks, start)) < (ends := min(frame.end_ticks, end))
        for moment in (begins, ends)
    )
    opened: list[int] = []
    steps: dict[int, tuple[Known, ...]] = {start: ()}
    for moment, turning in groupby(turns, itemgetter(0)):
        for _, rank in turning:
            if rank in opened:
                opened.remove(rank)
            else:
                insort(opened, rank)
        steps[moment] = tuple(ranked[rank] for rank in opened)
    steps.pop(end, None)
    return steps
