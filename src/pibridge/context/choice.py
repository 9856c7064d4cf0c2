"""Which journaled events somebody means: by time, tag, asset, batch, stream and lane. Pure."""

import re
from bisect import bisect_right
from collections.abc import Callable, Sequence
from typing import Annotated, Final

from msgspec import Meta, Struct

from pibridge.context.assets import AssetMap
from pibridge.context.patterns import levels, wildcards
from pibridge.context.record import Record
from pibridge.context.stamp import Stamp
from pibridge.model import ticks
from pibridge.model.event import Event, Lane
from pibridge.model.tag import Tag

BEGINNING: Final = -(1 << 62)
"""Before all times."""

_STARS: Final = re.compile(r"\*+")
_MOST_STARS: Final = 8
_LAST_SEQ: Final = 1 << 62

Patterns = tuple[Annotated[str, Meta(min_length=1, max_length=1000)], ...]


class Choice(Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """Events from `start_ticks` to `end_ticks`, both included, that meet each of the others; what is empty is met.

    `tags`: names or PI paths, `*` and `?` as wildcards. `assets`: paths, `*` within one level, `**` across. `batches`:
    ids, with wildcards. Event frames are meant by time, stream and lane alone, and not at all where tags, assets or
    batches are named. `places`: runs of positions in the journal, both ends included, in order.
    """

    start_ticks: Annotated[int, Meta(ge=BEGINNING)] = BEGINNING
    end_ticks: Annotated[int, Meta(le=ticks.FOREVER)] = ticks.FOREVER
    tags: Patterns = ()
    assets: Patterns = ()
    batches: Patterns = ()
    streams: Patterns = ()
    lanes: tuple[Lane, ...] = ()
    places: tuple[tuple[int, int], ...] = ()

    def __post_init__(self) -> None:
        """Raise ValueError for a time that ends before it begins, and for patterns that could take for ever."""
        if self.end_ticks < self.start_ticks:
            raise ValueError("the time ends before it begins")
        for pattern in (*self.tags, *self.assets, *self.batches):
            if len(_STARS.findall(pattern)) > _MOST_STARS:
                raise ValueError(f"{pattern[:40]}… has more than {_MOST_STARS} wildcards")


def of_tag(choice: Choice, assets: AssetMap) -> Callable[[Tag], bool]:
    """Give what tells whether events of a tag, as it is described, can be meant."""
    names, paths = [wildcards(each) for each in choice.tags], [levels(each) for each in choice.assets]
    is_of_values = bool(choice.tags or choice.assets or choice.batches)

    def verdict(tag: Tag) -> bool:
        if choice.streams and tag.stream not in choice.streams:
            return False
        if tag.kind == "frame":
            return not is_of_values
        if names and not any(each.fullmatch(tag.name) or each.fullmatch(tag.path) for each in names):
            return False
        if not paths:
            return True
        asset = assets.of(tag)
        return asset is not None and any(each.fullmatch(asset.path) for each in paths)

    return verdict


class Chooser:
    """Picks the events that are meant, in the context that a stamp gives."""

    def __init__(self, choice: Choice, stamp: Stamp) -> None:
        self._choice = choice
        self._stamp = stamp
        self._of_tag = of_tag(choice, stamp.assets)
        self._batches = [wildcards(each) for each in choice.batches]
        self._known: dict[int, tuple[Tag, bool]] = {}

    def events(self, lane: Lane, first_seq: int, events: Sequence[Event]) -> list[tuple[int, Event]]:
        """Give the events of a run that can be meant, each with its place; the batch is not looked at."""
        choice = self._choice
        if choice.lanes and lane not in choice.lanes:
            return []
        start, end, places = choice.start_ticks, choice.end_ticks, choice.places
        verdicts: dict[int, bool] = {}
        found = []
        for seq, event in enumerate(events, first_seq):
            if start <= event.ticks <= end and (not places or _is_within(seq, places)):
                is_meant = verdicts.get(event.tag)
                if is_meant is None:
                    is_meant = verdicts[event.tag] = self._is_meant(event.tag, first_seq)
                if is_meant:
                    found.append((seq, event))
        return found

    def records(self, lane: Lane, first_seq: int, numbered: Sequence[tuple[int, Event]]) -> list[Record]:
        """Give the records of those of these events, which `events` gave, that are meant."""
        records = self._stamp.some(lane, first_seq, numbered)
        return [record for record in records if self.is_of_batch(record)] if self._batches else records

    def is_of_batch(self, record: Record) -> bool:
        """Tell whether a record is of a batch that is meant."""
        batch = record.batch
        return not self._batches or (batch is not None and any(each.fullmatch(batch.id) for each in self._batches))

    def _is_meant(self, number: int, seq: int) -> bool:
        tag = self._stamp.describe(number, seq)
        known = self._known.get(number)
        if known is None or known[0] is not tag:
            known = self._known[number] = tag, self._of_tag(tag)
        return known[1]


def _is_within(seq: int, places: Sequence[tuple[int, int]]) -> bool:
    run = bisect_right(places, (seq, _LAST_SEQ)) - 1
    return run >= 0 and seq <= places[run][1]
