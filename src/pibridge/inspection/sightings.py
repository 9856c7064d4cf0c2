"""Where the journal has events of a tag around a time."""

from collections.abc import Iterable
from typing import Final

from msgspec import Struct

from pibridge.journal.chunks import Chunk
from pibridge.journal.reader import JournalReader
from pibridge.model import ticks
from pibridge.model.event import Event, Lane

_FIRST_TICKS: Final = ticks.PER_SECOND
_WIDER: Final = 30
_ALL: Final = 1 << 62
_MOST_CHUNKS: Final = 2000
"""So many are read for the nearest: a few seconds' work."""


class Sighting(Struct, frozen=True):
    """An event with its place. `seq` None: it is held."""

    seq: int | None
    lane: Lane
    arrived_ticks: int
    event: Event


class Around(Struct, frozen=True):
    """`at`: all versions of that time; if there is none, `nearest`: the last before and the first after, all versions.

    `reach_ticks`: nearest ones were looked for no further than this; None: everywhere.
    """

    at: list[Sighting]
    nearest: list[Sighting]
    reach_ticks: int | None = None


def around(reader: JournalReader, number: int, moment: int) -> Around:
    """Look for the events of a tag at a time, else for the nearest. Reads a bounded part of the journal."""
    at = _between(reader, number, moment, moment, reader.spanning(moment, moment))
    if at:
        return Around(at, [])
    reach, looked, everything = _FIRST_TICKS, 0, len(reader.spanning(-_ALL, _ALL))
    seen: list[Sighting] = []
    while not _is_both_sides(seen, moment):
        starts = reader.spanning(moment - reach, moment + reach)
        if len(starts) > _MOST_CHUNKS:
            return Around([], _nearest(seen, moment), looked)
        seen = _between(reader, number, moment - reach, moment + reach, starts)
        if len(starts) >= everything or reach > _ALL:
            break
        reach, looked = reach * _WIDER, reach
    return Around([], _nearest(seen, moment))


def _between(reader: JournalReader, number: int, start: int, end: int, starts: Iterable[int]) -> list[Sighting]:
    found: list[Sighting] = []
    for seq in starts:
        chunk = reader.chunk(seq)
        if isinstance(chunk, Chunk):
            found += [
                Sighting(place, chunk.lane, chunk.arrived_ticks, event)
                for place, event in enumerate(chunk.events, chunk.first_seq)
                if event.tag == number and start <= event.ticks <= end
            ]
    found += [
        Sighting(None, Lane.LIVE, held.arrived_ticks, event)
        for held in reader.held()
        for event in held.events
        if event.tag == number and start <= event.ticks <= end
    ]
    return found


def _is_both_sides(seen: Iterable[Sighting], moment: int) -> bool:
    return {sighting.event.ticks < moment for sighting in seen} == {True, False}


def _nearest(seen: Iterable[Sighting], moment: int) -> list[Sighting]:
    times = {sighting.event.ticks for sighting in seen}
    before = max((time for time in times if time < moment), default=None)
    after = min((time for time in times if time > moment), default=None)
    return [sighting for sighting in seen if sighting.event.ticks in {before, after}]
