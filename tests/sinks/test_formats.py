import gzip
import io
from itertools import pairwise

import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from pibridge.context.record import json_lines
from pibridge.model.event import Lane
from pibridge.sinks.contract import Bounds
from pibridge.sinks.formats import FORMATS, LINE_FORMATS, gathered, name_of, open_format
from sinks.batches import values

PLENTY = values(1, 3000)


def encoded(name: str, cuts: list[int]) -> bytes:
    """Encode `PLENTY`, handed over in parts that end at these cuts."""
    encoder = open_format(name)
    edges = [0, *sorted(cuts), len(PLENTY)]
    parts = [encoder.encode(json_lines(PLENTY[start:end])) for start, end in pairwise(edges)]
    return b"".join(parts) + encoder.finish()


def decoded(name: str, data: bytes) -> bytes:
    """Unpack with the tools that readers use."""
    if name == "jsonl.gz":
        return gzip.decompress(data)
    if name == "jsonl.zst":
        return zstandard.ZstdDecompressor().stream_reader(io.BytesIO(data)).read()
    return data


ONCE = {name: encoded(name, []) for name in LINE_FORMATS}


@pytest.mark.parametrize("name", LINE_FORMATS)
@settings(max_examples=30, deadline=None)
@given(cuts=st.lists(st.integers(0, len(PLENTY)), max_size=20))
def test_bytes_depend_on_the_records_alone(name: str, cuts: list[int]) -> None:
    """The same records give the same bytes, in whatever parts they come."""
    assert encoded(name, cuts) == ONCE[name]


@pytest.mark.parametrize("name", LINE_FORMATS)
def test_readers_get_the_lines_back(name: str) -> None:
    """What an ordinary reader unpacks is one JSON line a record, in order."""
    assert decoded(name, ONCE[name]) == json_lines(PLENTY)


@pytest.mark.parametrize("name", LINE_FORMATS)
def test_a_file_without_records_is_a_whole_file(name: str) -> None:
    """Finishing at once gives a file that readers take as empty."""
    assert decoded(name, open_format(name).finish()) == b""


def test_plain_lines_are_ready_at_once() -> None:
    """Uncompressed lines are not gathered, so that somebody can watch them arrive."""
    assert open_format("jsonl").encode(b"{}\n") == b"{}\n"


@pytest.mark.parametrize("name", ["jsonl.gz", "jsonl.zst"])
def test_compressing_is_worth_it(name: str) -> None:
    """A compressed file has less than a tenth of the bytes of its lines."""
    assert len(ONCE[name]) * 10 < len(ONCE["jsonl"])


def test_records_wait_as_lines() -> None:
    """Whatever a file becomes, its records wait in a format of lines; those of a line format in that one."""
    assert {gathered(name) for name in FORMATS} <= set(LINE_FORMATS)
    assert [gathered(name) for name in LINE_FORMATS] == list(LINE_FORMATS)


def test_a_file_is_named_by_what_it_holds() -> None:
    """Day, lane and journal positions make the name."""
    bounds = Bounds(Lane.HISTORY, 7, 1200, "2026-03-09")
    assert name_of(bounds, "jsonl.zst") == "dt=2026-03-09/history-7-1200.jsonl.zst"


def test_a_replay_has_a_name_of_its_own() -> None:
    """It never stands in the place of an original."""
    bounds = Bounds(Lane.HISTORY, 7, 1200, "2026-03-09", "20260310T080000")
    assert name_of(bounds, "jsonl") == "dt=2026-03-09/replay-20260310T080000-7-1200.jsonl"
