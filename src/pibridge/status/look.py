"""Looks into the journal for the page, beside the writer: the last values of some tags, and what is owed."""

import time
from collections import defaultdict
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Final

from msgspec import Struct

from pibridge.journal.gaps import Gap
from pibridge.journal.reader import JournalReader
from pibridge.model.event import Event
from pibridge.status.worker import Worker

MOST_CHUNKS: Final = 50_000
LONGEST_S: Final = 1.0
"""For one question: some million events. That is minutes of a busy journal, days of a quiet one."""


class Seen(Struct, frozen=True):
    """Events by tag, in no order. `since_ticks`: from then on they are all there."""

    events: dict[int, list[Event]]
    since_ticks: int


class Look:
    """A reader with a thread of its own, opened at the first question."""

    def __init__(self, folder: Path, clock_s: Callable[[], float] = time.monotonic) -> None:
        self._folder = folder
        self._clock_s = clock_s
        self._worker = Worker("status-look")
        self._reader: JournalReader | None = None

    async def seen(self, numbers: Collection[int], since_ticks: int) -> Seen:
        """Give the events of these tags since then, as far back as one question may read.

        Raises JournalError, BusyError.
        """
        return await self._worker.do(lambda: self._seen(frozenset(numbers), since_ticks))

    async def gaps(self) -> list[Gap]:
        """Give what is owed. Raises JournalError, BusyError."""
        return await self._worker.do(lambda: self._open().gaps())

    def close(self) -> None:
        """Let go of the file."""
        self._worker.close()
        if self._reader is not None:
            self._reader.close()
            self._reader = None

    def _open(self) -> JournalReader:
        if self._reader is None:
            self._reader = JournalReader.open(self._folder)
        return self._reader

    def _seen(self, numbers: frozenset[int], since_ticks: int) -> Seen:
        found: defaultdict[int, list[Event]] = defaultdict(list)
        begin_s = self._clock_s()
        reached_ticks = since_ticks
        for read, chunk in enumerate(self._open().backwards(since_ticks, MOST_CHUNKS), 1):
            for event in chunk.events:
                if event.tag in numbers and event.ticks >= since_ticks:
                    found[event.tag].append(event)
            if read == MOST_CHUNKS or self._clock_s() - begin_s > LONGEST_S:
                reached_ticks = max(since_ticks, *(event.ticks for event in chunk.events))
                break
            time.sleep(0)  # the daemon's own threads go first
        return Seen(dict(found), reached_ticks)
