"""What tells whether two sets of values are the same, in a few bytes; made so that parts add up. Pure."""

from collections.abc import Iterable
from hashlib import blake2b
from typing import Final

import msgspec
from msgspec import Struct

from pibridge.model.event import Event

_BYTES: Final = 8
_ALL: Final = 1 << (8 * _BYTES)


class Fingerprint(Struct, frozen=True, array_like=True, gc=False):
    """So many values, and the sum of what stands for each; in any order it is the same."""

    count: int = 0
    total: int = 0

    def __add__(self, other: "Fingerprint") -> "Fingerprint":
        return Fingerprint(self.count + other.count, (self.total + other.total) % _ALL)

    def __sub__(self, other: "Fingerprint") -> "Fingerprint":
        return Fingerprint(self.count - other.count, (self.total - other.total) % _ALL)


NONE: Final = Fingerprint()


def of(events: Iterable[Event]) -> Fingerprint:
    """Give that of values of one tag: of their times and PI's values, quality apart."""
    count = total = 0
    for event in events:
        count += 1
        total += _of_one(event)
    return Fingerprint(count, total % _ALL)


def _of_one(event: Event) -> int:
    value = event.value
    if isinstance(value, float) and value.is_integer():
        value = int(value)  # PI writes the same number with or without a fraction, by the type of the point
    said = msgspec.json.encode(value, order="deterministic")
    return int.from_bytes(blake2b(b"%d %b" % (event.ticks, said), digest_size=_BYTES).digest())
