"""What the data calls answer: recorded, interpolated, plotted and summarised values of one stream."""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from itertools import chain, islice, pairwise
from typing import Any, Final

import msgspec

from pibridge.model.ticks import PER_SECOND
from pibridge.simulator.plant import Plant
from pibridge.simulator.points import Point
from pibridge.simulator.samples import CALC_FAILED, NO_DATA, Sample, is_number
from pibridge.simulator.tree import Attribute

_DAY: Final = 86_400 * PER_SECOND


class Boundary(StrEnum):
    """What the ends of a range hold."""

    INSIDE = "Inside"
    OUTSIDE = "Outside"
    INTERPOLATED = "Interpolated"


@dataclass(frozen=True)
class Stream:
    """One readable thing: a point, or an attribute. `point` is None for a static attribute."""

    owner: Point | Attribute
    path: str
    unit: str
    point: Point | None

    @property
    def name(self) -> str:
        """The point's or the attribute's name."""
        return self.owner.name

    @property
    def step(self) -> bool:
        """Values hold until the next one: nothing lies between them."""
        return self.owner.step or (self.point is not None and self.point.type in ("Digital", "String", "Timestamp"))

    def seen(self, sample: Sample) -> Sample:
        """Give the point's value as this stream shows it: a formula computes, and fails on a state."""
        formula = self.owner.formula if isinstance(self.owner, Attribute) else None
        if formula is None:
            return sample
        if is_number(sample.value):
            return msgspec.structs.replace(sample, value=formula(sample.value))
        return msgspec.structs.replace(sample, value=CALC_FAILED, good=False)


def stream_of(owner: Point | Attribute) -> Stream:
    """Give the stream. Points have no unit in their values."""
    if isinstance(owner, Point):
        return Stream(owner, owner.path, "", owner)
    return Stream(owner, owner.path, owner.unit, owner.point)


class StaticError(Exception):
    """A static attribute has a value but no history."""


@dataclass(frozen=True)
class Range:
    """From start to end, both included; backwards if the end is earlier. `most`: how many values at most."""

    start: int
    end: int
    most: int = 1000
    boundary: Boundary = Boundary.INSIDE

    @property
    def descending(self) -> bool:
        """Whether values come backwards."""
        return self.end < self.start

    @property
    def low(self) -> int:
        """The earlier end."""
        return min(self.start, self.end)

    @property
    def high(self) -> int:
        """The later end."""
        return max(self.start, self.end)


class Reader:
    """Reads streams as the archive stands at `now`."""

    def __init__(self, plant: Plant, now: int) -> None:
        self._plant = plant
        self._now = now

    def current(self, stream: Stream) -> Sample:
        """Give the snapshot; of a static attribute its value, at 1970 or when an event frame captured it."""
        if stream.point is None:
            return _static(stream)
        return stream.seen(self._plant.current(stream.point, self._now))

    def end(self, stream: Stream) -> Sample:
        """Give the last value there is: in the future, for future data."""
        if stream.point is None:
            return _static(stream)
        last = self._recent(stream.point, None)
        return stream.seen(last) if last else Sample(self._now, NO_DATA, good=False)

    def recorded(self, stream: Stream, span: Range) -> list[Sample]:
        """Give the archived values, at most `span.most`, cut off without a sign."""
        walk = self._plant.walk(
            _historized(stream), span.low, span.high, self._now, archived=True, descending=span.descending
        )
        inside = chain.from_iterable(walk)
        if span.boundary is Boundary.INSIDE:
            return [stream.seen(sample) for sample in islice(inside, span.most)]
        samples = list(islice(inside, span.most + 1))
        if span.descending:
            samples.reverse()
        bounded = [
            *self._bound(stream, samples, span, low=True),
            *samples,
            *self._bound(stream, samples, span, low=False),
        ]
        if span.descending:
            bounded.reverse()
        return [stream.seen(sample) for sample in bounded[: span.most]]

    def at(self, stream: Stream, ticks: int) -> Sample:
        """Give the interpolated value at a time."""
        if stream.point is None:
            return _static(stream)
        return stream.seen(self._interpolate(stream, stream.point, ticks))

    def nearest(self, stream: Stream, ticks: int, mode: str) -> Sample | None:
        """Give the recorded value at or near a time, as `mode` (retrievalMode) says; None if there is none."""
        point = _historized(stream)
        if mode in ("AtOrAfter", "After"):
            found = self._plant.at_or_after(point, ticks + (mode == "After"), self._now)
        else:
            found = self._recent(point, ticks - (mode == "Before"))
            if mode == "Exact" and found and found.ticks != ticks:
                found = None
            if mode == "Auto" and found is None:
                found = self._plant.at_or_after(point, ticks, self._now)
        return stream.seen(found) if found else None

    def plot(self, stream: Stream, span: Range, intervals: int) -> list[Sample]:
        """Give first, last, lowest, highest and first bad value of each interval."""
        everything = self.recorded(stream, replace(span, start=span.low, end=span.high, most=1 << 31))
        width = max((span.high - span.low) // max(intervals, 1), 1)
        chosen: list[Sample] = []
        for part in _parts(everything, lambda sample: (sample.ticks - span.low) // width):
            numbers = [sample for sample in part if is_number(sample.value)]
            picks = [part[0], part[-1], *[sample for sample in part if not sample.good][:1]]
            if numbers:
                picks += [min(numbers, key=_value), max(numbers, key=_value)]
            chosen += [sample for sample in part if any(sample is pick for pick in picks)]
        return chosen

    def summary(self, stream: Stream, span: Range, kind: str) -> Sample:
        """Give one time-weighted summary of a range, at its start. No Data if there is nothing to sum."""
        low, high = span.low, min(span.high, self._now)
        samples = self.recorded(stream, replace(span, start=low, end=high, most=1 << 31))
        at_start = self.at(stream, low)
        shown = [at_start, *samples]
        weights = [after.ticks - before.ticks for before, after in pairwise(shown)]
        weights.append(max(high - shown[-1].ticks, 0))
        numbers = [(each.value, weight) for each, weight in zip(shown, weights, strict=True) if is_number(each.value)]
        value = _summarise(kind, numbers, sum(weights), len(samples))
        return Sample(low, NO_DATA, good=False) if value is None else Sample(low, value)

    def _recent(self, point: Point, ticks: int | None) -> Sample | None:
        horizon = self._now + (_DAY if point.future else 0) if ticks is None else ticks
        return self._plant.at_or_before(point, horizon, self._now)

    def _interpolate(self, stream: Stream, point: Point, ticks: int) -> Sample:
        before = self._recent(point, ticks)
        if before is None or (ticks > self._now and not point.future):
            return Sample(ticks, NO_DATA, good=False)
        if before.ticks == ticks:
            return before
        held = msgspec.structs.replace(before, ticks=ticks, annotated=False)
        if stream.step or not is_number(before.value):
            return held
        after = self._plant.at_or_after(point, ticks + 1, self._now)
        if after is None or not is_number(after.value):
            return held
        share = (ticks - before.ticks) / (after.ticks - before.ticks)
        return Sample(ticks, before.value + (after.value - before.value) * share, questionable=before.questionable)

    def _bound(self, stream: Stream, samples: Sequence[Sample], span: Range, *, low: bool) -> list[Sample]:
        point = _historized(stream)
        ticks = span.low if low else span.high
        if samples and samples[0 if low else -1].ticks == ticks:
            return []
        if span.boundary is Boundary.INTERPOLATED:
            return [self._interpolate(stream, point, ticks)]
        found = self._recent(point, ticks) if low else self._plant.at_or_after(point, ticks, self._now)
        return [found] if found else []


def _historized(stream: Stream) -> Point:
    if stream.point is None:
        raise StaticError(stream.path)
    return stream.point


def _static(stream: Stream) -> Sample:
    owner = stream.owner
    if isinstance(owner, Point):
        raise TypeError(f"{owner.path} is not static")
    return Sample(owner.static_ticks, owner.static, good=owner.static is not NO_DATA)


def _value(sample: Sample) -> float:
    return float(sample.value)


def _parts(samples: Sequence[Sample], key: Callable[[Sample], int]) -> Iterator[list[Sample]]:
    part: list[Sample] = []
    for sample in samples:
        if part and key(part[-1]) != key(sample):
            yield part
            part = []
        part.append(sample)
    if part:
        yield part


def _spread(numbers: list[tuple[float, int]], weight: int) -> float:
    mean = _mean(numbers, weight)
    return math.sqrt(sum((value - mean) ** 2 * each for value, each in numbers) / weight) if weight else 0.0


def _mean(numbers: list[tuple[float, int]], weight: int) -> float:
    return sum(value * each for value, each in numbers) / weight if weight else numbers[-1][0]


_SUMMARIES: Final[dict[str, Callable[[list[tuple[float, int]], int], float]]] = {
    "Minimum": lambda numbers, _: min(numbers)[0],
    "Maximum": lambda numbers, _: max(numbers)[0],
    "Range": lambda numbers, _: max(numbers)[0] - min(numbers)[0],
    "StdDev": _spread,
    "Average": _mean,
    # PI counts a total in units per day.
    "Total": lambda numbers, weight: _mean(numbers, weight) * weight / _DAY,
}


def _summarise(kind: str, numbers: list[tuple[float, int]], total: int, count: int) -> Any:
    weight = sum(each for _, each in numbers)
    if kind == "Count":
        return count
    if kind == "PercentGood":
        return 100.0 * weight / total if total else 0.0
    return _SUMMARIES[kind](numbers, weight) if numbers else None
