"""What PI's value says: the value proper, a state, an error, and how good it is."""

from typing import Any, Final, Literal

import msgspec
from msgspec import Struct

from pibridge.model.event import ANNOTATED, BAD, ERROR, QUESTIONABLE, SUBSTITUTED, Event

Quality = Literal["good", "questionable", "bad"]

NOT_NUMBERS: Final = frozenset({"NaN", "Infinity", "-Infinity"})
"""The texts by which PI writes what JSON has no number for."""

_FLAGS: Final = ((SUBSTITUTED, "substituted"), (ANNOTATED, "annotated"))


class Meaning(Struct, frozen=True):
    """A record's fields about the value, in the words of the contract. `state`: code, name, and system if it is one."""

    value: Any
    quality: Quality
    state: dict[str, Any] | None = None
    error: str = ""
    flags: tuple[str, ...] = ()


def meaning(event: Event, *, text: bool) -> Meaning:
    """Read PI's value. `text`: texts are proper values of this tag."""
    status, value = event.status, event.value
    flags = tuple(name for bit, name in _FLAGS if status & bit) if status else ()
    quality: Quality = "bad" if status & BAD else "questionable" if status & QUESTIONABLE else "good"
    if status & ERROR:
        return Meaning(None, "bad", error=str(value), flags=flags)
    if isinstance(value, dict):
        return _of_object(value, quality, flags)
    if isinstance(value, str) and not text:
        if value in NOT_NUMBERS:
            return Meaning(None, "bad", flags=flags)
        return Meaning(None, "bad", error=value, flags=flags)
    return Meaning(value, quality, flags=flags)


def quality(event: Event, *, text: bool) -> Quality:
    """Give the quality alone; at once for good numbers."""
    if event.status == 0 and (type(event.value) is float or type(event.value) is int):
        return "good"
    return meaning(event, text=text).quality


def _of_object(value: dict[str, Any], quality: Quality, flags: tuple[str, ...]) -> Meaning:
    if "Name" in value and "Value" in value:
        state = {"code": value["Value"], "name": value["Name"]}
        # A system state is no measurement, whatever PI says of its quality.
        if value.get("IsSystem"):
            return Meaning(None, "bad", state={**state, "system": True}, flags=flags)
        return Meaning(value["Name"], quality, state=state, flags=flags)
    errors = value.get("Errors")
    if isinstance(errors, list):
        return Meaning(None, "bad", error="; ".join(map(str, errors)), flags=flags)
    return Meaning(None, "bad", error=f"not a value: {msgspec.json.encode(value).decode()}", flags=flags)
