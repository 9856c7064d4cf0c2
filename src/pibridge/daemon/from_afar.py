"""Orders as people write them from afar: times as text, everything that is chosen beside them. Pure."""

from collections.abc import Callable
from typing import Annotated, Final

import msgspec
from msgspec import Meta, Raw, Struct

from pibridge.context.choice import BEGINNING, Choice, Patterns
from pibridge.daemon.orders import (
    BACKFILL,
    CANCEL_BACKFILL,
    CANCEL_REPLAY,
    LIST_BACKFILLS,
    LIST_REPLAYS,
    PAUSE_BACKFILL,
    PAUSE_REPLAY,
    REPLAY,
    REREAD,
    RESUME_BACKFILL,
    RESUME_REPLAY,
)
from pibridge.errors import PIBridgeError
from pibridge.journal.backfill import WantedHistory
from pibridge.journal.replay import DEFAULT_RATE, WantedReplay
from pibridge.model import ticks
from pibridge.model.event import Lane

Names = tuple[Annotated[str, Meta(min_length=1)], ...]


class _Chosen(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, rename={"start": "from", "end": "to"}):
    start: str = ""
    end: str = ""
    tags: Patterns = ()
    assets: Patterns = ()
    batches: Patterns = ()
    streams: Patterns = ()
    lanes: tuple[Lane, ...] = ()

    def choice(self, now_ticks: int) -> Choice:
        return Choice(
            start_ticks=_moment(self.start, BEGINNING),
            end_ticks=_moment(self.end, now_ticks),
            tags=self.tags,
            assets=self.assets,
            batches=self.batches,
            streams=self.streams,
            lanes=self.lanes,
        )


class _Replay(_Chosen, frozen=True, kw_only=True, forbid_unknown_fields=True, rename={"start": "from", "end": "to"}):
    sinks: Annotated[Names, Meta(min_length=1)]
    rate: Annotated[float, Meta(ge=0.001)] = DEFAULT_RATE


def _replay(having: Raw, now_ticks: int) -> Struct:
    asked = msgspec.json.decode(having, type=_Replay)
    return WantedReplay(choice=asked.choice(now_ticks), sinks=asked.sinks, rate=asked.rate)


def _history(having: Raw, now_ticks: int) -> Struct:
    return WantedHistory(choice=msgspec.json.decode(having, type=_Chosen).choice(now_ticks))


def _moment(text: str, otherwise: int) -> int:
    if not text:
        return otherwise
    try:
        return ticks.parse(text)
    except ValueError as error:
        raise PIBridgeError(f"{text}: no time", hint="write it like 2026-03-01T12:00:00Z") from error


_ADAPTED: Final[dict[str, Callable[[Raw, int], Struct]]] = {REPLAY: _replay, BACKFILL: _history, REREAD: _history}

ORDERS: Final = (
    REPLAY,
    LIST_REPLAYS,
    PAUSE_REPLAY,
    RESUME_REPLAY,
    CANCEL_REPLAY,
    BACKFILL,
    REREAD,
    LIST_BACKFILLS,
    PAUSE_BACKFILL,
    RESUME_BACKFILL,
    CANCEL_BACKFILL,
)
"""Orders that may be given from afar, by the name in the table of orders. No others may."""


def particulars(order: str, having: Raw, now_ticks: int) -> Raw:
    """Give what the table of orders takes. Raises MsgspecError, ValueError, PIBridgeError."""
    adapt = _ADAPTED.get(order)
    return having if adapt is None else Raw(msgspec.json.encode(adapt(having, now_ticks)))
