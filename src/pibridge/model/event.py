"""Events: what PI said, as PI said it."""

from enum import StrEnum
from typing import Any

from msgspec import Struct


class Lane(StrEnum):
    """Two roads through the journal; live goes first."""

    LIVE = "live"
    HISTORY = "history"


# What PI said about a value, as bits of `Event.status`. 0: a good, new value.
BAD = 1
QUESTIONABLE = 2
SUBSTITUTED = 4
ANNOTATED = 8
ERROR = 16
"""PI sent an error in place of a value: `Event.value` is its text."""
UPDATE = 32
DELETE = 64
START = 128
"""Of event frames: one that was open when it was first seen."""
END = 256
"""Of event frames: one that has ended."""


class Event(Struct, array_like=True, gc=False):
    """One value of one tag at one time. `tag`: the journal's number of it. `value`: PI's own JSON value, unchanged.

    A digital or system state is PI's object `{"Name", "Value", "IsSystem"}`; NaN and infinities are the texts that PI
    writes for them. `status`: the bits above. What happened to an event frame is an event, too, of the tag that stands
    for its stream: at the frame's start, and its value is the record's `frame`.
    """

    tag: int
    ticks: int
    value: Any
    status: int = 0
