"""Rules of batches, and the frames that they read."""

from typing import Any

from pibridge.context.settings import BatchRule
from pibridge.context.timeline import Timeline
from pibridge.model import ticks
from pibridge.model.frame import Frame

DATABASE = r"\\AF1\Plant"
TAG = r"\\PISRV1\R9.BatchID"


def by_frames(assets: str, template: str = "Unit Batch", **more: Any) -> BatchRule:
    """Make a rule that reads event frames."""
    return BatchRule.model_validate(
        {"assets": assets, "event_frames": {"database": DATABASE, "template": template}, **more}
    )


def by_tag(assets: str, **more: Any) -> BatchRule:
    """Make a rule that reads a tag."""
    return BatchRule.model_validate({"assets": assets, "tag": TAG, **more})


def frame(guid: str, start: int, end: int = ticks.FOREVER, **more: Any) -> Frame:
    """Make a frame of a unit batch on R1, unless told otherwise."""
    fields: dict[str, Any] = {
        "id": guid,
        "web_id": f"I1Fm{guid}",
        "name": guid,
        "template": "Unit Batch",
        "elements": ("Plant/Area1/R1",),
        **more,
    }
    fields.setdefault("lineage", (fields["template"].lower(),))
    return Frame(start_ticks=start, end_ticks=end, **fields)


def timeline(rule: BatchRule, *frames: Frame) -> Timeline:
    """Give a timeline of one rule that knows these frames."""
    made = Timeline({"rule": rule})
    made.take_frames(DATABASE, frames, ())
    return made
