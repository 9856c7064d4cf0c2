import subprocess
import sys
from pathlib import Path
from typing import Any

import msgspec
import pytest

pytestmark = [
    pytest.mark.acceptance,
    pytest.mark.skipif(sys.platform != "linux", reason="the benchmarks measure by what Linux tells of a process"),
]

BENCHMARKS = Path(__file__).parent.parent.parent / "benchmarks"
EVENTS = 5000


def run(script: str, *options: str | Path) -> subprocess.CompletedProcess[str]:
    """Run a script of the benchmarks to its end."""
    command = [sys.executable, BENCHMARKS / script, *options]
    return subprocess.run(command, capture_output=True, check=False, text=True, timeout=60)


def test_the_core_benchmark_delivers_every_event_once(tmp_path: Path) -> None:
    """Of all entries that the feeder sends in messages of ten, those that repeat nothing lie in files, each once."""
    result = tmp_path / "result.json"
    size = ["--case", "items-10", "--runs", "1", "--events", str(EVENTS)]
    done = run("bench.py", *size, "--json", result, "--scratch", tmp_path)
    assert done.returncode == 0, done.stderr
    figures = msgspec.json.decode(result.read_bytes())["cases"]["items-10"]
    counted = {name: figures[name]["median"] for name in ("sent", "repeated", "delivered", "withheld")}
    repeated = EVENTS // 101  # as `plant.Feed` promises; the first round of all tags repeats nothing
    assert counted == {"sent": EVENTS, "repeated": repeated, "delivered": EVENTS - repeated, "withheld": 0}


def result_of(ratio: float) -> dict[str, Any]:
    """Give what a run leaves in which the core case took this part of D, by ten percent more and less."""
    figure = {"median": ratio, "low": 0.9 * ratio, "high": 1.1 * ratio, "runs": 5}
    about = {"when": "2026-03-01T12:00:00+00:00", "revision": "a", "machine": {}, "sizes": {}}
    return {**about, "cases": {"items-10": {"road / D": figure, "events/s": figure}}}


@pytest.mark.parametrize(("ratio", "is_worse"), [(0.12, False), (0.101, False), (0.09, True), (0.2, False)])
def test_a_ratio_that_got_worse_by_more_than_noise_is_told(tmp_path: Path, ratio: float, is_worse: bool) -> None:  # noqa: FBT001 - a case of the table
    """The stored run had 0.12; what lies within the spread of both runs is noise, and what is better is no reason."""
    then, now = tmp_path / "history.jsonl", tmp_path / "last.json"
    then.write_bytes(msgspec.json.encode(result_of(0.12)) + b"\n")
    now.write_bytes(msgspec.json.encode(result_of(ratio)))
    done = run("compare.py", "--json", now, "--history", then)
    assert done.returncode == is_worse, done.stderr
    assert ("items-10: road / D" in done.stderr) is is_worse
