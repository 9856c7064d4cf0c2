import io
from collections.abc import Iterable, Sequence

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from context.plants import NOTE, POINT, TEMPERATURE, events
from pibridge.context.record import Record, json_lines
from pibridge.model import ticks
from pibridge.model.event import Event
from pibridge.model.tag import Mode, Tag
from pibridge.sinks import parquet_writer
from pibridge.sinks.parquet_writer import SCHEMA, group_bounds, write
from sinks.plant_records import context, every_kind, record
from sinks.read_back import rows_of, written


def parquet(records: Iterable[Record]) -> bytes:
    """Write records as Parquet."""
    file = io.BytesIO()
    write(io.BytesIO(json_lines(list(records))), file)
    return file.getvalue()


def of_many_tags(tags: int, values: int) -> list[Record]:
    """Give values of many tags in turn, one a second of each."""
    contexts = [
        context(Tag(stream="s", mode=Mode.REALTIME, name=f"T{i:04d}", path=rf"\\PI\T{i}", web_id=f"W{i}"))
        for i in range(tags)
    ]
    return [
        Record(1 + second * tags + i, Event(i, second * ticks.PER_SECOND, second * 1.25 + i), contexts[i])
        for second in range(values)
        for i in range(tags)
    ]


def test_every_kind_of_record_comes_back() -> None:
    """Values of all types, states, errors, deletions, batches and frames are read back as the contract has them."""
    assert rows_of("live-1-21.parquet", parquet(every_kind())) == written(every_kind())


@settings(max_examples=60, deadline=None)
@given(told=st.lists(st.tuples(st.sampled_from([TEMPERATURE, POINT, NOTE]), events()), max_size=20))
def test_whatever_pi_says_comes_back(told: list[tuple[Tag, Event]]) -> None:
    """Any value with any status at any time fits the schema, and nothing of it is lost."""
    records = [record(seq, tag, event) for seq, (tag, event) in enumerate(told, 1)]
    assert rows_of("live-1-2.parquet", parquet(records)) == written(records)


@pytest.mark.parametrize("value", [10**30, -(10**400), 2**63 + 1, 12345678901234567])
def test_a_number_that_a_double_cannot_hold_is_kept_exactly(value: int) -> None:
    """It stands in `value_json` as it was written, and rounded in `value_number` if that is possible."""
    records = [record(1, POINT, Event(1, 0, value))]
    (row,) = pq.read_table(io.BytesIO(parquet(records))).to_pylist()
    assert row["value_json"] == str(value)
    assert row["value_number"] == (float(value) if abs(value) < 10**300 else None)


@pytest.mark.parametrize(
    ("code", "name", "kept"), [("odd", 7, (None, "7")), (2**63, [], (None, "[]")), (True, "x", (None, "x"))]
)
def test_a_state_that_is_none_blocks_nothing(code: object, name: object, kept: tuple[object, str]) -> None:
    """A code that is no whole number is left out, a name that is no text becomes its JSON."""
    records = [record(1, POINT, Event(1, 0, {"Name": name, "Value": code, "IsSystem": False}))]
    (row,) = pq.read_table(io.BytesIO(parquet(records))).to_pylist()
    assert (row["state"]["code"], row["state"]["name"]) == kept


def test_times_are_microseconds_and_exact_ticks() -> None:
    """`ts` is rounded down to whole microseconds, also before 1970; `ts_ticks` loses nothing."""
    times = [ticks.parse("2026-03-09T12:00:00.1234567Z"), -1, -10, 0, 19, ticks.FOREVER]
    file = parquet(record(seq, POINT, Event(1, at, 1.0)) for seq, at in enumerate(times, 1))
    table = pq.read_table(io.BytesIO(file)).sort_by("seq")
    assert table["ts_ticks"].to_pylist() == times
    assert table["ts"].cast(pa.int64()).to_pylist() == [at // 10 for at in times]


def test_the_schema_is_that_of_the_file() -> None:
    """A file has the documented columns, also when its records have nothing to say in most of them."""
    assert pq.read_schema(io.BytesIO(parquet(every_kind()[:1]))).equals(SCHEMA)
    assert pq.read_schema(io.BytesIO(parquet([]))).equals(SCHEMA)


def test_the_same_records_give_the_same_bytes() -> None:
    """What is written again after a crash replaces itself."""
    assert parquet(every_kind()) == parquet(every_kind())


def test_rows_lie_by_tag_time_and_place() -> None:
    """All of one tag stands together, in the order of time, equal times in the order of arrival; frames at the end."""
    told = [(POINT, 3), (TEMPERATURE, 9), (POINT, 1), (TEMPERATURE, 9), (POINT, 2)]
    records = [record(seq, tag, Event(1, at, seq)) for seq, (tag, at) in enumerate(told, 1)]
    table = pq.read_table(io.BytesIO(parquet([*every_kind()[-1:], *records])))
    assert table["seq"].to_pylist() == [2, 4, 3, 5, 1, 21]


def test_a_query_for_one_tag_reads_one_row_group(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of many tags one is found by the statistics of the row groups; a tag with many values fills groups by time."""
    monkeypatch.setattr(parquet_writer, "GROUP_ROWS", 1000)  # smaller, so that the test is short
    read = pq.ParquetFile(io.BytesIO(parquet(of_many_tags(100, 90)))).metadata
    tag = SCHEMA.names.index("tag")
    ranges = [read.row_group(group).column(tag).statistics for group in range(read.num_row_groups)]
    assert [read.row_group(group).num_rows for group in range(read.num_row_groups)] == [990] * 9 + [90]
    for number in range(100):
        assert sum(each.min <= f"T{number:04d}" <= each.max for each in ranges) == 1
    long = pq.ParquetFile(io.BytesIO(parquet(of_many_tags(2, 2500)))).metadata
    assert [long.row_group(group).num_rows for group in range(long.num_row_groups)] == [1000, 1000, 500] * 2


@given(runs=st.lists(st.integers(0, 30), max_size=30), most=st.integers(1, 20))
def test_groups_part_no_run_that_fits(runs: list[int], most: int) -> None:
    """Groups follow each other without a hole, none is too large, and only a run that is too large is parted."""
    ends = [sum(runs[: place + 1]) for place in range(len(runs))]
    groups = list(group_bounds(ends, most))
    edges = [0, *(end for _, end in groups)]
    assert [start for start, _ in groups] == edges[:-1]
    assert edges[-1] == sum(runs)
    assert all(0 < end - start <= most for start, end in groups)
    _no_cut_within_a_short_run(edges, ends, runs, most)


def _no_cut_within_a_short_run(edges: Sequence[int], ends: Sequence[int], runs: Sequence[int], most: int) -> None:
    for end, length in zip(ends, runs, strict=True):
        if length <= most:
            assert not any(end - length < edge < end for edge in edges)
