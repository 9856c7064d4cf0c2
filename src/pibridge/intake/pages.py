"""How a gap is read from PI's archive page by page so that nothing is lost or told twice. Pure.

PI cuts an answer off silently at `maxCount`, and several events may share one time. So a full page is never the end:
its last time is left to the next page, which starts there.
"""

from collections.abc import Collection, Iterable, Sequence

from msgspec import Struct

from pibridge.intake.compare import Place, differences
from pibridge.journal.gaps import AdvanceGap, CloseGap, Gap, GapChange
from pibridge.model import ticks
from pibridge.model.event import Event

MARGIN_TICKS = 10 * ticks.PER_SECOND
"""How far before the last event of a tag a gap begins: PI delivers neighbours out of order."""


class Settled(Struct, frozen=True):
    """What a page means for its gap.

    `told`: the events that the journal lacks. `until_ticks`: up to where the page speaks for the archive. `stuck`: a
    full page of one single time, to be asked for alone and with a greater count.
    """

    told: list[Event]
    until_ticks: int
    change: GapChange | None
    stuck: bool = False


def settle(  # noqa: PLR0913 - a page, and all that it is judged by
    gap: Gap,
    page: Sequence[Event],
    journaled: Iterable[Event],
    *,
    full: bool,
    archived_before: Collection[Place] = (),
    trimmed_ticks: int = 0,
) -> Settled:
    """Decide what of a page is new or changed, and how much of the gap is left.

    `page`: what PI gave of the tag, ascending; it may go beyond the gap on both sides. `journaled`: the journal's
    events of the tag in this time, in order. `full`: PI may have cut the page off. `archived_before`: as for
    `differences`. `trimmed_ticks`: up to here the journal no longer has all that was told.
    """
    end = _end(gap)
    until, stuck = end, False
    change: GapChange | None = CloseGap(gap.id)
    if full and not page:
        # Another stream of the same request took all the room.
        return Settled([], gap.start_ticks - 1, None)
    if full and page[-1].ticks <= end:
        reached = page[-1].ticks
        stuck = reached <= gap.start_ticks
        until = reached if stuck else reached - 1
        change = None if stuck else AdvanceGap(gap.id, reached)
    # What was read before, and cannot be compared any more, counts as told.
    told_until = min(gap.overlap_ticks, trimmed_ticks)
    start = max(gap.start_ticks, told_until + 1) if told_until else gap.start_ticks
    told = differences(
        (event for event in page if start <= event.ticks <= until),
        (event for event in journaled if start <= event.ticks <= until),
        [place for place in archived_before if start <= place[1] <= until],
    )
    return Settled(told, until, change, stuck)


def _end(gap: Gap) -> int:
    return ticks.FOREVER if gap.end_ticks is None else gap.end_ticks
