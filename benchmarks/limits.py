"""The limits that figures are compared with: what this machine can do at all, measured in the same run."""

import os
import time
from collections.abc import Callable, Sequence
from itertools import islice
from pathlib import Path
from statistics import fmean
from typing import Final, NamedTuple

import plant
from pibridge.context.filters import build
from pibridge.context.record import json_lines
from pibridge.context.settings import ContextSettings, FilterSettings
from pibridge.context.stamp import Stamp
from pibridge.context.surroundings import Surroundings
from pibridge.intake.arrivals import Arrivals
from pibridge.journal.codec import Packer
from pibridge.model.event import Event, Lane
from pibridge.model.tag import Mode, Tag
from pibridge.pi.wire import Items, Reader, StreamItem, decode_channel

_CHUNK_EVENTS: Final = 1000
_SAMPLE_EVENTS: Final = 100_000
_MEASURED_S: Final = 0.4
_read_pages: Final = Reader(Items[StreamItem])


def sample(feed: plant.Feed) -> list[bytes]:
    """Give the first of the messages that a feeder sends, as many as a limit is measured with."""
    numbers = range(1, feed.tags + 1)
    return list(islice(plant.messages(feed, numbers, 0), min(feed.events, _SAMPLE_EVENTS) // feed.items or 1))


class Limit(NamedTuple):
    """Events per second of the clock, and per second that was computed: on a busy machine that is less."""

    per_s: float
    per_cpu_s: float

    @classmethod
    def mean(cls, *limits: "Limit") -> "Limit":
        """Give what lies between those that were measured before and after."""
        return cls(fmean(each.per_s for each in limits), fmean(each.per_cpu_s for each in limits))


def decoding(messages: Sequence[bytes]) -> Limit:
    """Give D: the rate of the typed decoding alone."""
    return _measured(messages, lambda message: len(decode_channel(message)))


def page_decoding(pages: Sequence[bytes]) -> Limit:
    """Give the rate of the typed decoding of pages of the archive."""
    return _measured(pages, lambda page: sum(len(stream.items) for stream in _read_pages(page).items))


def _measured(parts: Sequence[bytes], count: Callable[[bytes], int]) -> Limit:
    """Do it again and again for a while: a busy machine gives its time in pieces."""
    events = 0
    begun_s, computed_s = time.perf_counter(), time.process_time()
    while time.perf_counter() - begun_s < _MEASURED_S:
        events += sum(map(count, parts))
    return Limit(events / (time.perf_counter() - begun_s), events / (time.process_time() - computed_s))


def pure(feed: plant.Feed, messages: Sequence[bytes]) -> Limit:
    """Give the rate of all that is computed: decode, dedup, contextualize, filter, encode."""
    tags = [
        Tag(stream="bench", mode=Mode.REALTIME, name=plant.name(n), path=plant.path(n), web_id=plant.web_id(n))
        for n in range(feed.tags + 1)
    ]
    arrivals = Arrivals({tag.web_id: number for number, tag in enumerate(tags)}, [])
    stamp = Stamp("bench", Surroundings(ContextSettings(), []), lambda number, _: tags[number])
    admits = build(FilterSettings(quality=frozenset({"good"})))
    waiting: list[Event] = []
    events = 0
    begun_s, computed_s = time.perf_counter(), time.process_time()
    for message in messages:
        streams = decode_channel(message)
        events += len(streams)
        waiting += arrivals.take(streams).events
        if len(waiting) >= _CHUNK_EVENTS:
            json_lines([record for record in stamp.records(Lane.LIVE, 1, waiting) if not admits(record)])
            waiting.clear()
    return Limit(events / (time.perf_counter() - begun_s), events / (time.process_time() - computed_s))


def syncing(folder: Path, chunks: Sequence[list[Event]]) -> float:
    """Give how many chunks a second a file takes: each packed as the journal packs it, then followed by fdatasync."""
    packer = Packer()
    with (folder / "bytes").open("wb", buffering=0) as file:
        begun = time.perf_counter()
        for chunk in chunks:
            for packed in packer.pack(chunk):
                file.write(packed.payload)
            os.fdatasync(file.fileno())
        return len(chunks) / (time.perf_counter() - begun)
