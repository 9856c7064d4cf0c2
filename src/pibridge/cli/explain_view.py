"""What `pibridge explain` shows."""

from collections.abc import Iterator, Mapping

import msgspec

from pibridge.inspection.explanation import Explanation, Found, OfTag
from pibridge.inspection.pi_answer import PiAnswer


def explanation_text(found: Explanation, answers: Mapping[str, PiAnswer]) -> str:
    """Give it for people. `answers`: what PI says, by path."""
    lines = [f"{found.asked} at {found.at}"]
    if found.missing is not None:
        lines.append(f"  {found.missing.absence}: {found.missing.why}")
    if found.nearest:
        lines.append(f"  names like it: {', '.join(found.nearest)}")
    for tag in found.tags:
        lines += ["", *_tag(tag), *_pi(answers.get(tag.path))]
    lines += ["", *(f"note: {note}" for note in found.notes)] if found.notes else []
    return "\n".join(lines) + "\n"


def _tag(tag: OfTag) -> Iterator[str]:
    yield f"{tag.path} ({tag.tag})"
    since = f", read from {tag.owed_since} on" if tag.owed_since else ""
    past = "" if tag.is_selected else "; it is selected no longer"
    yield f"  selected by stream {tag.stream}, mode {tag.mode}{since}{past}"
    if tag.refused:
        yield f"  PI refuses to read it now: {tag.refused}"
    if tag.missing is not None:
        yield f"  no event at that time: {tag.missing.absence}: {tag.missing.why}"
        near = f" ({tag.looked})" if tag.looked else ""
        yield f"  the nearest:{near}" if tag.events else f"  nothing near it either{near}"
    for event in tag.events:
        yield from _event(event)


def _event(event: Found) -> Iterator[str]:
    place = "held, without a place yet" if event.seq is None else f"seq {event.seq}"
    yield f"  {event.ts}  {msgspec.json.encode(event.value).decode()}  {event.change}"
    if event.quality:
        yield f"    quality   {event.quality}"
    yield f"    read      {event.read}, at {event.arrived} by PI's clock"
    stored = f", stored {event.stored}" if event.stored else f", until {event.held_until}"
    yield f"    journal   {place}, lane {event.lane}{stored}"
    asset = f"{event.asset}, by {event.asset_by}" if event.asset else "none"
    yield f"    asset     {asset}"
    if event.rule:
        batch = msgspec.json.decode(event.batch)
        yield f"    batch     {_batch(batch)}, by context.batches.{event.rule}"
    for name, at_sink in event.sinks.items():
        yield f"    {name}: {at_sink.verdict}: {at_sink.why}"
        for replay_id, replay in at_sink.replays.items():
            yield f"      replay {replay_id} ({replay.state}): {replay.verdict}: {replay.why}"


def _batch(batch: dict[str, object] | None) -> str:
    if batch is None:
        return "none ran"
    frame = f", frame {batch['frame']}" if batch.get("frame") else ""
    return f"{batch['id']}{'' if batch['valid'] else ' (not valid)'} since {batch['start']}{frame}"


def _pi(answer: PiAnswer | None) -> Iterator[str]:
    if answer is None:
        return
    if answer.error:
        yield f"  PI does not say: {answer.error}"
    elif answer.at:
        yield f"  PI's archive has: {'; '.join(answer.at)}"
    else:
        yield f"  PI's archive has nothing at that time; its last before: {answer.last}"
