"""A record is an event with its place in the journal and its context; here it becomes JSON.

Everything that stays the same from event to event of a tag is encoded once, in its `Context`: fields that follow one
another are one `Raw`, which stands for the value of the first.
"""

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any, Final

import msgspec
from msgspec import UNSET, Raw, Struct, UnsetType

from pibridge.context.batches import Batch
from pibridge.context.meaning import meaning
from pibridge.model import ticks
from pibridge.model.event import DELETE, END, START, UPDATE, Event, Lane
from pibridge.model.tag import Asset, Tag

VERSION = 1
_NUMBERS: Final = frozenset({float, int})  # no bool
_encode: Final = msgspec.json.Encoder().encode
_encode_lines: Final = msgspec.json.Encoder().encode_lines
_FRAME_OPS: Final = ((START, "start"), (END, "end"), (DELETE, "delete"), (UPDATE, "update"))


class Context(Struct, frozen=True, eq=False):
    """What is known about a tag's events while nothing about the tag changes; made by `context_of`.

    Parts of the record's JSON: `v` is what goes before `seq`; `stream` all from there on, but for the batch; `quality`
    the same of a good value. `unit`: goes with numbers, if the tag has one. `has_batches`: some batch rule speaks for
    the asset.
    `replay`: id of the replay that sends the events again.
    """

    tag: Tag
    asset: Asset | None
    lane: Lane
    has_batches: bool
    v: Raw
    stream: Raw
    quality: Raw
    unit: str | UnsetType
    replay: str = ""


class Record(Struct, frozen=True, gc=False):
    """One event on its way to a sink. `seq`: its place in the journal. `batch`: ran on the asset at that moment."""

    seq: int
    event: Event
    context: Context
    batch: Batch | None = None


class _GoodNumber(Struct, gc=False):
    v: Raw
    seq: int
    ts: str
    value: float | Raw
    unit: str | UnsetType
    quality: Raw
    batch: Raw | UnsetType


def context_of(  # noqa: PLR0913 - all that a tag's records share
    site: str, tag: Tag, asset: Asset | None, lane: Lane, *, has_batches: bool = False, replay: str = ""
) -> Context:
    """Encode what all events of this tag share."""
    shared: dict[str, Any] = {
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
    stream = _raw(tag.stream, shared)
    return Context(
        tag=tag,
        asset=asset,
        lane=lane,
        has_batches=has_batches,
        v=_raw(VERSION, {"kind": tag.kind, "site": site}),
        stream=stream,
        quality=_raw("good", {"stream": stream}),
        unit=tag.unit or UNSET,
        replay=replay,
    )


def _raw(value: object, behind: Mapping[str, object]) -> Raw:
    """Encode the value of a field, and the fields behind it."""
    return Raw(_encode(value) + b"," + _encode(behind)[1:-1])


def json_lines(records: Sequence[Record]) -> bytes:
    """Encode records as JSON, one a line, each line ended."""
    return _encode_lines(_fields(records))


def json_records(records: Sequence[Record]) -> list[bytes]:
    """Encode records as JSON, without line ends."""
    return json_lines(records).split(b"\n")[:-1]


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


def _fields(records: Sequence[Record]) -> list[object]:
    """Give what each record consists of, to be encoded."""
    events = [record.event for record in records]
    times = ticks.render_all([event.ticks for event in events])
    # Good numbers are nearly everything that a plant sends.
    numbers = [event.value if event.status == 0 and type(event.value) in _NUMBERS else None for event in events]
    fields: list[object] = []
    for record, time, number in zip(records, times, _as_python_prints(numbers), strict=True):
        context = record.context
        if number is None:
            fields.append(_telling(record, time))
        else:
            batch = UNSET if record.batch is None else _raw_text(record.batch.json)
            fields.append(_GoodNumber(context.v, record.seq, time, number, context.unit, context.quality, batch))
    return fields


def _as_python_prints(numbers: Sequence[float | None]) -> Sequence[float | Raw | None]:
    """Give numbers as they are or, if any would be written otherwise than Python prints it, as text."""
    try:
        text = _encode(numbers)
    except OverflowError:
        text = b"e"  # beyond 64 bits
    # The very large and the very small msgspec writes in its own way.
    if b"e" not in text and b"0.0000" not in text:
        return numbers
    return [None if number is None else Raw(repr(number).encode()) for number in numbers]


def _telling(record: Record, time: str) -> dict[str, object]:
    event, context = record.event, record.context
    fields: dict[str, object] = {"v": context.v, "seq": record.seq}
    if context.tag.kind == "frame":
        fields["stream"] = context.tag.stream
        fields["op"] = next(name for bit, name in _FRAME_OPS if event.status & bit)
        if context.replay:
            fields["replay"] = context.replay
        fields["frame"] = event.value
        return fields
    fields |= {"ts": time, **value_fields(event, context.tag), "stream": context.stream}
    if record.batch is not None:
        fields["batch"] = _raw_text(record.batch.json)
    return fields


@lru_cache(maxsize=1024)
def _raw_text(text: str) -> Raw:
    return Raw(text.encode())
