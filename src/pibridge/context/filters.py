"""Which records a sink may have, and why not. The deadband, which remembers, is in `deadband`."""

from collections.abc import Callable

from pibridge.context.meaning import quality
from pibridge.context.patterns import levels, wildcards
from pibridge.context.record import Context, Record
from pibridge.context.settings import FilterSettings

Filter = Callable[[Record], str]
"""Gives the key of the filter that keeps a record back, or nothing if it may pass."""


def build(settings: FilterSettings) -> Filter:
    """Make the filter of one sink: first the keys that are fixed for a tag, then those that look at each event.

    Records of event frames are filtered by their stream alone.
    """
    of_context = _of_context(settings)
    qualities = frozenset(settings.quality) if settings.quality is not None else None
    needs_batch = settings.batch == "running"
    known: dict[int, tuple[Context, str]] = {}

    def verdict(record: Record) -> str:
        context = record.context
        if of_context is not None:
            judged = known.get(record.event.tag)
            # A tag is described anew now and then, and old events as they were.
            if judged is None or judged[0].tag is not context.tag:
                judged = known[record.event.tag] = context, of_context(context)
            if judged[1]:
                return judged[1]
        if context.tag.kind == "frame":
            return ""
        if qualities is not None and quality(record.event, text=context.tag.text) not in qualities:
            return "quality"
        if needs_batch and (record.batch is None or not record.batch.valid):
            return "batch"
        return ""

    return verdict


def _of_context(settings: FilterSettings) -> Callable[[Context], str] | None:
    """Give the verdict on what is the same for all events of a tag. None: there is nothing to judge."""
    streams = settings.streams
    tags = None if settings.tags is None else [wildcards(pattern) for pattern in settings.tags]
    assets = None if settings.assets is None else [levels(pattern) for pattern in settings.assets]
    if streams is None and tags is None and assets is None:
        return None

    def verdict(context: Context) -> str:
        tag, asset = context.tag, context.asset
        if streams is not None and tag.stream not in streams:
            return "streams"
        if tag.kind == "frame":
            return ""
        if tags is not None and not any(each.fullmatch(tag.name) or each.fullmatch(tag.path) for each in tags):
            return "tags"
        if assets is not None and (asset is None or not any(each.fullmatch(asset.path) for each in assets)):
            return "assets"
        return ""

    return verdict
