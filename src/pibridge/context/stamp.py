"""Gives events their context: description, asset and batch that were valid at their place and time."""

from collections.abc import Callable, Sequence

from pibridge.context.batches import Span
from pibridge.context.record import Context, Record, context_of
from pibridge.context.surroundings import Surroundings
from pibridge.model.event import Event, Lane
from pibridge.model.tag import Tag


class Stamp:
    """Makes records of events. `describe(number, seq)`: the tag as it was described at that place in the journal."""

    def __init__(self, site: str, surroundings: Surroundings, describe: Callable[[int, int], Tag]) -> None:
        self._site = site
        self._assets = surroundings.assets
        self._timeline = surroundings.timeline
        self._describe = describe
        self._contexts: dict[tuple[int, Lane], Context] = {}
        self._version = self._timeline.version
        self._spans: dict[int, Span] = {}

    def records(self, lane: Lane, first_seq: int, events: Sequence[Event]) -> list[Record]:
        """Give the records of a run of events; a tag's description does not change within one run."""
        if self._version != self._timeline.version:
            self._version = self._timeline.version
            self._spans.clear()
        known: dict[int, Context] = {}
        records = []
        for seq, event in enumerate(events, first_seq):
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
        tag = self._describe(number, seq)
        context = self._contexts.get((number, lane))
        if context is None or context.tag is not tag:
            asset = self._assets.of(tag)
            has_batches = asset is not None and self._timeline.covers(asset.path)
            context = context_of(self._site, tag, asset, lane, has_batches=has_batches)
            self._contexts[number, lane] = context
            self._spans.pop(number, None)
        return context
