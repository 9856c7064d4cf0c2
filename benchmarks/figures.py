"""What is measured: which figures are ratios, which way is better, and their medians. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from statistics import median
from typing import Final

from msgspec import Struct

RATIOS: Final[Mapping[str, bool]] = {
    "road / D": True,
    "road / D by CPU": True,
    "journaled / D": True,
    "pure / D": True,
    "pure / D by CPU": True,
    "with / without": True,
    "append / file": True,
    "written / payload": False,
    "drain / live": True,
    "start large / small": False,
    "import / bare Python": False,
    "requests/s / limit": False,
    "CPU per event / decode": False,
}
"""Ratios to a limit that was measured in the same run, and whether more is better."""

COUNTS: Final = frozenset({"sent", "repeated", "delivered", "withheld"})
"""What is counted to judge a run, and the same in all of them."""

SMALLEST_NOISE: Final = 0.05
"""What two runs on the same machine differ by at least, as a part of the median."""


class Figure(Struct, frozen=True):
    """One figure of a case. `runs`: how often it was measured."""

    median: float
    low: float
    high: float
    runs: int


class Target(Struct, frozen=True):
    """What a figure should reach, and what it could. Of what is better small, these are the most."""

    needed: float
    stretch: float


Results = dict[str, dict[str, Figure]]
"""Figures by case and name."""


class Stored(Struct, frozen=True, kw_only=True):
    """One run of the benchmarks. `sizes`: what it was asked to measure with."""

    when: str
    revision: str
    machine: dict[str, str]
    sizes: dict[str, float]
    cases: Results


def gathered(runs: Sequence[Mapping[str, float]]) -> dict[str, Figure]:
    """Give the figures of all runs of a case."""
    values = {name: [run[name] for run in runs] for name in runs[0]}
    return {name: Figure(median(all_), min(all_), max(all_), len(all_)) for name, all_ in values.items()}


def noise(*figures: Figure) -> float:
    """Give by how much medians may differ without a meaning: by half of what their runs differ."""
    return max(sum((each.high - each.low) / 2 for each in figures), SMALLEST_NOISE * figures[0].median)


def worse_by(name: str, then: Figure, now: Figure) -> float:
    """Give by how much a ratio got worse, less than 0 if it got better."""
    return then.median - now.median if RATIOS[name] else now.median - then.median


def number(value: float) -> str:
    """Write a figure so that three digits count."""
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"  # noqa: PLR2004 - three digits


def table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Give a table that people can read and Markdown understands."""
    lines = [list(heads), *map(list, rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(heads))]
    lines.insert(1, ["-" * width for width in widths])
    return "\n".join(
        "| " + " | ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)) + " |" for line in lines
    )
