"""A record is an event with its place in the journal and its context; here it becomes JSON.

Everything that stays the same from event to event of a tag is encoded once, in its `Context`.
"""

from collections.abc import Sequence
from typing import Any, Final

import msgspec
from msgspec import Struct

from pibridge.context.batches import Batch
from pibridge.context.meaning import meaning
from pibridge.model import ticks
from pibridge.model.event import DELETE, END, START, UPDATE, Event, Lane
from pibridge.model.tag import Asset, Tag

VERSION = 1
_NUMBERS: Final = frozenset({float, int})  # no bool
_END: Final = "}\n"
_FRAME_OPS: Final = ((START, "start"), (END, "end"), (DELETE, "delete"), (UPDATE, "update"))


class Context(Struct, frozen=True, eq=False):
    """What is known about a tag's events while nothing about the tag changes; made by `context_of`.

    `opening`, `rest`, `good_number`: parts of the record's JSON: up to the value of `seq`; from `stream` on; from
    `unit` on for a good number. Both end before the batch. `has_batches`: some batch rule speaks for the asset.
    `replay`: id of the replay that sends the events again.
    """

    tag: Tag
    asset: Asset | None
    lane: Lane
    has_batches: bool
    opening: str
    rest: str
    good_number: str
    replay: str = ""


class Record(Struct, frozen=True, gc=False):
    """One event on its way to a sink. `seq`: its place in the journal. `batch`: ran on the asset at that moment."""

    seq: int
    event: Event
    context: Context
    batch: Batch | None = None


def context_of(  # noqa: PLR0913 - all that a tag's records share
    site: str, tag: Tag, asset: Asset | None, lane: Lane, *, has_batches: bool = False, replay: str = ""
) -> Context:
    """Encode what all events of this tag share."""
    shared: dict[str, Any] = {
        "stream": tag.stream,
        "tag": tag.name,
        "path": tag.path,
        "web_id": tag.web_id,
        "mode": tag.mode,
        "lane": lane,
    }
    if replay:
        shared["replay"] = replay
    if asset is not None:
        shared["asset"] = asset
    rest = _json(shared)[1:-1]
    unit = f',"unit":{_json(tag.unit)}' if tag.unit else ""
    return Context(
        tag=tag,
        asset=asset,
        lane=lane,
        has_batches=has_batches,
        opening=f'{{"v":{VERSION},"kind":"{tag.kind}","site":{_json(site)},"seq":',
        rest=rest,
        good_number=f'{unit},"quality":"good",{rest}',
        replay=replay,
    )


def json_lines(records: Sequence[Record]) -> bytes:
    """Encode records as JSON, one a line, each line ended."""
    return "".join(_lines(records)).encode()


def json_records(records: Sequence[Record]) -> list[bytes]:
    """Encode records as JSON, without line ends."""
    return [line[:-1].encode() for line in _lines(records)]


def json_record(record: Record) -> bytes:
    """Encode one record as JSON, without a line end."""
    return json_records((record,))[0]


def value_fields(event: Event, tag: Tag) -> dict[str, Any]:
    """Give a record's fields about its value: `value` and `quality`, the others where there is something to say."""
    said = meaning(event, text=tag.text)
    if event.status & DELETE:
        return {"value": None, "quality": said.quality, "op": "delete"}
    fields: dict[str, Any] = {"value": said.value}
    if said.state is not None:
        fields["state"] = said.state
    if said.error:
        fields["error"] = said.error
    if tag.unit and isinstance(said.value, (int, float)) and not isinstance(said.value, bool):
        fields["unit"] = tag.unit
    fields["quality"] = said.quality
    if said.flags:
        fields["flags"] = said.flags
    if event.status & UPDATE:
        fields["op"] = "update"
    return fields


def _lines(records: Sequence[Record]) -> list[str]:
    if not records:
        return []
    events = [record.event for record in records]
    times = ticks.render_all([event.ticks for event in events])
    # Good numbers are nearly everything that a plant sends.
    numbers = [event.value if event.status == 0 and type(event.value) in _NUMBERS else None for event in events]
    lines = []
    for record, time, number, text in zip(records, times, numbers, _written(numbers), strict=True):
        context = record.context
        if number is None:
            line = _telling_line(record, time)
        else:
            end = _END if record.batch is None else _end(record)
            line = f'{context.opening}{record.seq},"ts":"{time}","value":{text}{context.good_number}{end}'
        lines.append(line)
    return lines


def _written(numbers: Sequence[float | None]) -> Sequence[str]:
    """Give finite numbers as Python prints them, which is JSON."""
    try:
        text = _json(numbers)
    except OverflowError:
        text = ""  # beyond 64 bits
    # All at once msgspec takes a fifth of the time, but writes the very large and the very small in its own way.
    is_as_printed = text and "e" not in text and "0.0000" not in text
    return text[1:-1].split(",") if is_as_printed else [repr(number) for number in numbers]


def _end(record: Record) -> str:
    return _END if record.batch is None else f',"batch":{record.batch.json}}}\n'


def _telling_line(record: Record, time: str) -> str:
    return _frame_line(record) if record.context.tag.kind == "frame" else _value_line(record, time)


def _frame_line(record: Record) -> str:
    op = next(name for bit, name in _FRAME_OPS if record.event.status & bit)
    context = record.context
    fields = {"stream": context.tag.stream, "op": op}
    if context.replay:
        fields["replay"] = context.replay
    fields["frame"] = record.event.value
    return f"{context.opening}{record.seq},{_json(fields)[1:]}\n"


def _value_line(record: Record, time: str) -> str:
    event, context = record.event, record.context
    fields = value_fields(event, context.tag)
    return f'{context.opening}{record.seq},"ts":"{time}",{_json(fields)[1:-1]},{context.rest}{_end(record)}'


def _json(value: Any) -> str:
    return msgspec.json.encode(value).decode()
