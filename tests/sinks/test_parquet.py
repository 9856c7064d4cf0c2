import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import psutil
import pyarrow.parquet as pq
import pytest

from pibridge.context.record import json_lines
from pibridge.errors import UnavailableError
from pibridge.sinks.formats import open_format
from pibridge.sinks.parquet import convert
from sinks.batches import values
from sinks.plant_records import every_kind
from sinks.read_back import rows_of, written
from waiting import eventually

MANY = 40_000


@pytest.fixture
def lines(tmp_path: Path) -> Iterator[BinaryIO]:
    """Give a file of records."""
    encoder = open_format("jsonl.zst")
    with (tmp_path / "lines").open("w+b") as file:
        file.write(encoder.encode(json_lines(every_kind())) + encoder.finish())
        file.flush()
        yield file


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory) -> Iterator[BinaryIO]:
    """Give a file of so many records that they take a while."""
    encoder = open_format("jsonl.zst")
    with (tmp_path_factory.mktemp("many") / "lines").open("w+b") as file:
        file.write(encoder.encode(json_lines(values(1, MANY))) + encoder.finish())
        file.flush()
        yield file


@pytest.fixture
def into(tmp_path: Path) -> Iterator[BinaryIO]:
    """Give an empty file."""
    with (tmp_path / "live-1-22.parquet").open("w+b") as file:
        yield file


async def test_a_file_of_lines_becomes_parquet(lines: BinaryIO, into: BinaryIO) -> None:
    """All records of the lines are in the new file, wherever the first one's reader stands."""
    await convert(lines.fileno(), into.fileno())
    into.seek(0)
    assert rows_of(into.name, into.read()) == written(every_kind())


async def test_lines_that_are_none_are_told(into: BinaryIO, tmp_path: Path) -> None:
    """A process that fails is UnavailableError with its last words."""
    (tmp_path / "noise").write_bytes(b"no lines")
    with (tmp_path / "noise").open("rb") as noise, pytest.raises(UnavailableError, match=r"ZstdError.*tried again"):
        await convert(noise.fileno(), into.fileno())


def converters() -> list[psutil.Process]:
    """Give the processes that convert; other tests may have their own beside them."""
    program = "pibridge.sinks.parquet_writer"
    return [child for child in psutil.Process().children() if program in " ".join(child.cmdline())]


@pytest.mark.parametrize("steps", [0, 1, 2, 3, 5, 1000])
async def test_a_cancelled_conversion_leaves_no_process(many: BinaryIO, into: BinaryIO, steps: int) -> None:
    """Cancelled at whatever moment, it ends at once and its process with it."""
    converting = asyncio.create_task(convert(many.fileno(), into.fileno()))
    for _ in range(steps):
        await asyncio.sleep(0)
    converting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await converting
    assert converters() == []


async def test_a_stop_of_all_processes_spares_it(many: BinaryIO, into: BinaryIO) -> None:
    """Who stops the daemon signals its processes, too: the file that the daemon waits for is still completed."""
    os.lseek(many.fileno(), 0, os.SEEK_SET)
    converting = asyncio.create_task(convert(many.fileno(), into.fileno()))
    # Both processes share the place in the file: now the other one reads.
    await eventually(lambda: os.lseek(many.fileno(), 0, os.SEEK_CUR) > 0)
    (process,) = converters()
    process.send_signal(signal.SIGTERM)
    await converting
    assert pq.read_metadata(into).num_rows == MANY


def test_the_daemon_carries_no_pyarrow(tmp_path: Path) -> None:
    """A process that writes Parquet files does not load the library itself."""
    code = (
        "import asyncio, sys\nfrom pathlib import Path\nfrom sinks.batches import deliver, values\n"
        "from pibridge.sinks import build\nfrom pibridge.sinks.settings import FileSettings\n"
        "settings = FileSettings(type='file', path=Path(sys.argv[1]), format='parquet')\n"
        "asyncio.run(deliver(build('f', settings, 'houston'), values(1, 50)))\nsys.exit('pyarrow' in sys.modules)"
    )
    subprocess.run(
        [sys.executable, "-c", code, str(tmp_path)],
        check=True,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
    )
    assert [path.name for path in tmp_path.rglob("*.*")] == ["live-1-50.parquet"]
