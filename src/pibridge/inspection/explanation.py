"""What `explain` answers."""

from typing import Any

from msgspec import Struct

from pibridge.delivery.verdict import Again, Verdict
from pibridge.inspection.absence import Absence
from pibridge.journal.replay import State


class InReplay(Struct, frozen=True, kw_only=True):
    """What became of an event in a replay to a sink. `state`: how the replay goes. `why`, `key`: as of `AtSink`."""

    state: State
    verdict: Again
    why: str
    key: str = ""


class AtSink(Struct, frozen=True, kw_only=True):
    """What became of an event at one sink. `why`: in words. `key`: where the filter that keeps it back is written.

    `deadband`: `none`, `passes`, `keeps back`, or `not known`. `cursor`: how far the sink has acknowledged the lane.
    `replays`: those that mean the event, by id, the oldest first.
    """

    verdict: Verdict
    why: str
    key: str = ""
    deadband: str = "none"
    cursor: int | None = None
    replays: dict[str, InReplay] = {}


class Found(Struct, frozen=True, kw_only=True):
    """One event of the tag. `seq`: its place; None: it is held. `value`: as PI sent it. `change`: new, edited, deleted.

    `quality`: how good, and why; empty for event frames. `is_at`: it is of the very time that was asked for; else it is
    the nearest before or after. `read`: how it came. `arrived`: PI's time when its chunk was read; `stored`: our time
    when it got its place. `held_until`: up to when it waits, of held events. `asset_by`: what tells the asset. `rule`:
    the batch rule that speaks for it, and `batch` what that says. `record`: as sinks get it; None without a place.
    """

    seq: int | None
    lane: str
    ts: str
    is_at: bool
    value: Any
    quality: str
    change: str
    read: str
    arrived: str
    stored: str = ""
    held_until: str = ""
    asset: str = ""
    asset_by: str = ""
    rule: str = ""
    batch: Any = None
    record: Any = None
    sinks: dict[str, AtSink] = {}


class Missing(Struct, frozen=True):
    """Why there is no event at that time."""

    absence: Absence
    why: str


class OfTag(Struct, frozen=True, kw_only=True):
    """One tag that was meant. `stream`: reads it, or did. `is_selected`: as of the last look. `events`: by position.

    `missing`: there is none at the very time. `refused`: why PI refuses to read it now. `looked`: how far around the
    nearest were looked for, if that was not everywhere.
    """

    tag: str
    path: str
    web_id: str
    stream: str
    mode: str
    is_selected: bool
    owed_since: str
    events: list[Found]
    missing: Missing | None = None
    refused: str = ""
    looked: str = ""


class Explanation(Struct, frozen=True, kw_only=True):
    """`tags`: those that the name stands for. `missing`, `nearest`: if it stands for none, why, and names like it.

    `daemon`: whether a running one was asked for what only it knows. `notes`: what limits these answers.
    """

    asked: str
    at: str
    tags: list[OfTag] = []
    missing: Missing | None = None
    nearest: list[str] = []
    daemon: bool = False
    notes: list[str] = []
