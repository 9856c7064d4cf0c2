"""What a sampled tag has to be, computed from the plant's archive by itself."""

import json
from bisect import bisect_right
from collections import Counter
from collections.abc import Sequence

from intake.lines import Fact, Line, path
from pibridge.simulator.samples import Sample

STEPPED = {"U.Energy.Total", "R1.State", "LAB.Remark"}
"""Points that hold their value; between good numbers of the others lies a line."""


def expected(line: Line, names: Sequence[str], instants: Sequence[int]) -> Counter[Fact]:
    """Count the facts that these points make at these instants."""
    facts: Counter[Fact] = Counter()
    for name in names:
        samples = line.simulator.plant.archive(name, instants[0] - HOURS, line.clock.ticks, line.clock.ticks)
        times = [sample.ticks for sample in samples]
        for instant in instants:
            place = bisect_right(times, instant)
            value = between(samples[place - 1], samples[place] if place < len(samples) else None, instant, name)
            facts[path(name), instant, json.dumps(value, sort_keys=True)] += 1
    return facts


def between(before: Sample, after: Sample | None, instant: int, name: str) -> object:
    """Give the value at an instant between two archived ones."""
    if name in STEPPED or after is None or not isinstance(before.value, float) or not isinstance(after.value, float):
        return before.value
    if before.ticks == instant:
        return before.value
    share = (instant - before.ticks) / (after.ticks - before.ticks)
    return before.value + (after.value - before.value) * share


HOURS = 2 * 3600 * 10_000_000
"""No point of the plant is longer without a value in the archive."""
