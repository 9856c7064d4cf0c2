"""The gaps that are to be read, in order: the choice of the next ones costs about what it chooses. Pure."""

from bisect import bisect_left, insort
from collections.abc import Collection, Iterable, Iterator
from itertools import islice
from typing import Any

from pibridge.journal.gaps import Gap
from pibridge.model import ticks

_SHORT_TICKS = 60 * ticks.PER_SECOND

Place = tuple[int, int, int]
"""When a gap begins, its tag negated (of equal beginnings the smaller tag comes last), and its number."""


class Debts:
    """Gaps by number, each with how far apart the instants are at which its tag is sampled, None for the archive.

    `waiting`: gaps that cannot be read now; they are owed, and never chosen. Looks have negative numbers and are not
    owed.
    """

    def __init__(self, gaps: Iterable[tuple[Gap, int | None]] = (), waiting: Iterable[Gap] = ()) -> None:
        self.waiting = {gap.id: gap for gap in waiting}
        self._gaps = {gap.id: (gap, spacing_ticks) for gap, spacing_ticks in gaps}
        places: dict[int | None, list[Place]] = {}
        for gap, spacing_ticks in self._gaps.values():
            places.setdefault(spacing_ticks, []).append(_place(gap))
        self._alike = {spacing_ticks: _Alike(some) for spacing_ticks, some in places.items()}
        everything = (*(gap for gap, _ in self._gaps.values()), *self.waiting.values())
        self._starts = sorted(gap.start_ticks for gap in everything if gap.id > 0)

    @property
    def owed(self) -> int:
        """How many gaps are owed."""
        return len(self._starts)

    @property
    def oldest_ticks(self) -> int:
        """When the oldest of those that are owed begins, 0 if there are none."""
        return self._starts[0] if self._starts else 0

    def put(self, gap: Gap, spacing_ticks: int | None) -> None:
        """Take a gap in, in place of what it was before."""
        self.drop(gap.id)
        self._gaps[gap.id] = gap, spacing_ticks
        if spacing_ticks not in self._alike:
            self._alike[spacing_ticks] = _Alike([])
        self._alike[spacing_ticks].add(_place(gap))
        self._owe(gap)

    def wait(self, gap: Gap) -> None:
        """Take a gap in that cannot be read now."""
        self.drop(gap.id)
        self.waiting[gap.id] = gap
        self._owe(gap)

    def drop(self, number: int) -> Gap | None:
        """Let a gap go, and give it. None: it was not here."""
        gap = self.waiting.pop(number, None)
        if gap is None:
            gap, spacing_ticks = self._gaps.pop(number, (None, None))
            if gap is None:
                return None
            alike = self._alike[spacing_ticks]
            alike.remove(_place(gap))
            if not alike.heads:
                del self._alike[spacing_ticks]
        if gap.id > 0:
            _remove(self._starts, gap.start_ticks)
        return gap

    def get(self, number: int) -> Gap | None:
        """Give a gap that can be read. None: it is not here."""
        gap, _ = self._gaps.get(number, (None, None))
        return gap

    def choose(self, most: int, alone: Iterable[int] = (), busy: Collection[int] = ()) -> list[Gap]:
        """Choose the gaps to read in one request: of different tags, of similar age, the most recent need first.

        A tag's own gaps are read in the order of time. `most`: at least 1. All are of tags that are sampled as the one
        with the most recent need. `alone`: numbers of gaps that go before all others of these, each by itself. `busy`:
        tags that are passed over.
        """
        needs = {newest: of for of, alike in self._alike.items() if (newest := alike.newest(busy)) is not None}
        if not needs:
            return []
        spacing_ticks = needs[max(needs)]
        for number in alone:
            gap, of = self._gaps.get(number, (None, None))
            if gap is not None and of == spacing_ticks and gap.tag not in busy:
                return [gap]
        near = [self._gaps[number][0] for _, _, number in islice(self._alike[spacing_ticks].by_need(busy), most)]
        lead = near[0]
        reach = lead.start_ticks - max(_SHORT_TICKS, _end(lead) - lead.start_ticks)
        return [gap for gap in near if gap.start_ticks >= reach]

    def spacing_ticks(self, number: int) -> int | None:
        """Give with what a gap was taken in."""
        return self._gaps[number][1]

    def looks(self) -> Iterator[Gap]:
        """Give those that are not owed."""
        return (gap for gap, _ in self._gaps.values() if gap.id < 0)

    def _owe(self, gap: Gap) -> None:
        if gap.id > 0:
            insort(self._starts, gap.start_ticks)


class _Alike:
    """The places of gaps of tags that are sampled alike. `heads`: the earliest one of each tag, sorted."""

    def __init__(self, places: Iterable[Place]) -> None:
        self._of_tag: dict[int, list[Place]] = {}
        for place in sorted(places):
            self._of_tag.setdefault(place[1], []).append(place)
        self.heads = sorted(own[0] for own in self._of_tag.values())

    def by_need(self, busy: Collection[int]) -> Iterator[Place]:
        """Give the heads of tags that are not busy, the latest first."""
        return (place for place in reversed(self.heads) if -place[1] not in busy)

    def newest(self, busy: Collection[int]) -> Place | None:
        """Give the first of these."""
        return next(self.by_need(busy), None)

    def add(self, place: Place) -> None:
        own = self._of_tag.setdefault(place[1], [])
        if own and place < own[0]:
            _remove(self.heads, own[0])
        if not own or place < own[0]:
            insort(self.heads, place)
        insort(own, place)

    def remove(self, place: Place) -> None:
        own = self._of_tag[place[1]]
        if place == own[0]:
            _remove(self.heads, place)
            if len(own) > 1:
                insort(self.heads, own[1])
        _remove(own, place)
        if not own:
            del self._of_tag[place[1]]


def _place(gap: Gap) -> Place:
    return gap.start_ticks, -gap.tag, gap.id


def _end(gap: Gap) -> int:
    return ticks.FOREVER if gap.end_ticks is None else gap.end_ticks


def _remove(ordered: list[Any], item: Any) -> None:
    del ordered[bisect_left(ordered, item)]
