"""Data points packed into requests that are as full as SiteWise allows. Pure."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final, TypeVar

from msgspec import Struct

from pibridge.sinks.sitewise.tqv import Tqv

MOST_ENTRIES: Final = 10
MOST_VALUES: Final = 10
"""Of one entry."""

_T = TypeVar("_T")


class Entry(Struct, frozen=True):
    """Data points of one property, in order."""

    alias: str
    values: Sequence[Tqv]

    def said(self, entry_id: str) -> dict[str, Any]:
        """Give it as the API has it."""
        return {
            "entryId": entry_id,
            "propertyAlias": self.alias,
            "propertyValues": [each.said() for each in self.values],
        }


Request = Sequence[Entry]
"""At most ten entries; no property has the same time and quality twice in them."""


def pack(values: Iterable[Tqv]) -> Iterator[Request]:
    """Give requests with all data points; those of one property keep their order.

    A time and quality that comes again for a property (PI has replaced the value) waits for a later request.
    """
    layers: list[dict[str, list[Tqv]]] = []
    layer_of: dict[str, int] = {}
    taken: dict[str, set[tuple[int, str]]] = {}
    for value in values:
        keys = taken.setdefault(value.alias, set())
        if value.key in keys:
            layer_of[value.alias] = layer_of.get(value.alias, 0) + 1
            keys.clear()
        keys.add(value.key)
        layer = layer_of.get(value.alias, 0)
        if layer == len(layers):
            layers.append({})
        layers[layer].setdefault(value.alias, []).append(value)
    for by_alias in layers:
        entries = [Entry(alias, part) for alias, some in by_alias.items() for part in parts(some, MOST_VALUES)]
        yield from parts(entries, MOST_ENTRIES)


def parts(items: Sequence[_T], most: int) -> Iterator[Sequence[_T]]:
    """Give the items in order, so many at a time."""
    return (items[start : start + most] for start in range(0, len(items), most))


def halves(request: Request) -> list[Request]:
    """Give a request as two; none if it is of a single data point."""
    if len(request) > 1:
        middle = len(request) // 2
        return [request[:middle], request[middle:]]
    (entry,) = request
    if len(entry.values) == 1:
        return []
    middle = len(entry.values) // 2
    return [[Entry(entry.alias, entry.values[:middle])], [Entry(entry.alias, entry.values[middle:])]]
