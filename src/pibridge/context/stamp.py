"""Gives events their context: the asset and description that were valid at their place in the journal."""

from collections.abc import Callable, Sequence

from pibridge.context.assets import AssetMap
from pibridge.context.record import Context, Record, context_of
from pibridge.model.event import Event, Lane
from pibridge.model.tag import Tag


class Stamp:
    """Makes records of events. `describe(number, seq)`: the tag as it was described at that place in the journal."""

    def __init__(self, site: str, assets: AssetMap, describe: Callable[[int, int], Tag]) -> None:
        self._site = site
        self._assets = assets
        self._describe = describe
        self._contexts: dict[tuple[int, Lane], Context] = {}

    def records(self, lane: Lane, first_seq: int, events: Sequence[Event]) -> list[Record]:
        """Give the records of a run of events; a tag's description does not change within one run."""
        known: dict[int, Context] = {}
        records = []
        for seq, event in enumerate(events, first_seq):
            context = known.get(event.tag)
            if context is None:
                context = known[event.tag] = self._context(event.tag, lane, first_seq)
            records.append(Record(seq, event, context))
        return records

    def _context(self, number: int, lane: Lane, seq: int) -> Context:
        tag = self._describe(number, seq)
        context = self._contexts.get((number, lane))
        if context is None or context.tag is not tag:
            context = context_of(self._site, tag, self._assets.of(tag), lane)
            self._contexts[number, lane] = context
        return context
