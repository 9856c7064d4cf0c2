import asyncio
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import psutil
import pytest

from pibridge.context.record import Record, json_lines
from pibridge.errors import UnavailableError
from pibridge.sinks.contract import Bounds
from pibridge.sinks.file import FileSink
from pibridge.sinks.settings import FileSettings
from sinks.batches import ListedBatch, values
from sinks.far_sides import laid

DAY = "dt=2026-03-09"
NOW_S = 1_773_057_600.0
AGES_S = (31 * 86400, 30 * 86400 - 1800, 29 * 86400)


def sink_in(folder: Path, **more: object) -> FileSink:
    """Make a sink, of plain lines unless its settings say more."""
    return FileSink(FileSettings.model_validate({"type": "file", "path": folder, **more}))


def files_below(folder: Path) -> list[Path]:
    """Give the files below a folder."""
    return [path for path in folder.rglob("*") if path.is_file()]


def open_below(folder: Path) -> list[str]:
    """Give the files below a folder that this process has open."""
    return [file.path for file in psutil.Process().open_files() if Path(file.path).is_relative_to(folder)]


def write_until_killed(folder: Path) -> None:
    """Run a process that writes there and kill it in the midst of a file."""
    script = Path(__file__).with_name("endless_write.py")
    with subprocess.Popen(
        [sys.executable, str(script), str(folder)],
        stdout=subprocess.PIPE,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
    ) as daemon:
        assert daemon.stdout is not None
        assert daemon.stdout.readline() == b"writing\n"
        daemon.kill()


async def test_lines_are_seen_while_they_are_written(tmp_path: Path) -> None:
    """Before the batch is sealed, its lines stand in a `.part` file; afterwards only the final file is there."""
    records = values(5, 20)
    seen: dict[str, bytes] = {}

    class Watched(ListedBatch):
        async def seal(self) -> Bounds:
            seen.update({path.name: path.read_bytes() for path in (tmp_path / DAY).iterdir()})
            return await super().seal()

    sink = sink_in(tmp_path)
    await sink.open()
    await sink.write(Watched(records))
    assert seen == {"live-5.jsonl.part": json_lines(records)}
    assert [path.name for path in (tmp_path / DAY).iterdir()] == ["live-5-24.jsonl"]
    await sink.close()


async def test_opening_removes_what_was_left_unfinished(tmp_path: Path) -> None:
    """Unfinished files of our own naming go; complete ones stay."""
    day = tmp_path / DAY
    day.mkdir()
    for name in ("live-1.jsonl.part", "live-1.parquet.part", "live-1-9.jsonl"):
        (day / name).write_text("x")
    sink = sink_in(tmp_path)
    await sink.open()
    assert [path.name for path in day.iterdir()] == ["live-1-9.jsonl"]
    await sink.close()


async def test_old_files_go(tmp_path: Path) -> None:
    """With `keep`, complete files that are older go when the sink is opened and, an hour later, when it writes."""
    clock_s = [NOW_S]
    sink = FileSink(FileSettings.model_validate({"type": "file", "path": tmp_path, "keep": "30d"}), lambda: clock_s[0])
    old, ageing, young = (laid(tmp_path / DAY, f"live-{n}-{n}.jsonl", NOW_S - age_s) for n, age_s in enumerate(AGES_S))
    await sink.open()
    assert [path.exists() for path in (old, ageing, young)] == [False, True, True]
    clock_s[0] += 3599
    await sink.write(ListedBatch(values(11, 1)))
    assert ageing.exists()
    clock_s[0] += 1
    await sink.write(ListedBatch(values(12, 1)))
    assert [path.exists() for path in (ageing, young)] == [False, True]
    await sink.close()


async def test_without_keep_all_files_stay(tmp_path: Path) -> None:
    """Nothing complete is ever removed unless that was asked for."""
    old = laid(tmp_path / DAY, "live-1-9.jsonl", 0)
    sink = sink_in(tmp_path)
    await sink.open()
    assert old.exists()
    await sink.close()


async def test_what_cannot_be_removed_holds_nothing_up(tmp_path: Path) -> None:
    """A folder that has the name of an old file is told in the log; the records still get through."""
    (tmp_path / "dt=2026-01-01" / "live-1-9.jsonl").mkdir(parents=True)
    os.utime(tmp_path / "dt=2026-01-01" / "live-1-9.jsonl", (0, 0))
    sink = sink_in(tmp_path, keep="30d")
    await sink.open()
    await sink.write(ListedBatch(values(1, 50)))
    assert (tmp_path / DAY / "live-1-50.jsonl").exists()
    await sink.close()


async def test_records_of_a_parquet_file_wait_as_lines(tmp_path: Path) -> None:
    """Before it is complete its records stand in a file of lines; afterwards only the Parquet file is there."""
    seen: list[str] = []

    class Watched(ListedBatch):
        async def seal(self) -> Bounds:
            seen.extend(path.name for path in (tmp_path / DAY).iterdir())
            return await super().seal()

    sink = sink_in(tmp_path, format="parquet")
    await sink.open()
    await sink.write(Watched(values(5, 20)))
    assert seen == ["live-5.jsonl.zst.part"]
    assert [path.name for path in (tmp_path / DAY).iterdir()] == ["live-5-24.parquet"]
    await sink.close()


async def test_a_probe_leaves_a_running_daemons_file_alone(tmp_path: Path) -> None:
    """Probing removes its own test file and nothing else."""
    part = tmp_path / DAY / "live-1.jsonl.part"
    part.parent.mkdir()
    part.write_text("being written")
    sink = sink_in(tmp_path)
    assert str(tmp_path) in await sink.probe()
    assert files_below(tmp_path) == [part]
    await sink.close()


async def test_a_killed_daemon_starts_its_file_again(tmp_path: Path) -> None:
    """A kill leaves an unfinished file behind; opening removes it, and the batch arrives whole under its name."""
    write_until_killed(tmp_path)
    part = tmp_path / DAY / "live-1.jsonl.part"
    assert part.stat().st_size > 0
    sink = sink_in(tmp_path)
    await sink.open()
    assert not part.exists()
    await sink.write(ListedBatch(values(1, 300)))
    assert (tmp_path / DAY / "live-1-300.jsonl").read_bytes() == json_lines(values(1, 300))
    await sink.close()


async def test_a_file_is_on_disk_before_it_has_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Power may fail at any moment: the content is synced, then the name given, then the folders synced."""
    sink = sink_in(tmp_path)
    await sink.open()
    steps: list[str] = []
    sync, replace = os.fsync, Path.replace

    def noted_sync(descriptor: int) -> None:
        steps.append(f"sync {Path(f'/proc/self/fd/{descriptor}').readlink().name}")
        sync(descriptor)

    def noted_replace(path: Path, target: Path) -> Path:
        steps.append(f"name {target.name}")
        return replace(path, target)

    if sys.platform != "linux":
        pytest.skip("needs /proc to tell which file is synced")
    monkeypatch.setattr(os, "fsync", noted_sync)
    monkeypatch.setattr(Path, "replace", noted_replace)
    await sink.write(ListedBatch(values(1, 10)))
    await sink.close()
    assert steps == [
        f"sync {tmp_path.name}",  # the day's folder is new
        "sync live-1.jsonl.part",
        "name live-1-10.jsonl",
        f"sync {DAY}",
        f"sync {tmp_path.name}",
    ]


async def test_a_full_disk_is_waited_for(small_disk: Path) -> None:
    """A full disk is UnavailableError that says what to do; with space again the batch arrives whole."""
    filler = small_disk / "filler"
    filler.write_bytes(b"x" * (200 << 10))
    sink = sink_in(small_disk)
    await sink.open()
    records = values(1, 500)
    with pytest.raises(UnavailableError, match=r"No space left.*free some space"):
        await sink.write(ListedBatch(records))
    filler.unlink()
    await sink.open()
    await sink.write(ListedBatch(records))
    assert (small_disk / DAY / "live-1-500.jsonl").read_bytes() == json_lines(records)
    await sink.close()


async def test_a_write_that_ends_early_lets_go_of_its_file(tmp_path: Path) -> None:
    """After a cancelled write no file is open any more, also if it was cancelled in the midst of writing."""
    taken = asyncio.Event()

    class Flood(ListedBatch):
        async def __aiter__(self) -> AsyncIterator[Sequence[Record]]:
            while True:
                taken.set()
                yield values(1, 1000)

    sink = sink_in(tmp_path)
    await sink.open()
    for _ in range(10):
        taken.clear()
        writing = asyncio.create_task(sink.write(Flood(values(1, 1))))
        await taken.wait()
        await asyncio.sleep(0)
        writing.cancel()
        with pytest.raises(asyncio.CancelledError):
            await writing
    # The last closing is behind a probe in the queue of the one disk thread.
    await sink.probe()
    assert open_below(tmp_path) == []
    await sink.write(ListedBatch(values(1, 50)))
    assert (tmp_path / DAY / "live-1-50.jsonl").read_bytes() == json_lines(values(1, 50))
    await sink.close()


async def test_a_path_that_cannot_be_a_folder_says_which(tmp_path: Path) -> None:
    """The error of a path below a file names that path and the way out."""
    (tmp_path / "file").write_text("")
    sink = sink_in(tmp_path / "file" / "out")
    with pytest.raises(UnavailableError, match=r"file/out.*choose another path") as opening:
        await sink.open()
    with pytest.raises(UnavailableError):
        await sink.probe()
    assert isinstance(opening.value.__cause__, OSError)
    await sink.close()
