"""How a journal is, in numbers."""

from msgspec import Struct

from pibridge.journal.cursors import Key


class JournalStat(Struct, frozen=True):
    """Bytes are those that count for `max_size`. `held`: events that wait for their place.

    `lag`: events of the lane that the sink has not acknowledged.
    `newest_seq` is 0 and `oldest_seq` 1 when nothing was ever stored; when nothing is kept, oldest is newest + 1.
    """

    used_bytes: int
    max_bytes: int
    full: bool
    events: int
    oldest_seq: int
    newest_seq: int
    held: int
    lag: dict[Key, int]
    damaged_chunks: int
    dead_letters: int
    dropped_events: int
    trimmed_ticks: int
