"""A replay: which journaled events go to a sink once more, and how far that has got. Rows of the journal."""

from collections.abc import Iterable, Mapping
from typing import Annotated, Any, Final, Literal

import apsw
import msgspec
from msgspec import Meta, Struct

from pibridge.context.choice import Choice
from pibridge.model import ticks

DEFAULT_RATE: Final = 2000.0

_KEPT: Final = 100
"""So many that are over are remembered."""

State = Literal["running", "paused", "done", "cancelled"]


class WantedReplay(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What somebody asks for: these events to these sinks, at most `rate` a second to each."""

    choice: Choice
    sinks: Annotated[tuple[Annotated[str, Meta(min_length=1)], ...], Meta(min_length=1)]
    rate: Annotated[float, Meta(ge=0.001)] = DEFAULT_RATE


class SealedPart(Struct, frozen=True, array_like=True):
    """The bounds of a part that is about to leave. `until`: it holds what is meant up to this place."""

    first: int
    until: int
    day: str


class Sent(Struct, frozen=True):
    """What became of a part: so many were `sent`; the filter `withheld` others, by its key.

    `gone`: chunks that had been removed before their turn, or could not be read. `left`: chunks that follow.
    """

    sent: int = 0
    withheld: Mapping[str, int] = {}
    gone: int = 0
    left: int = 0


class Replay(Struct, frozen=True, kw_only=True):
    """Events on their way to one sink once more: those of `choice` at places behind `begin`, up to `upto`.

    `seq`: up to here it is done. `sealed`: the part that follows, if its bounds are fixed already. `made_s`: Unix time.
    `withheld`: how many the sink's filter kept back, by its key. `left`: chunks that begin behind `seq`, when that was
    written down. `gone`: chunks that were removed, or damaged, before their turn.
    """

    id: str
    sink: str
    choice: Choice
    begin: int
    upto: int
    rate: float
    made_s: int
    state: State = "running"
    seq: int = 0
    sealed: SealedPart | None = None
    sent: int = 0
    refused: int = 0
    withheld: Mapping[str, int] = {}
    gone: int = 0
    left: int = 0

    @property
    def key(self) -> tuple[str, str]:
        """Who it is."""
        return self.id, self.sink

    @property
    def progress(self) -> float:
        """Give how much of the journal it has been through, from 0 to 1."""
        if self.state == "done" or self.upto <= self.begin:
            return 1.0
        return (max(self.seq, self.begin) - self.begin) / (self.upto - self.begin)


_encode: Final = msgspec.msgpack.Encoder().encode
_decode: Final = msgspec.msgpack.Decoder(Replay).decode


def load(db: apsw.Connection) -> list[Replay]:
    """Give all, the first that was asked for first."""
    return [_decode(content) for (content,) in db.execute("SELECT content FROM replay ORDER BY id, sink")]


def one(db: apsw.Connection, key: tuple[str, str]) -> Replay | None:
    """Give one."""
    row = db.execute("SELECT content FROM replay WHERE id = ? AND sink = ?", key).fetchone()
    return None if row is None else _decode(row[0])


def forget_old(db: apsw.Connection) -> None:
    """Forget the oldest of those that are over, but for some."""
    ended = [each.key for each in load(db) if each.state in {"done", "cancelled"}]
    db.executemany("DELETE FROM replay WHERE id = ? AND sink = ?", ended[: max(0, len(ended) - _KEPT)])


def new_id(made_s: float, taken: Iterable[str]) -> str:
    """Give an id that tells when something was asked for, such as `20260301T120000`, and that is not taken."""
    known, second = set(taken), int(made_s)
    while (text := _id_of(second)) in known:
        second += 1
    return text


def _id_of(second: int) -> str:
    return ticks.render(ticks.from_seconds(second))[:19].replace("-", "").replace(":", "")


def save(db: apsw.Connection, found: Replay) -> None:
    """Write one down, in the place of what was known of it."""
    db.execute("REPLACE INTO replay (id, sink, content) VALUES (?, ?, ?)", (found.id, found.sink, _encode(found)))


def told(found: Replay) -> dict[str, Any]:
    """Give it for programs."""
    return {
        "id": found.id,
        "sink": found.sink,
        "state": found.state,
        "progress": round(found.progress, 4),
        "sent": found.sent,
        "refused": found.refused,
        "withheld": dict(found.withheld),
        "gone": found.gone,
        "rate": found.rate,
        "asked": f"{ticks.render(ticks.from_seconds(found.made_s))[:19]}Z",
    }
