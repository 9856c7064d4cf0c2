"""Parquet: the fields of records as columns, one schema for values and frames.

Run as a program it reads JSON lines (zstd) from stdin and writes one Parquet file to stdout, in a process of its own:
the daemon neither waits for it nor carries pyarrow. The same lines give the same bytes.
"""

import io
import math
import os
import signal
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import accumulate, islice
from operator import attrgetter
from typing import Any, BinaryIO, Final

import msgspec
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import zstandard
from msgspec import Raw, Struct

from pibridge.model import ticks

GROUP_ROWS: Final = 16 << 10
"""The most rows of one row group. Small, so that a query for one tag reads little."""

_BLOCK_LINES: Final = 4 << 10
_TICKS_PER_US: Final = 10
_LOWER_PRIORITY: Final = 5
_EXACT_DIGITS: Final = 15
_LARGEST_INT64: Final = 1 << 63

_TIME: Final = pa.timestamp("us", "UTC")
_TEXTS: Final = pa.list_(pa.string())
_STATE: Final = pa.struct({"code": pa.int64(), "name": pa.string(), "system": pa.bool_()})
_ASSET: Final = pa.struct({"path": pa.string(), "template": pa.string(), "attribute": pa.string()})
_LEVEL: Final = pa.struct({"template": pa.string(), "name": pa.string(), "frame": pa.string()})
_BATCH: Final = pa.struct(
    {
        "id": pa.string(),
        "frame": pa.string(),
        "name": pa.string(),
        "template": pa.string(),
        "start": _TIME,
        "start_ticks": pa.int64(),
        "valid": pa.bool_(),
        "levels": pa.list_(_LEVEL),
    }
)
_FRAME: Final = pa.struct(
    {
        "id": pa.string(),
        "web_id": pa.string(),
        "name": pa.string(),
        "template": pa.string(),
        "path": pa.string(),
        "start": _TIME,
        "start_ticks": pa.int64(),
        "end": _TIME,
        "end_ticks": pa.int64(),
        "severity": pa.string(),
        "parent": pa.string(),
        "elements": _TEXTS,
        "attributes": pa.string(),
        "categories": _TEXTS,
    }
)

SCHEMA: Final = pa.schema(
    {
        "v": pa.int32(),
        "kind": pa.string(),
        "site": pa.string(),
        "seq": pa.int64(),
        "stream": pa.string(),
        "tag": pa.string(),
        "path": pa.string(),
        "web_id": pa.string(),
        "ts": _TIME,
        "ts_ticks": pa.int64(),
        "value_number": pa.float64(),
        "value_text": pa.string(),
        "value_boolean": pa.bool_(),
        "value_json": pa.string(),
        "state": _STATE,
        "error": pa.string(),
        "unit": pa.string(),
        "quality": pa.string(),
        "flags": _TEXTS,
        "op": pa.string(),
        "mode": pa.string(),
        "lane": pa.string(),
        "replay": pa.string(),
        "asset": _ASSET,
        "batch": _BATCH,
        "frame": _FRAME,
    }
)
"""What every file has. `ts_ticks`: `ts` in ticks of 100 ns, of which `ts` keeps whole microseconds."""


class _Line(Struct):
    """A record. What is not a text or a number of ours stays as it is written."""

    v: int
    kind: str
    site: str
    seq: int
    stream: str
    tag: str | None = None
    path: str | None = None
    web_id: str | None = None
    ts: str | None = None
    value: Raw = Raw(b"null")
    state: Raw = Raw(b"null")
    error: str | None = None
    unit: str | None = None
    quality: str | None = None
    flags: Raw = Raw(b"null")
    op: str | None = None
    mode: str | None = None
    lane: str | None = None
    replay: str | None = None
    asset: Raw = Raw(b"null")
    batch: Raw = Raw(b"null")
    frame: Raw = Raw(b"null")


_decode: Final = msgspec.json.Decoder(_Line).decode


class _Value(Struct, gc=False):
    """A record's `value`: at most one of these, but for a number that only its JSON says exactly."""

    number: float | None = None
    text: str | None = None
    boolean: bool | None = None
    json: str | None = None


def _value(raw: bytes) -> _Value:
    match raw[:1]:
        case b"n":
            return _Value()
        case b'"':
            return _Value(text=msgspec.json.decode(raw))
        case b"t" | b"f":
            return _Value(boolean=raw == b"true")
        case b"[" | b"{":
            return _Value(json=raw.decode())
    number = float(raw)
    if math.isinf(number):
        return _Value(json=raw.decode())
    return _Value(number, json=None if _is_exact(raw, number) else raw.decode())


def _is_exact(raw: bytes, number: float) -> bool:
    return len(raw) <= _EXACT_DIGITS or not raw.lstrip(b"-").isdigit() or int(raw) == number


def _state(raw: bytes) -> Any:
    state = msgspec.json.decode(raw)
    if state is not None:
        # PI gave it, so that it may be anything.
        code, name = state["code"], state["name"]
        state["code"] = code if type(code) is int and -_LARGEST_INT64 <= code < _LARGEST_INT64 else None
        state["name"] = name if isinstance(name, str) else msgspec.json.encode(name).decode()
    return state


def _batch(raw: bytes) -> Any:
    batch = msgspec.json.decode(raw)
    if batch is not None:
        batch["start"], batch["start_ticks"] = _time(batch["start"])
    return batch


def _frame(raw: bytes) -> Any:
    frame = msgspec.json.decode(raw)
    if frame is not None:
        frame["start"], frame["start_ticks"] = _time(frame["start"])
        frame["end"], frame["end_ticks"] = _time(frame["end"])
        if "attributes" in frame:
            frame["attributes"] = msgspec.json.encode(frame["attributes"]).decode()
    return frame


def _time(text: str | None) -> tuple[int | None, int | None]:
    """Give microseconds and ticks since 1970."""
    if text is None:
        return None, None
    exact = ticks.parse(text)
    return exact // _TICKS_PER_US, exact


_OBJECTS: Final[dict[str, Callable[[bytes], Any]]] = {
    "state": _state,
    "flags": msgspec.json.decode,
    "asset": msgspec.json.decode,
    "batch": _batch,
    "frame": _frame,
}
_SHARED: Final = (
    ("v", "kind", "site", "stream", "tag", "path", "web_id", "mode", "lane", "replay", "asset"),
    ("state", "error", "unit", "quality", "flags", "op"),
    ("batch",),
    ("frame",),
)
"""Fields that come again and again together."""

_KEY: Final = ("ts_ticks", "seq")


class _Shared:
    """Numbers what records have in some fields, so that each such thing is in memory once."""

    def __init__(self, fields: Sequence[str]) -> None:
        self.fields = fields
        self._objects = [place for place, field in enumerate(fields) if field in _OBJECTS]
        self._of = attrgetter(*fields) if len(fields) > 1 else lambda record: (getattr(record, fields[0]),)
        self._number_of: dict[tuple[Any, ...], int] = {}

    def numbers(self, records: Iterable[_Line]) -> Any:
        """Give the number of what each record has."""
        known, objects = self._number_of, self._objects
        numbers = []
        for record in records:
            said = list(self._of(record))
            for place in objects:
                said[place] = bytes(said[place])
            numbers.append(known.setdefault(tuple(said), len(known)))
        return pa.array(numbers, pa.int32())

    def columns(self) -> dict[str, Any]:
        """Give the fields' columns, of which row n is what has number n."""
        columns = {}
        for place, field in enumerate(self.fields):
            values: Iterable[Any] = (said[place] for said in self._number_of)
            if field in _OBJECTS:
                values = map(_OBJECTS[field], values)
            columns[field] = pa.array(list(values), SCHEMA.field(field).type)
        return columns


class Columns:
    """The records of one file as columns: some 50 bytes each in memory, whatever their lines need."""

    def __init__(self) -> None:
        self._shared = [_Shared(fields) for fields in _SHARED]
        self._blocks: list[Any] = []

    def add(self, lines: Iterable[bytes]) -> None:
        """Take in records, each a JSON object."""
        records = [_decode(line) for line in lines]
        said = [_value(bytes(record.value)) for record in records]
        times = [None if record.ts is None else ticks.parse(record.ts) for record in records]
        columns = {
            "seq": pa.array([record.seq for record in records], pa.int64()),
            "ts_ticks": pa.array(times, pa.int64()),
            "value_number": pa.array([value.number for value in said], pa.float64()),
            "value_text": pa.array([value.text for value in said], pa.string()),
            "value_boolean": pa.array([value.boolean for value in said], pa.bool_()),
            "value_json": pa.array([value.json for value in said], pa.string()),
        }
        for shared in self._shared:
            columns[shared.fields[0]] = shared.numbers(records)
        self._blocks.append(pa.RecordBatch.from_pydict(columns))

    def row_groups(self) -> Iterator[Any]:
        """Give the tables of the row groups: all records by tag, time and place; frames at the end."""
        if not self._blocks:
            return
        rows = pa.Table.from_batches(self._blocks).combine_chunks()
        self._blocks.clear()
        shared = {each.fields[0]: each.columns() for each in self._shared}
        of_rows, of_tags = rows["v"].chunk(0), shared["v"]["tag"]
        ranks = _ranks(of_tags.to_pylist()).take(of_rows)
        order = pc.sort_indices(
            pa.table({"rank": ranks, **{name: rows[name] for name in _KEY}}),
            sort_keys=[(name, "ascending") for name in ("rank", *_KEY)],
        )
        counts = {found["values"]: found["counts"] for found in pc.value_counts(ranks).to_pylist()}
        frames = counts.pop(None, 0)
        tag_ends = accumulate([*(counts[rank] for rank in sorted(counts)), frames])
        for start, end in group_bounds(tag_ends, GROUP_ROWS):
            part = rows.take(order.slice(start, end - start))
            columns = {name: part[name] for name in part.column_names}
            for first, fields in shared.items():
                numbers = part[first].combine_chunks()
                columns |= {name: column.take(numbers) for name, column in fields.items()}
            columns["ts"] = _microseconds(part["ts_ticks"])
            yield pa.table([columns[name] for name in SCHEMA.names], SCHEMA)


def _ranks(texts: Sequence[str | None]) -> Any:
    """Give the place of each text in the order of all; none of None."""
    in_order = sorted({text for text in texts if text is not None})
    rank_of = {text: rank for rank, text in enumerate(in_order)}
    return pa.array([None if text is None else rank_of[text] for text in texts], pa.int32())


def group_bounds(run_ends: Iterable[int], most: int) -> Iterator[tuple[int, int]]:
    """Give the bounds of groups of at most `most` rows: of whole runs, but that a longer run fills groups of its own.

    `run_ends`: where each tag's run of rows ends.
    """
    start = end = 0
    for run_end in run_ends:
        if run_end - start > most and end > start:
            yield start, end
            start = end
        while run_end - start > most:
            yield start, start + most
            start += most
        end = run_end
    if end > start:
        yield start, end


def _texts(name: str, kind: Any) -> Iterator[str]:
    """Give the paths of the texts in a column, as Parquet names them."""
    if pa.types.is_struct(kind):
        for field in kind:
            yield from _texts(f"{name}.{field.name}", field.type)
    elif pa.types.is_list(kind):
        yield from _texts(f"{name}.list.element", kind.value_type)
    elif pa.types.is_string(kind):
        yield name


_PARQUET: Final = {
    "compression": "zstd",
    # Numbers hardly ever repeat within a row group: a dictionary would make them larger.
    "use_dictionary": [text for field in SCHEMA for text in _texts(field.name, field.type)],
    # Of the columns that queries choose by; those of all 52 would be a third of the footer.
    "write_statistics": ["kind", "seq", "stream", "tag", "ts", "ts_ticks", "quality", "asset.path", "batch.id"],
    "store_schema": False,
}


def write(lines: Iterable[bytes], into: BinaryIO) -> None:
    """Write the records of these JSON lines as one Parquet file. Needs some 250 bytes of memory for each."""
    columns, rest = Columns(), iter(lines)
    while block := list(islice(rest, _BLOCK_LINES)):
        columns.add(block)
    with pq.ParquetWriter(into, SCHEMA, **_PARQUET) as writer:
        for group in columns.row_groups():
            writer.write_table(group, row_group_size=GROUP_ROWS)


def _microseconds(exact: Any) -> Any:
    # Division of integers goes towards zero here; times before 1970 are rounded down like all others.
    rest = pc.subtract(exact, pc.multiply(pc.divide(exact, _TICKS_PER_US), _TICKS_PER_US))
    down = pc.if_else(pc.less(rest, 0), 1, 0)
    return pc.cast(pc.subtract(pc.divide(exact, _TICKS_PER_US), down), _TIME)


def main() -> None:
    """Convert stdin to stdout, both files."""
    # Who stops the daemon often signals all its processes; the daemon still waits for this file.
    for each in (signal.SIGINT, signal.SIGTERM):
        signal.signal(each, signal.SIG_IGN)
    if hasattr(os, "nice"):
        os.nice(_LOWER_PRIORITY)
    pa.set_cpu_count(1)
    lines = zstandard.ZstdDecompressor().stream_reader(sys.stdin.buffer)
    write(io.BufferedReader(lines, 1 << 20), sys.stdout.buffer)


if __name__ == "__main__":
    main()
