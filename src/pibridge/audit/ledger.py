"""The ledger: what audits found, hour by hour and tag by tag; it outlives the events. Facts of the journal. Pure."""

from collections.abc import Iterable, Mapping
from contextlib import suppress
from typing import Final

import msgspec
import zstandard
from msgspec import Struct, field

from pibridge.audit.comparing import Earlier
from pibridge.audit.findings import Count
from pibridge.journal.facts import Fact
from pibridge.model import ticks

DAYS: Final = "audit"
"""Source of the facts of days; a day's hours have a source of their own."""
HOUR_TICKS: Final = 3600 * ticks.PER_SECOND
_MOST_BYTES: Final = 64 << 20


class Page(Struct, frozen=True, kw_only=True):
    """An hour. `count`: as it was after all was mended that could be. `cells`: by tag, what the archive had for good.

    `looks`: how often it was audited. `repaired`: how many values were, by all of them.
    """

    count: Count = field(default_factory=Count)
    looks: int = 1
    repaired: int = 0
    cells: Mapping[int, Earlier] = {}


class Day(Struct, frozen=True, kw_only=True):
    """A day of UTC. `hours`: so many were audited; `bytes`: what they take."""

    day: str
    hours: int
    bytes: int


_encode: Final = msgspec.msgpack.Encoder().encode
_decode: Final = msgspec.msgpack.Decoder(Page).decode
_decode_day: Final = msgspec.msgpack.Decoder(Day).decode


def place_of(moment_ticks: int) -> tuple[str, str]:
    """Give the source and the id of the fact that holds the hour of a time."""
    text = ticks.render(moment_ticks)
    return source_of(text[:10]), text[11:13]


def source_of(day: str) -> str:
    """Give the source of the hours of a day, YYYY-MM-DD."""
    return f"{DAYS} {day}"


def page_fact(start_ticks: int, page: Page) -> Fact:
    """Give the fact that holds an hour."""
    return Fact(*place_of(start_ticks), zstandard.ZstdCompressor().compress(_encode(page)))


def page_of(fact: Fact) -> Page:
    """Read it. ValueError: it is none."""
    try:
        return _decode(zstandard.ZstdDecompressor().decompress(fact.content, max_output_size=_MOST_BYTES))
    except (zstandard.ZstdError, msgspec.MsgspecError) as error:
        raise ValueError(f"hour {fact.id} of {fact.source} cannot be read: {error}") from error


def pages_of(facts: Iterable[Fact]) -> dict[str, Page]:
    """Give the hours of a day, by hour; those that cannot be read are left out."""
    found = {}
    for fact in facts:
        with suppress(ValueError):
            found[fact.id] = page_of(fact)
    return found


def day_fact(day: str, hours: Iterable[Fact]) -> Fact:
    """Give the fact that says of a day what it takes."""
    sizes = [len(fact.content) for fact in hours]
    return Fact(DAYS, day, _encode(Day(day=day, hours=len(sizes), bytes=sum(sizes))))


def days_of(facts: Iterable[Fact]) -> list[Day]:
    """Give the days, the first first; those that cannot be read are left out."""
    found = []
    for fact in facts:
        with suppress(msgspec.MsgspecError):
            found.append(_decode_day(fact.content))
    return found


def too_old(days: Iterable[Day], oldest_day: str, most_bytes: int) -> list[str]:
    """Give the days that go: those before the oldest one to keep, and the first of those that take too much."""
    kept, gone = 0, []
    for each in sorted(days, key=lambda day: day.day, reverse=True):
        kept += each.bytes
        if each.day < oldest_day or kept > most_bytes:
            gone.append(each.day)
    return gone
