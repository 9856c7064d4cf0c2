"""A record as SiteWise has it: a timestamp, a quality and a value of one of four types. Pure."""

import re
from typing import Any, Final, Literal

from msgspec import Struct
from msgspec.structs import replace

from pibridge.context.meaning import Meaning, meaning
from pibridge.context.record import Record
from pibridge.model import ticks
from pibridge.model.event import DELETE

States = Literal["name", "code"]
"""What arrives for a digital state."""
Kind = Literal["doubleValue", "integerValue", "booleanValue", "stringValue", "nullValue"]

MOST_CHARACTERS: Final = 1024
"""Characters of a text."""
DATA_TYPES: Final[dict[Kind, str]] = {
    "doubleValue": "DOUBLE",
    "integerValue": "INTEGER",
    "booleanValue": "BOOLEAN",
    "stringValue": "STRING",
}
_QUALITIES: Final = {"good": "GOOD", "questionable": "UNCERTAIN", "bad": "BAD"}
_LARGEST: Final = (1 << 31) - 1
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f]")
_NANOS_PER_TICK: Final = 100


class Tqv(Struct, frozen=True):
    """One data point of the property `alias`. `value`: of a null, the letter of the property's type, or U: unknown."""

    record: Record
    alias: str
    kind: Kind
    value: Any
    quality: str

    @property
    def key(self) -> tuple[int, str]:
        """What makes it another data point of its property."""
        return self.record.event.ticks, self.quality

    @property
    def timestamp(self) -> dict[str, int]:
        """The time, with all its ticks."""
        seconds, fraction = divmod(self.record.event.ticks, ticks.PER_SECOND)
        return {"timeInSeconds": seconds, "offsetInNanos": fraction * _NANOS_PER_TICK}

    def as_double(self) -> "Tqv":
        """Give it with a whole number as a floating point number, others unchanged."""
        return replace(self, kind="doubleValue", value=float(self.value)) if self.kind == "integerValue" else self

    def said(self) -> dict[str, Any]:
        """Give it as the API has it."""
        value = {"valueType": self.value} if self.kind == "nullValue" else self.value
        return {"value": {self.kind: value}, "timestamp": self.timestamp, "quality": self.quality}


def tqv(record: Record, alias: str, states: States) -> Tqv | str:
    """Give the data point of a record, or why SiteWise cannot take it."""
    if record.context.tag.kind == "frame":
        return "an event frame is no property value; leave its stream out by filter.streams"
    if record.event.status & DELETE:
        return "SiteWise cannot delete a single value"
    if record.event.ticks < ticks.PER_SECOND:
        return "SiteWise takes no time before 1970-01-01T00:00:01Z"
    said = meaning(record.event, text=record.context.tag.text)
    kind, value = _typed(said, states)
    if kind is None:
        return str(value)
    quality = _QUALITIES[said.quality]
    if kind == "nullValue":
        value = "S" if record.context.tag.text else "U"
        quality = "UNCERTAIN" if quality == "GOOD" else quality  # a null cannot be good
    return Tqv(record, alias, kind, value, quality)


def _typed(said: Meaning, states: States) -> tuple[Kind | None, Any]:  # noqa: PLR0911 - one for each type
    """Give type and value; no type: why not."""
    value = said.value
    if said.state is not None and value is not None and states == "code":
        value = said.state["code"]
    match value:
        case None:
            return "nullValue", None
        case bool():
            return "booleanValue", value
        case int():
            # SiteWise's integers have 32 bits.
            return ("integerValue", value) if -_LARGEST - 1 <= value <= _LARGEST else ("doubleValue", float(value))
        case float():
            return "doubleValue", value
        case str() if len(value) > MOST_CHARACTERS:
            return None, f"a text of {len(value)} characters; SiteWise takes {MOST_CHARACTERS}"
        case str() if _CONTROL.search(value):
            return None, "a text with control characters, which SiteWise does not take"
        case str():
            return "stringValue", value
        case _:
            return None, "an array; SiteWise has no property type for it"
