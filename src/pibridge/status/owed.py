"""What is owed: gaps, gathered by stream and reason, for there may be one for each tag. Pure."""

from collections.abc import Iterable, Sequence

from msgspec import Struct

from pibridge.journal.gaps import Gap
from pibridge.model import ticks
from pibridge.model.tag import Tag


class Debt(Struct, frozen=True, kw_only=True):
    """Gaps of one stream for one reason. `since`, `until`: the earliest start and the latest end, as text.

    `until` is empty while one has no end. `owed_s`: how long all of them are together, up to now. `tag`: one of them.
    """

    stream: str
    reason: str
    gaps: int
    tags: int
    since: str
    until: str
    owed_s: float
    tag: str


class Debts(Struct, frozen=True):
    """All that is owed, the most gaps first."""

    gaps: int
    debts: list[Debt]


def debts(gaps: Iterable[Gap], tags: Sequence[Tag], now_ticks: int) -> Debts:
    """Gather gaps. `tags`: number n at place n - 1."""
    grouped: dict[tuple[str, str], list[Gap]] = {}
    for gap in gaps:
        stream = tags[gap.tag - 1].stream if 0 < gap.tag <= len(tags) else ""
        grouped.setdefault((stream, gap.reason), []).append(gap)
    found = [_debt(stream, reason, group, tags, now_ticks) for (stream, reason), group in grouped.items()]
    return Debts(sum(debt.gaps for debt in found), sorted(found, key=lambda debt: -debt.gaps))


def _debt(stream: str, reason: str, gaps: Sequence[Gap], tags: Sequence[Tag], now_ticks: int) -> Debt:
    ends = [gap.end_ticks for gap in gaps]
    until = max((end for end in ends if end is not None), default=0)
    owed = sum(max(0, min(gap.end_ticks or now_ticks, now_ticks) - gap.start_ticks) for gap in gaps)
    numbers = {gap.tag for gap in gaps}
    first = min(numbers)
    return Debt(
        stream=stream,
        reason=reason,
        gaps=len(gaps),
        tags=len(numbers),
        since=ticks.render(min(gap.start_ticks for gap in gaps)),
        until="" if None in ends else ticks.render(until),
        owed_s=round(owed / ticks.PER_SECOND, 1),
        tag=tags[first - 1].name if 0 < first <= len(tags) else "",
    )
