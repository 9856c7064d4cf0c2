from pathlib import Path
from typing import Final

import pytest

from pibridge.audit.files_at_rest import absent
from pibridge.model.event import Lane
from pibridge.sinks.contract import Bounds
from pibridge.sinks.file import FileSink
from pibridge.sinks.formats import FORMATS
from pibridge.sinks.settings import FileSettings
from sinks.batches import ListedBatch, values

DAY = "dt=2026-03-09"
SOME: Final = list(range(1, 41))


async def keep(folder: Path, format_: str, first: int, count: int, replay: str = "") -> None:
    """Have the sink write one file of these positions."""
    sink = FileSink(FileSettings.model_validate({"type": "file", "path": folder, "format": format_}))
    await sink.open()
    sealed = Bounds(Lane.LIVE, first, first + count - 1, DAY.removeprefix("dt="), replay=replay)
    await sink.write(ListedBatch(values(first, count), sealed=sealed))
    await sink.close()


@pytest.mark.parametrize("format_", FORMATS)
async def test_what_is_in_complete_files_is_not_absent(tmp_path: Path, format_: str) -> None:
    """In every format, of the first time or of a replay, whatever else was written into the folder."""
    await keep(tmp_path, format_, 1, 10)
    await keep(tmp_path, format_, 15, 10)
    await keep(tmp_path, format_, 30, 5, replay="20260301T000000")
    assert absent(tmp_path, SOME) == ([*range(11, 15), *range(25, 30), *range(35, 41)], [])
    assert absent(tmp_path, [1, 10, 15, 30]) == ([], [])
    assert absent(tmp_path, []) == ([], [])


@pytest.mark.parametrize("format_", FORMATS)
async def test_a_file_that_was_cut_off_is_noted(tmp_path: Path, format_: str) -> None:
    """What can still be read of it is there; the others are read."""
    await keep(tmp_path, format_, 1, 10)
    await keep(tmp_path, format_, 11, 30)
    path = tmp_path / DAY / f"live-11-40.{format_}"
    path.write_bytes(path.read_bytes()[:-20])
    lacking, problems = absent(tmp_path, SOME)
    # What a compressor cannot prove whole may be given, and may be not; plain lines say it to the line.
    assert set(lacking) <= set(range(11, 41))
    assert format_ != "jsonl" or lacking == [40]
    assert format_ == "jsonl.zst" or len(problems) == 1
    assert problems == [] or problems[0].startswith(f"{path} cannot be read: ")
    assert problems or lacking


@pytest.mark.parametrize("format_", FORMATS)
async def test_a_file_that_cannot_be_read_is_noted(tmp_path: Path, format_: str) -> None:
    """Noise in place of its content, in the middle too; what it held is absent."""
    await keep(tmp_path, format_, 1, 10)
    path = tmp_path / DAY / f"live-1-10.{format_}"
    whole = path.read_bytes()
    for content in (b"\xff" * 40, whole[: len(whole) // 2] + b"\xff" * (len(whole) // 2)):
        path.write_bytes(content)
        lacking, problems = absent(tmp_path, [10])
        assert lacking == [10]
        assert len(problems) == 1
    path.unlink()
    path.mkdir()
    lacking, problems = absent(tmp_path, [10])
    assert (lacking, len(problems)) == ([10], 1)


async def test_other_files_are_not_looked_at(tmp_path: Path) -> None:
    """What is being written, of other positions, or of other names and folders; nor need there be a folder at all."""
    await keep(tmp_path, "jsonl", 1, 10)
    whole = tmp_path / DAY / "live-1-10.jsonl"
    for name in ("live-1-10.jsonl.part", "other-1-10.jsonl", "live-11-20.jsonl", "live-1-10.csv", "notes"):
        (tmp_path / DAY / name).write_bytes(whole.read_bytes())
    (tmp_path / "old").mkdir()
    whole.rename(tmp_path / "old" / whole.name)
    assert absent(tmp_path, [1, 2]) == ([1, 2], [])
    assert absent(tmp_path / "nowhere", [1, 2]) == ([1, 2], [])
