"""A backfill: history of PI that somebody asked for, and how far that has got. Rows of the journal."""

from collections.abc import Iterable
from typing import Any, Final, Literal

import apsw
import msgspec
from msgspec import Struct

from pibridge.context.choice import Choice
from pibridge.journal.gaps import Gap, NewGap
from pibridge.journal.replay import State
from pibridge.model import ticks
from pibridge.model.event import Event

_KEPT: Final = 100
"""So many that are over are remembered: what they have read is not read again."""

Kind = Literal["backfill", "reread", "repair"]
"""History that is read, compared with what was read, or read again where an audit found something missing."""


class WantedHistory(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What somebody asks for: what PI has of a choice. `again`: also what was read before and is kept no longer."""

    choice: Choice
    again: bool = False


class WantedRepair(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What an audit asks for. `spans`: by tag, from when to when PI's archive is read again.

    `deletions`: what tells that values are gone.
    """

    spans: dict[int, tuple[int, int]] = {}
    deletions: tuple[Event, ...] = ()


class Backfill(Struct, frozen=True, kw_only=True):
    """History that is to be read (`backfill`, `repair`), or (`reread`) to be compared with what was read.

    `begun`: it was found out which tags are meant, `numbers`; `end_ticks`: up to here of PI's time. `owed_ticks`: what
    had to be read then, of all tags together; `left_ticks`: what of that was not, when it was cancelled. `looked`: so
    many tags were compared. `made_s`: Unix time.
    """

    id: str
    kind: Kind
    choice: Choice
    made_s: int
    again: bool = False
    state: State = "running"
    begun: bool = False
    numbers: tuple[int, ...] = ()
    end_ticks: int = 0
    owed_ticks: int = 0
    left_ticks: int = 0
    looked: int = 0

    @property
    def reason(self) -> str:
        """Give what its gaps name as their reason."""
        return reason_of(self.id)

    def progress(self, gaps: Iterable[Gap]) -> float:
        """Give how much of it is done, from 0 to 1. `gaps`: all that are not read yet."""
        if self.state == "done":
            return 1.0
        if not self.begun:
            return 0.0
        if self.kind == "reread":
            return self.looked / max(1, len(self.numbers))
        left = (
            self.left_ticks if self.state == "cancelled" else length(gap for gap in gaps if gap.reason == self.reason)
        )
        return max(0.0, 1 - left / self.owed_ticks) if self.owed_ticks else 1.0


def reason_of(backfill_id: str) -> str:
    """Give what the gaps of a backfill name as their reason."""
    return f"backfill {backfill_id}"


def length(gaps: Iterable[Gap | NewGap]) -> int:
    """Give how long gaps are together, but for those without an end."""
    return sum(gap.end_ticks - gap.start_ticks + 1 for gap in gaps if gap.end_ticks is not None)


_encode: Final = msgspec.msgpack.Encoder().encode
_decode: Final = msgspec.msgpack.Decoder(Backfill).decode


def load(db: apsw.Connection) -> list[Backfill]:
    """Give all, the first that was asked for first."""
    return [_decode(content) for (content,) in db.execute("SELECT content FROM backfill ORDER BY id")]


def one(db: apsw.Connection, backfill_id: str) -> Backfill | None:
    """Give one."""
    row = db.execute("SELECT content FROM backfill WHERE id = ?", (backfill_id,)).fetchone()
    return None if row is None else _decode(row[0])


def save(db: apsw.Connection, found: Backfill) -> None:
    """Write one down, in the place of what was known of it."""
    db.execute("REPLACE INTO backfill (id, content) VALUES (?, ?)", (found.id, _encode(found)))


def forget_old(db: apsw.Connection) -> None:
    """Forget the oldest of those that are over, but for some."""
    ended = [(each.id,) for each in load(db) if each.state in {"done", "cancelled"}]
    db.executemany("DELETE FROM backfill WHERE id = ?", ended[: max(0, len(ended) - _KEPT)])


def told(found: Backfill, gaps: Iterable[Gap]) -> dict[str, Any]:
    """Give it for programs. `gaps`: all that are not read yet."""
    return {
        "id": found.id,
        "kind": found.kind,
        "state": found.state,
        "progress": round(found.progress(gaps), 4),
        "tags": len(found.numbers) if found.begun else None,
        "from": ticks.render(found.choice.start_ticks),
        "to": ticks.render(found.end_ticks if found.begun else found.choice.end_ticks),
        "asked": f"{ticks.render(ticks.from_seconds(found.made_s))[:19]}Z",
    }
