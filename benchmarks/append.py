"""The journal alone: chunks that are committed one after the other, beside the same bytes in a file."""

import asyncio
import time
from pathlib import Path
from random import Random
from typing import Final

import psutil

import limits
import plant
from pibridge.journal.codec import Packer
from pibridge.journal.journal import Journal
from pibridge.journal.settings import JournalSettings
from pibridge.model.event import Event, Lane
from pibridge.model.tag import Mode, Tag

_CHUNK_EVENTS: Final = 1000
_START_TICKS: Final = 17_800_000_000_000_000
TAGS: Final = [
    Tag(stream="bench", mode=Mode.REALTIME, name=plant.name(n), path=plant.path(n), web_id=plant.web_id(n))
    for n in range(1, 101)
]


def chunks(count: int) -> list[list[Event]]:
    """Give so many chunks of numbers."""
    numbers = Random(1)  # noqa: S311 - play numbers
    return [
        [
            Event(
                place % 100 + 1,
                _START_TICKS + 156_250 * (number * _CHUNK_EVENTS + place),
                round(numbers.uniform(0, 500), 6),
            )
            for place in range(_CHUNK_EVENTS)
        ]
        for number in range(count)
    ]


def append(events: int, folder: Path) -> dict[str, float]:
    """Commit chunks, each durable before the next; give the figures."""
    parts = chunks(max(10, events // _CHUNK_EVENTS))
    payload_bytes = sum(len(packed.payload) for part in parts for packed in Packer().pack(part))
    before = limits.syncing(folder, parts)
    process = psutil.Process()
    written_bytes = process.io_counters().write_bytes
    chunks_per_s = asyncio.run(_committed(parts, folder / "journal"))
    written_bytes = process.io_counters().write_bytes - written_bytes
    after = limits.syncing(folder, parts)
    return {
        "append / file": 2 * chunks_per_s / (before + after),
        "written / payload": written_bytes / payload_bytes,
        "events/s": chunks_per_s * _CHUNK_EVENTS,
    }


async def _committed(parts: list[list[Event]], folder: Path) -> float:
    journal = await Journal.open(JournalSettings(path=folder))
    await journal.describe(TAGS)
    begun = time.perf_counter()
    for part in parts:
        await journal.commit(Lane.LIVE, part, _START_TICKS)
    took_s = time.perf_counter() - begun
    await journal.close()
    return len(parts) / took_s
