"""The even instants at which tags are sampled: whole multiples of the spacing since 1970. Pure."""

from collections.abc import Sequence

from pibridge.journal.gaps import AdvanceGap, CloseGap, Gap, GapChange
from pibridge.model import ticks


def latest(moment_ticks: int, spacing_ticks: int) -> int:
    """Give the last instant at or before a time."""
    return moment_ticks // spacing_ticks * spacing_ticks


def owed(gap: Gap, spacing_ticks: int) -> range:
    """Give the instants of a gap. What was sampled before it is not sampled again, as it would be read again."""
    start = max(gap.start_ticks, gap.overlap_ticks + 1)
    end = ticks.FOREVER if gap.end_ticks is None else gap.end_ticks
    return range(-(-start // spacing_ticks) * spacing_ticks, end + 1, spacing_ticks)


def first_owed(gaps: Sequence[Gap], spacing_ticks: int, most: int) -> range:
    """Give the window to sample next: from the first instant of these gaps on, `most` or up to their last one."""
    ranges = [instants for gap in gaps if (instants := owed(gap, spacing_ticks))]
    if not ranges:
        return range(0)
    first, last = min(each[0] for each in ranges), max(each[-1] for each in ranges)
    return range(first, last + 1, spacing_ticks)[:most]


def owed_of(gap: Gap, window: range, spacing_ticks: int) -> list[int]:
    """Give the instants of the window that are the gap's."""
    instants = owed(gap, spacing_ticks)
    return [moment for moment in window if moment in instants]


def left_of(gap: Gap, window: range, spacing_ticks: int) -> GapChange:
    """Give what is left of a gap after a window was sampled."""
    instants = owed(gap, spacing_ticks)
    if not instants or instants[-1] <= window[-1]:
        return CloseGap(gap.id)
    return AdvanceGap(gap.id, max(gap.start_ticks, window[-1] + 1))
