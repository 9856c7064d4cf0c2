"""What of a time was read already, of a tag, and what is still to be read. Pure."""

from collections.abc import Iterable, Mapping, Sequence

from msgspec import Struct

from pibridge.journal.backfill import Backfill
from pibridge.journal.gaps import Gap, NewGap
from pibridge.model import ticks

Span = tuple[int, int]
"""From one tick to another, both included."""


def without(span: Span, covered: Iterable[Span]) -> list[Span]:
    """Give what of a span no covered one holds, in the order of time."""
    start, end = span
    left = []
    for begin, until in sorted(covered):
        if begin > start:
            left.append((start, min(begin - 1, end)))
        start = max(start, until + 1)
        if start > end:
            return [each for each in left if each[0] <= each[1]]
    return [*left, (start, end)] if start <= end else left


def _merged(spans: Iterable[Span]) -> list[Span]:
    """Give the same time in as few spans as it takes, in the order of time."""
    found: list[Span] = []
    for start, end in sorted(spans):
        if found and start <= found[-1][1] + 1:
            found[-1] = found[-1][0], max(found[-1][1], end)
        else:
            found.append((start, end))
    return found


class Coverage(Struct, frozen=True):
    """What was read, as far as the journal remembers.

    `joined`: since when each tag is read. `unpaid`: by tag, gaps that are read anyway. `earlier`: by tag, what
    backfills have read or, where a gap says so, still read. `trimmed_ticks`: up to here the journal no longer has all
    that was read.
    """

    joined: Mapping[int, int]
    unpaid: Mapping[int, Sequence[Span]]
    earlier: Mapping[int, Sequence[Span]]
    trimmed_ticks: int

    @classmethod
    def of(
        cls, joined: Mapping[int, int], gaps: Iterable[Gap], backfills: Iterable[Backfill], trimmed_ticks: int
    ) -> "Coverage":
        """Gather it from what the journal keeps."""
        unpaid: dict[int, list[Span]] = {}
        for gap in gaps:
            span = gap.start_ticks, ticks.FOREVER if gap.end_ticks is None else gap.end_ticks
            unpaid.setdefault(gap.tag, []).append(span)
        earlier: dict[int, list[Span]] = {}
        for each in backfills:
            if each.kind == "backfill" and each.begun and each.state != "cancelled":
                for number in each.numbers:
                    earlier.setdefault(number, []).append((each.choice.start_ticks, each.end_ticks))
        return cls(joined, unpaid, earlier, trimmed_ticks)

    def spans(self, number: int) -> list[Span]:
        """Give the times of a tag that count as read, in order; none of a tag that is read no longer.

        These are what backfills have read so far, and all since it joined, gaps included.
        """
        joined = self.joined.get(number)
        if joined is None:
            return []
        unpaid = self.unpaid.get(number, ())
        read = [part for span in self.earlier.get(number, ()) for part in without(span, unpaid)]
        return _merged([*read, (joined, ticks.FOREVER)])

    def spans_within(self, number: int, start_ticks: int, end_ticks: int) -> list[Span]:
        """Give what of them lies in a time."""
        return [
            (max(start, start_ticks), min(end, end_ticks))
            for start, end in self.spans(number)
            if start <= end_ticks and end >= start_ticks
        ]

    def owed(self, number: int, span: Span, *, again: bool) -> list[Span]:
        """Give what is to be read of a tag. `again`: also what was read and is kept no longer."""
        kept_from = self.trimmed_ticks + 1 if again and self.trimmed_ticks else span[0]
        read = list(self.earlier.get(number, ()))
        if number in self.joined:
            read.append((self.joined[number], ticks.FOREVER))
        covered = [(max(start, kept_from), end) for start, end in read if end >= kept_from]
        return without(span, [*covered, *self.unpaid.get(number, ())])

    def gaps(self, found: Backfill, numbers: Iterable[int], end_ticks: int) -> list[NewGap]:
        """Give the gaps that a backfill opens, up to a time of PI."""
        if end_ticks < found.choice.start_ticks:
            return []
        span = found.choice.start_ticks, end_ticks
        return [
            NewGap(number, start, end, found.reason)
            for number in numbers
            for start, end in self.owed(number, span, again=found.again)
        ]

    def reached(self, found: Backfill) -> list[int]:
        """Give the tags that are read without a break since the start of a backfill that is done."""
        start, end = found.choice.start_ticks, found.end_ticks
        return [number for number in found.numbers if start < self.joined.get(number, start) <= end + 1]
