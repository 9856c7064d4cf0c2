"""How a gap is read from PI's archive page by page so that nothing is lost or told twice. Pure.

PI cuts an answer off silently at `maxCount` and several events may share one time. So a full page is never the end: the
next one starts at its last time, and what the journal holds already is taken away by counting equal events.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

import msgspec
from msgspec import Struct

from pibridge.journal.gaps import AdvanceGap, CloseGap, Gap
from pibridge.model import ticks
from pibridge.model.event import Event

MARGIN_TICKS = 10 * ticks.PER_SECOND
"""How far before the last event of a tag a gap begins: PI delivers neighbours out of order."""

_SHORT_TICKS = 60 * ticks.PER_SECOND

Key = tuple[int, int, Any]


class Settled(Struct, frozen=True):
    """What a page means for its gap. `stuck`: a full page of one single time, to be asked for with a greater count."""

    fresh: list[Event]
    change: AdvanceGap | CloseGap | None
    stuck: bool = False


def group(gaps: Sequence[Gap], most: int) -> list[Gap]:
    """Choose the gaps to read in one request: of different tags, of similar age, the most recent need first.

    A tag's own gaps are read in the order of time.
    """
    earliest: dict[int, Gap] = {}
    for gap in gaps:
        known = earliest.get(gap.tag)
        if known is None or gap.start_ticks < known.start_ticks:
            earliest[gap.tag] = gap
    if not earliest:
        return []
    lead = max(earliest.values(), key=lambda gap: gap.start_ticks)
    reach = lead.start_ticks - max(_SHORT_TICKS, _end(lead) - lead.start_ticks)
    near = [gap for gap in earliest.values() if gap.start_ticks >= reach]
    near.sort(key=lambda gap: (-gap.start_ticks, gap.tag))
    return near[:most]


def settle(gap: Gap, page: Sequence[Event], known: Counter[Key], *, full: bool) -> Settled:
    """Decide what of a page is new and how much of the gap is left.

    `page`: what PI gave, ascending; it may go beyond the gap on both sides. `known`: events of the journal in this
    time. `full`: PI may have cut it off.
    """
    inside = [event for event in page if gap.start_ticks <= event.ticks <= _end(gap)]
    had = Counter({key_of(event): known[key_of(event)] for event in inside})
    fresh = []
    for event in inside:
        key = key_of(event)
        if had[key]:
            had[key] -= 1
        else:
            fresh.append(event)
    if not full or (page and page[-1].ticks > _end(gap)):
        return Settled(fresh, CloseGap(gap.id))
    if not page:
        # Another stream of the same request took all the room.
        return Settled([], None)
    reached = page[-1].ticks
    if reached <= gap.start_ticks:
        return Settled(fresh, None, stuck=True)
    return Settled(fresh, AdvanceGap(gap.id, reached))


def counted(events: Iterable[Event]) -> Counter[Key]:
    """Count equal events."""
    return Counter(map(key_of, events))


def key_of(event: Event) -> Key:
    """Give what makes an event equal to another: tag, time and value."""
    value = event.value
    if isinstance(value, (dict, list)):
        value = msgspec.json.encode(value, order="deterministic")
    return event.tag, event.ticks, value


def _end(gap: Gap) -> int:
    return ticks.FOREVER if gap.end_ticks is None else gap.end_ticks
