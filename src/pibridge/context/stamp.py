"""Gives events their context: description, asset and batch that were valid at their place and time."""

from collections.abc import Callable, Iterable, Sequence
from typing import Final

from msgspec.structs import replace

from pibridge.context.batches import Span
from pibridge.context.record import Context, Record, context_of
from pibridge.context.surroundings import Surroundings
from pibridge.model.event import Event, Lane
from pibridge.model.tag import Tag

Describe = Callable[[int, int], Tag]
"""Gives a tag, by its number, as it was described at a place in the journal."""

_LATEST: Final = 1 << 62
"""A place behind all others."""


class Stamp:
    """Makes records of events. `replay`: id of the replay that sends them again, if one does.

    `describe`, `assets`: what it asks for a tag and its asset.
    """

    def __init__(self, site: str, surroundings: Surroundings, describe: Describe, replay: str = "") -> None:
        self._site = site
        self._replay = replay
        self._surroundings = surroundings
        self.assets = surroundings.assets
        self._timeline = surroundings.timeline
        self.describe = describe
        self._contexts: dict[tuple[int, Lane], Context] = {}
        self._version = self._timeline.version
        self._spans: dict[int, Span] = {}

    def again(self, replay: str) -> "Stamp":
        """Give one for a replay: it marks its records, and puts old events in the context of today.

        Only what their values meant stays as it was: unit, span, and whether texts are proper values.
        """
        return Stamp(self._site, self._surroundings, _today(self.describe), replay)

    def records(self, lane: Lane, first_seq: int, events: Sequence[Event]) -> list[Record]:
        """Give the records of a run of events; a tag's description does not change within one run."""
        return self.some(lane, first_seq, enumerate(events, first_seq))

    def some(self, lane: Lane, first_seq: int, numbered: Iterable[tuple[int, Event]]) -> list[Record]:
        """Give the records of some events of a run that begins at `first_seq`, each with its place in the journal."""
        if self._version != self._timeline.version:
            self._version = self._timeline.version
            self._spans.clear()
        known: dict[int, Context] = {}
        records = []
        for seq, event in numbered:
            context = known.get(event.tag)
            if context is None:
                context = known[event.tag] = self._context(event.tag, lane, first_seq)
            if context.has_batches:
                records.append(Record(seq, event, context, self._span(event, context).batch))
            else:
                records.append(Record(seq, event, context))
        return records

    def _span(self, event: Event, context: Context) -> Span:
        span = self._spans.get(event.tag)
        if span is None or not span.start <= event.ticks < span.end:
            path = context.asset.path if context.asset else ""
            span = self._spans[event.tag] = self._timeline.span(path, event.ticks)
        return span

    def _context(self, number: int, lane: Lane, seq: int) -> Context:
        tag = self.describe(number, seq)
        context = self._contexts.get((number, lane))
        if context is None or context.tag is not tag:
            asset = self.assets.of(tag)
            has_batches = asset is not None and self._timeline.covers(asset.path)
            context = context_of(self._site, tag, asset, lane, has_batches=has_batches, replay=self._replay)
            self._contexts[number, lane] = context
            self._spans.pop(number, None)
        return context


def _today(describe: Describe) -> Describe:
    known: dict[int, tuple[Tag, Tag, Tag]] = {}

    def described(number: int, seq: int) -> Tag:
        then, now = describe(number, seq), describe(number, _LATEST)
        if then is now:
            return now
        last = known.get(number)
        # The same description is the same object: whoever keeps something with it looks at that.
        if last is None or last[0] is not then or last[1] is not now:
            last = known[number] = then, now, replace(now, unit=then.unit, span=then.span, text=then.text)
        return last[2]

    return described
