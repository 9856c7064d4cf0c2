import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

pytestmark = [
    pytest.mark.acceptance,
    pytest.mark.skipif(sys.platform != "linux", reason="the benchmarks measure by what Linux tells of a process"),
]

BENCH = Path(__file__).parent.parent.parent / "benchmarks" / "bench.py"
EVENTS = 5000


def test_the_core_benchmark_delivers_every_event_once(tmp_path: Path) -> None:
    """Of all entries that the feeder sends in messages of ten, those that repeat nothing lie in files, each once."""
    result = tmp_path / "result.json"
    command = [sys.executable, BENCH, "--case", "items-10", "--runs", "1", "--events", str(EVENTS), "--json", result]
    done = subprocess.run([*command, "--scratch", tmp_path], capture_output=True, check=False, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    figures = msgspec.json.decode(result.read_bytes())["cases"]["items-10"]
    counted = {name: figures[name]["median"] for name in ("sent", "repeated", "delivered", "withheld")}
    repeated = EVENTS // 101  # as `plant.Feed` promises; the first round of all tags repeats nothing
    assert counted == {"sent": EVENTS, "repeated": repeated, "delivered": EVENTS - repeated, "withheld": 0}
