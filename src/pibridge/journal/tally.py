"""The one row that counts: so that nothing ever has to be counted by reading."""

from typing import Final

import apsw
from msgspec import Struct
from msgspec.structs import astuple, fields

from pibridge.model.event import Lane


class Tally(Struct):
    """Counts of a journal.

    `next_seq`: position of the next event; never goes back. `events`: kept now. `newest_seq`: up to here the newest
    event of each tag is in the table `newest`. `dead_bytes`: size of the dead letters kept now. `live_events`,
    `history_events`: ever stored in that lane. `trimmed_ticks`: up to this time of events some that were acknowledged
    are gone. The others only grow, too.
    """

    next_seq: int = 1
    events: int = 0
    newest_seq: int = 0
    dropped_events: int = 0
    dead_letters: int = 0
    dead_bytes: int = 0
    damaged_chunks: int = 0
    live_events: int = 0
    history_events: int = 0
    trimmed_ticks: int = 0

    def stored(self, lane: Lane) -> int:
        """Give how many events of this lane were ever stored."""
        return self.live_events if lane is Lane.LIVE else self.history_events

    def count(self, lane: Lane, events: int) -> None:
        """Count events that are stored now."""
        self.next_seq += events
        self.events += events
        if lane is Lane.LIVE:
            self.live_events += events
        else:
            self.history_events += events


class Ledger(Struct, frozen=True):
    """What the work of one transaction reads and changes. `now_s`: Unix time."""

    db: apsw.Connection
    tally: Tally
    now_s: float


_COLUMNS: Final = ", ".join(field.name for field in fields(Tally))
_PLACES: Final = ", ".join("?" for _ in fields(Tally))


def load(db: apsw.Connection) -> Tally:
    """Give the counts."""
    row = db.execute(f"SELECT {_COLUMNS} FROM tally WHERE id = 1").fetchone()  # noqa: S608 - our own field names
    return Tally(*row) if row else Tally()


def save(db: apsw.Connection, tally: Tally) -> None:
    """Keep the counts."""
    db.execute(f"REPLACE INTO tally (id, {_COLUMNS}) VALUES (1, {_PLACES})", astuple(tally))  # noqa: S608 - as above
