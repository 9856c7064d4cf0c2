"""How a journal is, in numbers."""

from collections.abc import Mapping

from msgspec import Struct

from pibridge.journal.cursors import Cursor, Key
from pibridge.journal.letters import Count
from pibridge.journal.quota import Quota
from pibridge.journal.writer import Writer


class JournalStat(Struct, frozen=True):
    """Bytes are those that count for `max_size`, `reserved_bytes` of them in any case.

    `held`: events that wait for their place.
    `lag`: events of the lane that the sink has not acknowledged. `dead_letters`: ever; `letters`: kept now, by sink;
    they and `gaps`, with or without an end, are as of a second ago.
    `newest_seq` is 0 and `oldest_seq` 1 when nothing was ever stored; when nothing is kept, oldest is newest + 1.
    """

    used_bytes: int
    max_bytes: int
    reserved_bytes: int
    full: bool
    events: int
    oldest_seq: int
    newest_seq: int
    held: int
    lag: dict[Key, int]
    damaged_chunks: int
    dead_letters: int
    letters: dict[str, Count]
    dropped_events: int
    trimmed_ticks: int
    gaps: int


def of(writer: Writer, quota: Quota, cursors: Mapping[Key, Cursor], held: int) -> JournalStat:
    """Give how the journal is now. `held`: events that wait for their place."""
    tally = writer.tally
    return JournalStat(
        used_bytes=writer.used_bytes + quota.overhead_bytes,
        max_bytes=quota.max_bytes,
        reserved_bytes=quota.overhead_bytes,
        full=writer.full,
        events=tally.events,
        oldest_seq=writer.oldest_seq,
        newest_seq=tally.next_seq - 1,
        held=held,
        lag={key: tally.stored(key[1]) - cursor.passed for key, cursor in cursors.items()},
        damaged_chunks=tally.damaged_chunks,
        dead_letters=tally.dead_letters,
        letters=writer.letters,
        dropped_events=tally.dropped_events,
        trimmed_ticks=tally.trimmed_ticks,
        gaps=writer.gaps,
    )
