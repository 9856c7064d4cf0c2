"""A record is an event with its place in the journal and its context; here it becomes JSON.

Everything that stays the same from event to event of a tag is encoded once, in its `Context`.
"""

from collections.abc import Iterable
from typing import Any

import msgspec
from msgspec import Struct

from pibridge.context.meaning import meaning
from pibridge.model import ticks
from pibridge.model.event import DELETE, UPDATE, Event, Lane
from pibridge.model.tag import Asset, Tag

VERSION = 1


class Context(Struct, frozen=True, eq=False):
    """What is known about a tag's events while nothing about the tag changes; made by `context_of`.

    `opening`, `rest`, `good_number`: parts of the record's JSON: up to the value of `seq`; from `stream` to the closing
    brace; from `unit` to the closing brace for a good number.
    """

    tag: Tag
    asset: Asset | None
    lane: Lane
    opening: str
    rest: str
    good_number: str


class Record(Struct, frozen=True, gc=False):
    """One event on its way to a sink. `seq`: its place in the journal."""

    seq: int
    event: Event
    context: Context


def context_of(site: str, tag: Tag, asset: Asset | None, lane: Lane) -> Context:
    """Encode what all events of this tag share."""
    shared: dict[str, Any] = {
        "stream": tag.stream,
        "tag": tag.name,
        "path": tag.path,
        "web_id": tag.web_id,
        "mode": tag.mode,
        "lane": lane,
    }
    if asset is not None:
        shared["asset"] = asset
    rest = _json(shared)[1:]
    unit = f',"unit":{_json(tag.unit)}' if tag.unit else ""
    return Context(
        tag=tag,
        asset=asset,
        lane=lane,
        opening=f'{{"v":{VERSION},"kind":"value","site":{_json(site)},"seq":',
        rest=rest,
        good_number=f'{unit},"quality":"good",{rest}',
    )


def json_lines(records: Iterable[Record]) -> bytes:
    """Encode records as JSON, one a line, each line ended."""
    return "".join([_line(record) for record in records]).encode()


def json_record(record: Record) -> bytes:
    """Encode one record as JSON, without a line end."""
    return _line(record)[:-1].encode()


def _line(record: Record) -> str:
    event, context = record.event, record.context
    value = event.value
    # Good numbers are nearly everything that a plant sends; Python prints finite numbers as JSON does.
    if event.status == 0 and (type(value) is float or type(value) is int):
        return (
            f'{context.opening}{record.seq},"ts":"{ticks.render(event.ticks)}","value":{value!r}{context.good_number}\n'
        )
    return _telling_line(record)


def _telling_line(record: Record) -> str:
    event, context = record.event, record.context
    said = meaning(event, text=context.tag.text)
    if event.status & DELETE:
        fields: dict[str, Any] = {"value": None, "quality": said.quality, "op": "delete"}
    else:
        fields = {"value": said.value}
        if said.state is not None:
            fields["state"] = said.state
        if said.error:
            fields["error"] = said.error
        if context.tag.unit and isinstance(said.value, (int, float)) and not isinstance(said.value, bool):
            fields["unit"] = context.tag.unit
        fields["quality"] = said.quality
        if said.flags:
            fields["flags"] = said.flags
        if event.status & UPDATE:
            fields["op"] = "update"
    return f'{context.opening}{record.seq},"ts":"{ticks.render(event.ticks)}",{_json(fields)[1:-1]},{context.rest}\n'


def _json(value: Any) -> str:
    return msgspec.json.encode(value).decode()
