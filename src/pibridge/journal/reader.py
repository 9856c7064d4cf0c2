"""Read-only access, beside the daemon or from another process. Each read is short: a long one holds up the writer."""

from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from heapq import merge
from pathlib import Path
from typing import Final, Self

import apsw
from msgspec import MsgspecError

from pibridge.errors import JournalError
from pibridge.journal import (
    backfill,
    chunks,
    cursors,
    delivered,
    facts,
    gaps,
    held,
    letters,
    newest,
    overview,
    replay,
    schema,
    selections,
    tags,
    tally,
)
from pibridge.journal.backfill import Backfill
from pibridge.journal.chunks import Chunk, Damaged, Dropped
from pibridge.journal.codec import Unpacker
from pibridge.journal.cursors import Cursor
from pibridge.journal.facts import Fact
from pibridge.journal.gaps import Gap
from pibridge.journal.held import Held
from pibridge.journal.letters import Count, Counting, DeadLetter, Found, Kept, Part, Wanted
from pibridge.journal.newest import Newest
from pibridge.journal.overview import Overview
from pibridge.journal.replay import Replay
from pibridge.journal.tags import TagBook
from pibridge.journal.tally import Tally
from pibridge.model.event import Event, Lane

AHEAD_CHUNKS: Final = 8
"""Chunks read at once."""
_LETTERS: Final = 200
"""Dead letters read at once."""


@contextmanager
def _damage_is_stated() -> Iterator[None]:
    try:
        yield
    except (*chunks.UNREADABLE, MsgspecError) as error:
        raise JournalError(
            f"a page of the journal that no chunk can do without is damaged: {error}",
            hint="move the folder away and start again: what PI still has is read anew",
        ) from error


_LAST_SEQ: Final = 1 << 62


def _first_seq(item: Chunk | Damaged) -> int:
    return item.first_seq


class JournalReader:
    """A look into the journal in a folder. Not for two threads at the same time."""

    def __init__(self, db: apsw.Connection) -> None:
        self._db = db
        self._unpacker = Unpacker()

    @classmethod
    def open(cls, path: Path) -> Self:
        """Open the journal in folder `path`. Raises JournalError."""
        return cls(schema.open_for_reading(path))

    def close(self) -> None:
        """Let go of the file."""
        self._db.close()

    @_damage_is_stated()
    def read(self, lane: Lane, after: int, limit: int = AHEAD_CHUNKS) -> list[Chunk | Damaged]:
        """Give the next chunks of a lane behind position `after`; of the first, what is behind. Raises JournalError."""
        found = (
            chunks.read(self._db, lane, seq, self._unpacker)
            for seq in chunks.positions(self._db, lane, after, limit + 1)
        )
        behind = [item for item in found if item is not None and item.last_seq > after]
        if behind and isinstance(behind[0], Chunk):
            behind[0] = behind[0].after(after)
        return behind[:limit]

    def chunks(self, lane: Lane, after: int = 0) -> Iterator[Chunk | Damaged]:
        """Give all chunks of a lane behind position `after`, up to now."""
        while found := self.read(lane, after):
            yield from found
            after = found[-1].last_seq

    @_damage_is_stated()
    def chunk(self, seq: int) -> Chunk | Damaged | None:
        """Give the chunk that starts at a position. None: it is not there (any more)."""
        return chunks.read(self._db, None, seq, self._unpacker)

    @_damage_is_stated()
    def behind(self, after: int, limit: int = AHEAD_CHUNKS) -> list[int]:
        """Give the first positions of the next chunks of both lanes behind position `after`."""
        return chunks.starts(self._db, after, limit)

    @_damage_is_stated()
    def before(self, seq: int, limit: int = AHEAD_CHUNKS) -> list[int]:
        """Give the first positions, below `seq`, of the chunks before it in both lanes, the newest first."""
        return chunks.starts(self._db, seq, limit, backwards=True)

    @_damage_is_stated()
    def facts(self, source: str) -> list[Fact]:
        """Give what a source keeps, by id."""
        return facts.of(self._db, source)

    @_damage_is_stated()
    def overview(self, max_bytes: int, now_s: float) -> Overview:
        """Give how the journal is. `max_bytes`: as it is configured. `now_s`: Unix time."""
        return overview.load(self._db, Path(self._db.filename).parent, max_bytes, now_s)

    @_damage_is_stated()
    def seen(self, wanted: Collection[int], start_ticks: int, end_ticks: int) -> list[Event]:
        """Give the events of these tags within this time, both ends included, in the order of their positions."""
        numbers = frozenset(wanted)
        events: list[Event] = []
        for seq in chunks.spanning(self._db, start_ticks, end_ticks):
            chunk = chunks.read(self._db, None, seq, self._unpacker)
            if isinstance(chunk, Chunk):
                events += [
                    event for event in chunk.events if event.tag in numbers and start_ticks <= event.ticks <= end_ticks
                ]
        return events

    def backwards(self, since_ticks: int, limit: int) -> Iterator[Chunk]:
        """Give the chunks that may hold events since then, by their newest event, the last first.

        What is behind the newest event of the last one given was in one of them. At most `limit`; damaged ones are left
        out. Raises JournalError.
        """
        with _damage_is_stated():
            for seq in chunks.newest_first(self._db, since_ticks, limit):
                chunk = chunks.read(self._db, None, seq, self._unpacker)
                if isinstance(chunk, Chunk):
                    yield chunk

    @_damage_is_stated()
    def spanning(self, start_ticks: int, end_ticks: int, after: int = 0, upto: int = _LAST_SEQ) -> Sequence[int]:
        """Give the first positions of the chunks that may hold events of this time behind `after`, up to `upto`."""
        return chunks.spanning_behind(self._db, start_ticks, end_ticks, after, upto)

    @_damage_is_stated()
    def tally(self) -> Tally:
        """Give the counts."""
        return tally.load(self._db)

    @_damage_is_stated()
    def newest(self) -> Newest:
        """Give the newest event of each tag by time, held ones included."""
        found, is_whole = newest.load(self._db, self._db.execute("SELECT coalesce(max(number), 0) FROM tag").get)
        # What was journaled after the pages were written; all, if a page is lost.
        start = tally.load(self._db).newest_seq if is_whole else 0
        for item in merge(*(self.chunks(lane, start) for lane in Lane), key=_first_seq):
            if isinstance(item, Chunk):
                found.grow(max(event.tag for event in item.events))  # a tag may be new since
                found.take(item.events, item.arrived_ticks)
        for part in self.held():
            found.grow(max(event.tag for event in part.events))
            found.take(part.events, part.arrived_ticks)
        return found

    @_damage_is_stated()
    def oldest(self) -> int | None:
        """Give the position of the oldest event kept."""
        return chunks.oldest(self._db)

    @_damage_is_stated()
    def held_events(self) -> int:
        """Give how many events wait for their context."""
        return held.count(self._db)

    @_damage_is_stated()
    def tags(self) -> TagBook:
        """Give the descriptions of the tags."""
        return tags.load(self._db)

    @_damage_is_stated()
    def tags_version(self) -> tuple[int, int]:
        """Give what is another when a tag was described since."""
        return tags.version(self._db)

    @contextmanager
    def at_once(self) -> Iterator[None]:
        """Within, all that is read is of one moment."""
        with self._db:
            yield

    @_damage_is_stated()
    def gaps(self) -> list[Gap]:
        """Give what was not read yet, by tag and start."""
        return gaps.unpaid(self._db)

    @_damage_is_stated()
    def cursors(self) -> dict[tuple[str, Lane], Cursor]:
        """Give how far each sink has got in each lane."""
        return cursors.load(self._db)

    @_damage_is_stated()
    def begun(self, sink: str) -> dict[Lane, int]:
        """Give the positions behind which a sink began, of the lanes of which that is known."""
        return cursors.begun(self._db, sink)

    @_damage_is_stated()
    def notes(self, sink: str) -> list[bytes]:
        """Give the notes of a sink that are kept, in the order in which they were written."""
        return delivered.notes(self._db, sink)

    @_damage_is_stated()
    def joined(self) -> dict[int, int]:
        """Give since when each tag is owed."""
        return tags.load_joined(self._db)

    @_damage_is_stated()
    def held(self) -> list[Held]:
        """Give the events that wait for their context, but for what cannot be read."""
        return [item for item in held.load(self._db) if isinstance(item, Held)]

    @_damage_is_stated()
    def selected(self) -> dict[str, frozenset[int]]:
        """Give the tags that each selection held when it was last resolved, by name; what is damaged is left out."""
        return selections.load(self._db)

    @_damage_is_stated()
    def stored_s(self, seq: int) -> int:
        """Give the Unix time at which the chunk with this position came to disk."""
        return overview.stored_s_of(self._db, seq)

    @_damage_is_stated()
    def damaged(self) -> list[Damaged]:
        """Give chunks that could not be read and for which no gaps were opened yet."""
        return chunks.unmended(self._db)

    @_damage_is_stated()
    def dropped(self) -> list[Dropped]:
        """Give events that were owed and had to go, the oldest first."""
        return chunks.dropped(self._db)

    @_damage_is_stated()
    def replays(self) -> list[Replay]:
        """Give what was put on its way again, the first that was asked for first."""
        return replay.load(self._db)

    @_damage_is_stated()
    def backfills(self) -> list[Backfill]:
        """Give the history that was asked for, the first that was first."""
        return backfill.load(self._db)

    def dead_letters(self, wanted: Wanted) -> Iterator[Kept]:
        """Give dead letters in the order of their refusals, up to now."""
        after = 0
        while found := self._dead_letters(wanted, after):
            yield from found
            after = found[-1].id

    @_damage_is_stated()
    def find_dead_letters(self, wanted: Wanted) -> list[Found]:
        """Give where these are, by lane and position."""
        return letters.find(self._db, wanted)

    @_damage_is_stated()
    def next_part(self, sink: str) -> Part | None:
        """Give what is to be sent next to a sink once more."""
        return letters.next_part(self._db, sink)

    @_damage_is_stated()
    def resending(self, sink: str) -> list[DeadLetter]:
        """Give what is to be sent to a sink once more."""
        return letters.on_their_way(self._db, sink)

    @_damage_is_stated()
    def count_dead_letters(self) -> dict[str, Count]:
        """Give how many there are, by sink."""
        return Counting()(self._db, tally.load(self._db))

    @_damage_is_stated()
    def _dead_letters(self, wanted: Wanted, after: int) -> list[Kept]:
        return letters.read(self._db, wanted, after, _LETTERS)
