"""Files of every format, read back as a lake's readers do."""

import gzip
import io
import json
from pathlib import Path
from typing import Any

import duckdb
import pyarrow.parquet as pq
import zstandard

from pibridge.context.record import Record, json_lines
from pibridge.model import ticks

Row = dict[str, Any]
"""A record, in the words of the contract."""

_PLAIN = ("v", "kind", "site", "seq", "stream", "tag", "path", "web_id", "ts", "value", "state", "error", "unit",
          "quality", "flags", "op", "mode", "lane", "replay", "asset", "batch", "frame")  # fmt: skip


def rows_of(name: str, data: bytes) -> list[Row]:
    """Read one file, in the order of its records' places."""
    if name.endswith(".parquet"):
        found = [record_of(row) for row in pq.read_table(io.BytesIO(data)).to_pylist()]
        return sorted(found, key=lambda row: int(row["seq"]))
    if name.endswith(".gz"):
        data = gzip.decompress(data)
    elif name.endswith(".zst"):
        data = zstandard.ZstdDecompressor().stream_reader(io.BytesIO(data)).read()
    return [json.loads(line) for line in data.splitlines()]


def written(records: list[Record]) -> list[Row]:
    """Give what records say, by the code that writes their JSON."""
    return [json.loads(line) for line in json_lines(records).splitlines()]


def queried(folder: Path, extension: str, where: str = "true") -> list[Row]:
    """Have DuckDB read a folder's files of one format as one table, with the day as a column `dt`; in order."""
    files = f"{folder}/dt=*/*.{extension}"
    columns = ", ".join(f"{name}: 'JSON'" for name in _PLAIN)
    table = (
        f"read_parquet('{files}', hive_partitioning = true)"
        if extension == "parquet"
        else f"read_json('{files}', format = 'newline_delimited', columns = {{{columns}}}, hive_partitioning = true)"
    )
    with duckdb.connect() as database:
        found = database.execute(
            f"SELECT to_json(t) FROM {table} t WHERE {where} ORDER BY CAST(seq AS BIGINT)"  # noqa: S608 - of this test
        ).fetchall()
    read = [json.loads(text) for (text,) in found]
    return [record_of(row) if extension == "parquet" else without_nulls(row) for row in read]


def record_of(row: Row) -> Row:
    """Give the record that a row of Parquet is, by its exact columns; a column `dt` stays."""
    exact, *others = (row.pop(f"value_{what}") for what in ("json", "number", "text", "boolean"))
    ts_ticks = row.pop("ts_ticks")
    del row["ts"]
    for each in (row["batch"], row["frame"]):
        if each is not None:
            each["start"] = ticks.render(each.pop("start_ticks"))
    record = without_nulls({name: whole(value) for name, value in row.items()})
    if row["kind"] == "value":
        record["ts"] = ticks.render(ts_ticks)
        record["value"] = json.loads(exact) if exact else next((each for each in others if each is not None), None)
        return record
    end_ticks = record["frame"].pop("end_ticks", None)
    record["frame"]["end"] = None if end_ticks is None else ticks.render(end_ticks)
    if "attributes" in record["frame"]:
        record["frame"]["attributes"] = json.loads(record["frame"]["attributes"])
    return record


def without_nulls(row: Row) -> Row:
    """Leave out columns that say nothing, but the value of a value."""
    return {
        name: value for name, value in row.items() if value is not None or (name, row["kind"]) == ("value", "value")
    }


def whole(given: Any) -> Any:
    """Leave out what says nothing, at every depth."""
    if isinstance(given, list):
        return [whole(each) for each in given]
    if isinstance(given, dict):
        return {name: whole(value) for name, value in given.items() if value is not None}
    return given
