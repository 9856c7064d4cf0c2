import gzip
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pyarrow.parquet as pq
import pytest
import zstandard

from inspection.scenes import loaded
from journal.samples import NOW, events, opened
from pibridge.context.choice import Choice
from pibridge.errors import ConfigurationError
from pibridge.inspection.export import format_of, write_file
from pibridge.inspection.records import Passage, Records
from pibridge.journal.reader import JournalReader
from pibridge.model.event import Lane


@pytest.fixture
async def folder(tmp_path: Path) -> Path:
    """Give a journal of thirty events."""
    async with opened(tmp_path / "journal") as journal:
        for first in range(0, 30, 10):
            await journal.commit(Lane.LIVE, events(10, first=first), NOW)
    return tmp_path / "journal"


@contextmanager
def passage(folder: Path) -> Iterator[Passage]:
    """Give a way through the journal."""
    reader = JournalReader.open(folder)
    try:
        yield Passage(Records(loaded(folder), reader), reader, Choice())
    finally:
        reader.close()


def written(folder: Path, file: Path) -> bytes:
    """Write a file; until it is whole, it has not its name."""
    with passage(folder) as way:
        for _ in write_file(way, file):
            assert not file.exists()
    assert [each for each in file.parent.iterdir() if each != folder] == [file]
    return file.read_bytes()


def test_lines_are_written_in_each_format(folder: Path, tmp_path: Path) -> None:
    """Plain and compressed: the same records."""
    plain = written(folder, tmp_path / "a.jsonl")
    (tmp_path / "a.jsonl").unlink()
    assert [json.loads(line)["seq"] for line in plain.splitlines()] == list(range(1, 31))
    assert gzip.decompress(written(folder, tmp_path / "a.jsonl.gz")) == plain
    (tmp_path / "a.jsonl.gz").unlink()
    assert zstandard.ZstdDecompressor().decompressobj().decompress(written(folder, tmp_path / "a.jsonl.zst")) == plain


def test_parquet_has_the_columns_of_the_sinks(folder: Path, tmp_path: Path) -> None:
    """One row for each record."""
    written(folder, tmp_path / "a.parquet")
    assert sorted(pq.read_table(tmp_path / "a.parquet")["seq"].to_pylist()) == list(range(1, 31))


def test_what_is_cut_short_leaves_nothing(folder: Path, tmp_path: Path) -> None:
    """And what is there already is not touched."""
    with passage(folder) as way:
        steps = write_file(way, tmp_path / "a.jsonl")
        next(steps)
        steps.close()
    assert [each.name for each in tmp_path.iterdir()] == ["journal"]
    (tmp_path / "a.jsonl").write_text("mine")
    with passage(folder) as way, pytest.raises(ConfigurationError, match="is there already"):
        next(write_file(way, tmp_path / "a.jsonl"))
    assert (tmp_path / "a.jsonl").read_text() == "mine"
    with passage(folder) as way, pytest.raises(ConfigurationError, match="cannot be written: No such file"):
        next(write_file(way, tmp_path / "nowhere" / "a.jsonl"))


def test_a_name_without_a_format_is_refused() -> None:
    """With those that there are."""
    with pytest.raises(ConfigurationError, match=r"let it end in \.jsonl, "):
        format_of(Path("a.txt"))
