"""What a record says of the batch that runs on its asset, and for how long that holds."""

from typing import Any, Final

import msgspec
from msgspec import Struct

from pibridge.context.meaning import NOT_NUMBERS, meaning
from pibridge.model import ticks
from pibridge.model.event import DELETE, Event

BEGINNING: Final = -(1 << 62)
END: Final = 1 << 62
"""Ticks before and after all times."""


class Batch(Struct, frozen=True):
    """A batch that runs on an asset. `valid`: its id matches what the rule asks for. `json`: a record's `batch`."""

    valid: bool
    id: str
    json: str


class Span(Struct, frozen=True):
    """What holds for `start` <= ticks < `end`. `batch`: None if none runs."""

    start: int
    end: int
    batch: Batch | None


class Level(Struct, frozen=True, omit_defaults=True):
    """A frame within the batch's own, in the words of the contract. `frame`: its GUID."""

    template: str = ""
    name: str = ""
    frame: str = ""


class BatchFields(Struct, frozen=True, omit_defaults=True, kw_only=True):
    """A record's `batch`."""

    id: str
    frame: str = ""
    name: str = ""
    template: str = ""
    start: str
    valid: bool
    levels: tuple[Level, ...] = ()


_encode = msgspec.json.Encoder().encode


def batch_of_frame(batch_id: str, *, valid: bool, frame: Level, start_ticks: int, levels: tuple[Level, ...]) -> Batch:
    """Make the batch that an event frame tells. `levels`: outermost first."""
    fields = BatchFields(
        id=batch_id,
        frame=frame.frame,
        name=frame.name,
        template=frame.template,
        start=ticks.render(start_ticks),
        valid=valid,
        levels=levels,
    )
    return Batch(valid, batch_id, _encode(fields).decode())


def batch_of_value(batch_id: str, *, valid: bool, start_ticks: int) -> Batch:
    """Make the batch that the value of a tag tells."""
    fields = BatchFields(id=batch_id, start=ticks.render(start_ticks), valid=valid)
    return Batch(valid, batch_id, _encode(fields).decode())


def id_text(value: Any) -> str:
    """Give the batch id that a proper value is: a text as it is, a number as JSON has it. Empty: it is none.

    A blank text is empty.
    """
    if isinstance(value, str):
        return value if value.strip() else ""
    return _encode(value).decode() if isinstance(value, int | float) else ""


def id_of_event(event: Event) -> str:
    """Give the batch id that a tag tells: as `id_text`, a digital state by its name.

    Empty for what is deleted, bad, an error, a system state or no number.
    """
    said = meaning(event, text=True)
    if event.status & DELETE or said.quality == "bad":
        return ""
    text = id_text(said.value)
    return "" if text in NOT_NUMBERS else text
