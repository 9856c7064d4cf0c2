"""What the contract says of batches, worked out frame by frame and tick by tick, slowly."""

import re
from collections.abc import Mapping
from typing import Any

from pibridge.context.settings import BatchRule
from pibridge.model import ticks
from pibridge.model.frame import Frame

Frames = Mapping[str, Frame]
Fields = dict[str, Any] | None


def matches(pattern: list[str], names: list[str]) -> bool:
    """Tell whether a pattern, cut into its characters and wildcards, means the path, cut into its characters."""
    if not pattern:
        return not names
    if pattern[0] in {"*", "**"}:
        crosses = pattern[0] == "**"
        return matches(pattern[1:], names) or (
            bool(names) and (crosses or names[0] != "/") and matches(pattern, names[1:])
        )
    return bool(names) and pattern[0].lower() == names[0].lower() and matches(pattern[1:], names[1:])


def above(asset: str) -> set[str]:
    """Give the asset and all above it, in lower case."""
    names = asset.lower().split("/")
    return {"/".join(names[:count]) for count in range(1, len(names) + 1)}


def deciding(rules: Mapping[str, BatchRule], asset: str) -> BatchRule | None:
    """Give the rule that decides alone."""
    for _, rule in sorted(rules.items()):
        pattern = re.findall(r"\*\*|.", rule.assets)
        if any(matches(pattern, list(path)) for path in above(asset)):
            return rule
    return None


def line(frames: Frames, frame: Frame) -> list[str]:
    """Give the ids of all frames that this one is part of, the nearest first; a circle ends where it closes."""
    found: list[str] = []
    while frame.parent in frames and frame.parent not in found:
        found.append(frame.parent)
        frame = frames[frame.parent]
    return found


def ancestry(frames: Frames, frame: Frame) -> list[str]:
    """Give `line` without the frame itself, which a circle of parents comes back to, and what follows it."""
    found = line(frames, frame)
    return found[: found.index(frame.id)] if frame.id in found else found


def running(frames: Frames, rule: BatchRule, asset: str, at: int) -> Fields:
    """Give the `batch` of a record from event frames."""
    assert rule.event_frames is not None
    speaking = [
        frame
        for frame in frames.values()
        if rule.event_frames.template.lower() in frame.lineage
        and frame.start_ticks <= at < frame.end_ticks
        and {element.lower() for element in frame.elements} & above(asset)
    ]
    if not speaking:
        return None
    batch = max(speaking, key=lambda frame: (frame.start_ticks, frame.id))
    if rule.id == "name":
        batch_id: Any = batch.name
    elif rule.id == "root":
        batch_id = ([batch.name] + [frames[name].name for name in ancestry(frames, batch)])[-1]
    else:
        wanted = rule.id.removeprefix("attribute:").lower()
        batch_id = next((value for name, value in batch.attributes.items() if name.lower() == wanted), None)
    if batch_id is None or batch_id == "":
        return None
    levels = [
        (ancestry(frames, frame).index(batch.id), frame.start_ticks, frame.id, frame)
        for frame in frames.values()
        if batch.id in ancestry(frames, frame)
        and frame.start_ticks <= at < frame.end_ticks
        and concerns(frames, frame, asset)
    ]
    fields: dict[str, Any] = {
        "id": str(batch_id),
        "frame": batch.id,
        "name": batch.name,
        "template": batch.template,
        "start": ticks.render(batch.start_ticks),
        "valid": rule.valid is None or re.search(rule.valid, str(batch_id)) is not None,
    }
    if levels:
        fields["levels"] = [
            said({"template": frame.template, "name": frame.name, "frame": frame.id}) for *_, frame in sorted(levels)
        ]
    return said(fields)


def said(fields: dict[str, Any]) -> dict[str, Any]:
    """Leave out what has nothing to say."""
    return {name: value for name, value in fields.items() if value != ""}


def concerns(frames: Frames, frame: Frame, asset: str) -> bool:
    """Tell whether a level is one of the asset's: by itself or the nearest it is part of that refers to anything."""
    line = [frame, *(frames[name] for name in ancestry(frames, frame))]
    elements: tuple[str, ...] = next((each.elements for each in line if each.elements), ())
    return any(element.lower() in above(asset) or asset.lower() in above(element) for element in elements)


def told(values: Mapping[int, str], rule: BatchRule, at: int) -> Fields:
    """Give the `batch` of a record from a tag."""
    start = max((moment for moment in values if moment <= at), default=None)
    if start is None or not values[start]:
        return None
    valid = rule.valid is None or re.search(rule.valid, values[start]) is not None
    return {"id": values[start], "start": ticks.render(start), "valid": valid}
