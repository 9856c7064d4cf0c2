"""Which records a sink may have, and why not."""

from collections.abc import Callable

from pibridge.context.meaning import quality
from pibridge.context.record import Record
from pibridge.context.settings import FilterSettings

Filter = Callable[[Record], str]
"""Gives the key of the filter that keeps a record back, or nothing if it may pass."""


def build(settings: FilterSettings) -> Filter:
    """Make the filter of one sink."""
    qualities = frozenset(settings.quality) if settings.quality is not None else None
    streams = frozenset(settings.streams) if settings.streams is not None else None

    def verdict(record: Record) -> str:
        tag = record.context.tag
        if streams is not None and tag.stream not in streams:
            return "streams"
        if qualities is not None and quality(record.event, text=tag.text) not in qualities:
            return "quality"
        return ""

    return verdict
