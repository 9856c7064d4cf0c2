"""Records as sinks get them, made of the journal beside a daemon: with context by the configuration, read in steps."""

import time
from collections.abc import Callable, Iterator, Sequence
from typing import Final

from pibridge.config.loaded import Loaded
from pibridge.context.choice import BEGINNING, Choice, Chooser
from pibridge.context.record import Record
from pibridge.context.stamp import Stamp
from pibridge.context.surroundings import Surroundings
from pibridge.intake.frames import recall_from
from pibridge.journal.chunks import Chunk, Damaged
from pibridge.journal.reader import JournalReader
from pibridge.journal.replay import Replay
from pibridge.journal.tags import TagBook
from pibridge.model import ticks
from pibridge.model.event import Event, Lane

_FAR_BACK_CHUNKS: Final = 1000
"""So many chunks `newest` looks at."""
_LOOK_S: Final = 0.5


class Records:
    """Makes records of chunks with what the journal knows now of tags, frames and batches. Raises JournalError."""

    def __init__(self, loaded: Loaded, reader: JournalReader) -> None:
        self._loaded = loaded
        self._reader = reader
        self._version: tuple[int, int] | None = None
        self.book = TagBook()
        self.refresh()

    def refresh(self) -> None:
        """Learn what is new."""
        version = self._reader.tags_version()
        if version == self._version and not self._loaded.configuration.context.batches:
            return
        if version != self._version:
            self.book, self._version = self._reader.tags(), version
        self.surroundings = Surroundings(self._loaded.configuration.context, self._loaded.assets)
        recall_from(self._reader.facts, self.surroundings)
        self._stamp = Stamp(self._loaded.configuration.site, self.surroundings, self.book.tag)
        self._choosers: dict[Choice, Chooser] = {}

    def of(self, chunk: Chunk) -> list[Record]:
        """Give the records of a chunk."""
        return self._stamp.records(chunk.lane, chunk.first_seq, chunk.events)

    def some(self, chunk: Chunk, numbered: Sequence[tuple[int, Event]]) -> list[Record]:
        """Give the records of some events of a chunk, each with its place."""
        return self._stamp.some(chunk.lane, chunk.first_seq, numbered)

    def one(self, lane: Lane, seq: int, event: Event) -> Record:
        """Give the record of a single event."""
        (record,) = self._stamp.records(lane, seq, [event])
        return record

    def again(self, replay: Replay, lane: Lane, seq: int, event: Event) -> Record | None:
        """Give the record of a single event as a replay would send it now. None: the replay does not mean it."""
        chooser = Chooser(replay.choice, self._stamp.again(replay.id))
        records = chooser.records(lane, seq, chooser.events(lane, seq, [event]))
        return records[0] if records and replay.begin < seq <= replay.upto else None

    def chosen(self, chunk: Chunk, choice: Choice) -> list[Record]:
        """Give those that are meant."""
        chooser = self._choosers.get(choice)
        if chooser is None:
            chooser = self._choosers[choice] = Chooser(choice, self._stamp)
        numbered = chooser.events(chunk.lane, chunk.first_seq, chunk.events)
        return chooser.records(chunk.lane, chunk.first_seq, numbered)


class Passage:
    """Goes through the journal. `records`: how many were given; `damaged`: what could not be read.

    `chunks`: how many chunks there are to look at, `looked_at`: how many were.
    """

    def __init__(self, records: Records, reader: JournalReader, choice: Choice) -> None:
        self.records = self.chunks = self.looked_at = 0
        self.damaged: list[Damaged] = []
        self._records = records
        self._reader = reader
        self._choice = choice

    def all(self) -> Iterator[Sequence[Record]]:
        """Give the records that are meant, up to now, by position; but for what is removed meanwhile."""
        choice = self._choice
        if (choice.start_ticks, choice.end_ticks) == (BEGINNING, ticks.FOREVER):
            starts = list(self._starts())
        else:
            starts = list(self._reader.spanning(choice.start_ticks, choice.end_ticks))
        self.chunks = len(starts)
        for seq in starts:
            yield self._read(seq)

    def newest(self, count: int) -> tuple[list[Record], int]:
        """Give the newest records that are meant, and the position up to which there are no others."""
        found: list[Record] = []
        below = end = self._reader.tally().next_seq
        while len(found) < count and self.looked_at < _FAR_BACK_CHUNKS and (starts := self._reader.before(below)):
            for seq in starts:
                found[:0] = self._read(seq)
            below = starts[-1]
        return found[len(found) - min(count, len(found)) :], end - 1

    def follow(self, after: int, sleep: Callable[[float], None] = time.sleep) -> Iterator[Sequence[Record]]:
        """Give what comes behind a position, for ever."""
        while True:
            starts = self._reader.behind(after)
            if starts:
                self._records.refresh()
            else:
                sleep(_LOOK_S)
            for seq in starts:
                yield self._read(seq)
                after = seq

    def _starts(self) -> Iterator[int]:
        after, end = 0, self._reader.tally().next_seq
        while starts := [seq for seq in self._reader.behind(after, _FAR_BACK_CHUNKS) if seq < end]:
            yield from starts
            after = starts[-1]

    def _read(self, seq: int) -> Sequence[Record]:
        self.looked_at += 1
        chunk = self._reader.chunk(seq)
        if isinstance(chunk, Damaged):
            self.damaged.append(chunk)
        if not isinstance(chunk, Chunk):
            return ()
        found = self._records.chosen(chunk, self._choice)
        self.records += len(found)
        return found
