"""How a point's events come about: pure functions of a seeded generator and time, made block by block."""

import math
import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any, Final, Protocol

from pibridge.simulator.samples import FAILURES, Sample, is_number
from pibridge.simulator.times import on_grid, text

BLOCK_SLOTS: Final = 16
"""A block is the events of so many consecutive slots of a signal; each slot holds at least one event."""

_FAILED: Final = 0.002
_GROUPED: Final = 0.008
_QUESTIONABLE: Final = 0.012
_ANNOTATED: Final = 0.013
_FLOAT16_STEPS: Final = 32767


class Signal(Protocol):
    """A source of events. Its slots are `period_ticks` long and counted from 1970."""

    @property
    def period_ticks(self) -> int:
        """How long one slot is."""
        ...

    def block(self, rng: Random, start: int) -> list[Sample]:
        """Give the events of the block that begins at `start`, in order of time and within the block."""
        ...


Rounding = Callable[[float], Any]


def float32(value: float) -> float:
    """Round to single precision, printed with the nine digits that PI Web API prints."""
    (single,) = struct.unpack("<f", struct.pack("<f", value))
    return float(f"{single:.9g}")


def float16(zero: float, span: float) -> Rounding:
    """Round to the 15 bits between zero and zero + span in which PI keeps a Float16."""

    def rounded(value: float) -> float:
        step = min(max(round((value - zero) / span * _FLOAT16_STEPS), 0), _FLOAT16_STEPS)
        return float32(zero + step / _FLOAT16_STEPS * span)

    return rounded


@dataclass(frozen=True)
class Measured:
    """A transmitter: one event a slot, a level with noise upon it, a failure, a group or a flag now and then.

    `jitter`: which share of its slot an event wanders in; 0 puts it on the slot's first instant.
    """

    period_ticks: int
    level: Callable[[int], float]
    noise: float
    rounding: Rounding
    jitter: float = 0.9

    def block(self, rng: Random, start: int) -> list[Sample]:
        """Give the events of one block."""
        random = rng.random
        wander = self.period_ticks * self.jitter
        samples = []
        for slot in range(BLOCK_SLOTS):
            at = on_grid(start + slot * self.period_ticks + int(random() * wander))
            value = self.rounding(self.level(at) + (random() - 0.5) * self.noise)
            chance = random()
            if chance > _ANNOTATED:
                samples.append(Sample(at, value))
            elif chance < _FAILED:
                samples.append(Sample(at, rng.choice(FAILURES), good=False))
            elif chance < _GROUPED:
                group = [
                    self.rounding(self.level(at) + (random() - 0.5) * self.noise) for _ in range(rng.randint(1, 2))
                ]
                samples.extend(Sample(at, each) for each in (value, *group))
            else:
                samples.append(
                    Sample(at, value, questionable=chance < _QUESTIONABLE, annotated=chance >= _QUESTIONABLE)
                )
        return samples


@dataclass(frozen=True)
class Scheduled:
    """A step by step program: each slot is one round of it. `steps` gives (offset ticks, value) for a slot's number."""

    period_ticks: int
    steps: Callable[[int], Sequence[tuple[int, Any]]]
    wander_ticks: int = 0

    def block(self, rng: Random, start: int) -> list[Sample]:
        """Give the events of one block."""
        samples = []
        for number in range(start // self.period_ticks, start // self.period_ticks + BLOCK_SLOTS):
            base = number * self.period_ticks
            for offset, value in self.steps(number):
                samples.append(Sample(on_grid(base + offset + int(rng.random() * self.wander_ticks)), value))
            if rng.random() < _FAILED:
                at = on_grid(base + self.period_ticks - 10_000)
                samples.append(Sample(at, rng.choice(FAILURES), good=False))
        return samples


def sine(low: float, high: float, wave_ticks: int, phase: float = 0.0) -> Callable[[int], float]:
    """Give a level that swings between low and high."""
    middle, swing, step = (low + high) / 2, (high - low) / 2, 2 * math.pi / wave_ticks
    return lambda ticks: middle + swing * math.sin(ticks % wave_ticks * step + phase)


def counter(period_ticks: int, modulus: int) -> Scheduled:
    """Give an integer that grows by one a slot and starts again at the modulus."""
    return Scheduled(period_ticks, lambda number: [(0, number % modulus)])


def clock_text(period_ticks: int, every: int) -> Scheduled:
    """Give times as values: the last whole multiple of `every` ticks."""
    return Scheduled(period_ticks, lambda number: [(0, text(number * period_ticks // every * every))])


def kept(samples: Sequence[Sample], deviation: float) -> list[bool]:
    """Say which events of a block the archive keeps: a swinging door of `deviation`, begun anew with each block.

    First and last are kept, as is what is no number, stands at the time of its predecessor, or carries a flag.
    """
    if deviation <= 0:
        return [True] * len(samples)
    keep = [True] * len(samples)
    origin = samples[0]
    low, high = -math.inf, math.inf
    for index in range(1, len(samples) - 1):
        held, new = samples[index], samples[index + 1]
        if not _plain(origin) or not _plain(held) or not _plain(new) or not origin.ticks < held.ticks < new.ticks:
            origin, low, high = held, -math.inf, math.inf
            continue
        span = held.ticks - origin.ticks
        low = max(low, (held.value - deviation - origin.value) / span)
        high = min(high, (held.value + deviation - origin.value) / span)
        if low <= (new.value - origin.value) / (new.ticks - origin.ticks) <= high:
            keep[index] = False
        else:
            origin, low, high = held, -math.inf, math.inf
    return keep


def _plain(sample: Sample) -> bool:
    return sample.good and not sample.questionable and not sample.annotated and is_number(sample.value)
