"""Records as columns: what they share once, the rest as a list for each field; compressed. Pure.

docs/columns.md describes the format.
"""

import gzip
from collections.abc import Sequence
from typing import Any, Final

import msgspec
from msgspec import Raw

from pibridge.context.record import VERSION, Context, Record, json_record, value_fields
from pibridge.model import ticks

_GZIP_LEVEL: Final = 5
_FARTHEST_TICKS: Final = 1 << 52
"""From the first event: the difference of two times is a whole number that JavaScript has, too."""
_GOOD: Final = b'{"quality":"good"}'

_encode: Final = msgspec.json.Encoder().encode

_Known = tuple[Context, str, str]
"""What is the same from event to event: also the JSON of the batch, and the unit, both empty if there is none."""


def columns(site: str, records: Sequence[Record]) -> bytes:
    """Encode records of values and frames. The same records give the same bytes."""
    start_ticks = next((record.event.ticks for record in records if record.context.tag.kind == "value"), 0)
    start_ticks -= start_ticks % ticks.PER_SECOND
    whole: list[Raw] = []
    contexts: dict[_Known, int] = {}
    notes: dict[bytes, int] = {}
    of_context, of_note, seqs, times, values = [], [], [], [], []
    seq, moment = 0, start_ticks
    for record in records:
        event, context = record.event, record.context
        tag, value = context.tag, event.value
        if tag.kind == "frame" or abs(event.ticks - start_ticks) > _FARTHEST_TICKS:
            whole.append(Raw(json_record(record)))
            continue
        if event.status == 0 and (type(value) is float or type(value) is int):
            unit, note = tag.unit, _GOOD
        else:
            fields = value_fields(event, tag)
            value, unit = fields.pop("value"), fields.pop("unit", "")
            note = _encode(fields)
        batch = record.batch
        of_context.append(contexts.setdefault((context, "" if batch is None else batch.json, unit), len(contexts)))
        of_note.append(notes.setdefault(note, len(notes)))
        seqs.append(record.seq - seq)
        times.append(event.ticks - moment)
        values.append(value)
        seq, moment = record.seq, event.ticks
    # Side by side, names that begin alike need few bytes.
    ordered = sorted(contexts, key=_path)
    place_of = {contexts[known]: place for place, known in enumerate(ordered)}
    shared, table = _contexts(site, ordered)
    told = {
        "v": VERSION,
        "site": site,
        "records": whole,
        "shared": shared,
        "contexts": table,
        "notes": [Raw(note) for note in notes],
        "start": start_ticks // ticks.PER_SECOND,
        "events": {
            "context": [place_of[number] for number in of_context],
            "note": of_note,
            "seq": seqs,
            "ticks": times,
            "value": values,
        },
    }
    return gzip.compress(_encode(told), compresslevel=_GZIP_LEVEL, mtime=0)


def _path(known: _Known) -> str:
    return known[0].tag.path


def _contexts(site: str, known: Sequence[_Known]) -> tuple[list[Raw], dict[str, list[Any]]]:
    """Give the objects that several contexts share, and the contexts as columns."""
    shared: dict[bytes, int] = {}
    places = [shared.setdefault(_shared(site, context, batch), len(shared)) for context, batch, _ in known]
    tags = [context.tag for context, _, _ in known]
    return [Raw(each) for each in shared], {
        "shared": places,
        "tag": [tag.name for tag in tags],
        "path": [tag.path for tag in tags],
        "web_id": [tag.web_id for tag in tags],
        "unit": [unit or None for _, _, unit in known],
        "asset": [context.asset for context, _, _ in known],
    }


def _shared(site: str, context: Context, batch: str) -> bytes:
    tag = context.tag
    fields: dict[str, Any] = {
        "v": VERSION,
        "kind": "value",
        "site": site,
        "stream": tag.stream,
        "mode": tag.mode,
        "lane": context.lane,
    }
    if context.replay:
        fields["replay"] = context.replay
    if batch:
        fields["batch"] = Raw(batch.encode())
    return _encode(fields)
