"""What the journal writes to disk for each event, by its settings: what an SD card or an eMMC wears by.

Each case runs the real daemon in a process of its own against a simulated plant of 500 tags with one event a second
each, and reads `write_bytes` of /proc/PID/io, which counts what goes to the disk. The records go to memory (/dev/shm).
What the file system writes of its own (its journal, its tables) comes on top. `--seconds`, `--folder`.
"""

import argparse
import asyncio
import json
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from pibridge.simulator import Simulator, SimulatorSettings
from processes import free_port, told

TAGS = 500
CASES: list[dict[str, Any]] = [
    {},
    {"flush": "1s"},
    {"flush": "2s"},
    {"flush": "5s"},
    {"flush": "2s", "retain": "0s"},
    {"flush": "2s", "retain": "0s", "sync": "normal"},
    {"sync": "normal"},
]
"""What is changed of the defaults: flush 200ms, retain 7d, sync full."""
SETTLED_S = 20
SECONDS = 180


def newest_seq(port: int) -> int:
    """Give how many events the daemon has journaled."""
    seq: int = told(f"http://127.0.0.1:{port}/api/status")["journal"]["newest_seq"]
    return seq


def written_bytes(pid: int) -> int:
    """Give what a process has had written to disk so far."""
    lines = Path(f"/proc/{pid}/io").read_text(encoding="ascii").splitlines()
    return int(dict(line.split(": ") for line in lines)["write_bytes"])


def measured(url: str, journal: dict[str, Any], folder: Path, seconds: float) -> tuple[float, float]:
    """Run a daemon with these settings; give events per second and bytes written per event."""
    port, out = free_port(), tempfile.mkdtemp(dir="/dev/shm")
    configuration = {
        "site": "bench",
        "pi": {"url": url},
        "streams": {"bulk": {"select": {"points": [r"\\PISRV1\BULK*"]}}},
        "journal": {"path": str(folder / "journal"), **journal},
        "sinks": {"memory": {"type": "file", "path": out, "roll": {"age": "10s"}}},
        "status": {"listen": f"127.0.0.1:{port}"},
        "log": {"level": "error"},
    }
    (folder / "plant.yaml").write_text(json.dumps(configuration), encoding="utf-8")  # JSON is YAML
    daemon = subprocess.Popen([sys.executable, "-m", "pibridge", "run", "--config", str(folder / "plant.yaml")])
    try:
        time.sleep(SETTLED_S)
        begun = time.monotonic(), newest_seq(port), written_bytes(daemon.pid)
        time.sleep(seconds)
        ended = time.monotonic(), newest_seq(port), written_bytes(daemon.pid)
    finally:
        daemon.terminate()
        daemon.wait()
        shutil.rmtree(out)
    elapsed_s, events, size_bytes = (after - before for before, after in zip(begun, ended, strict=True))
    return events / elapsed_s, size_bytes / events


async def compare(folder: Path, seconds: float) -> None:
    """Print a line for each case."""
    settings = SimulatorSettings(bulk_points=TAGS, event_rate=1.0, channel_interval_s=0.2, compression=False)
    async with Simulator(settings) as simulator:
        print(f"{'journal':55} {'events/s':>9} {'bytes/event':>12} {'GB/day':>7}", flush=True)
        for journal in CASES:
            with tempfile.TemporaryDirectory(dir=folder) as place:
                rate, each = await asyncio.to_thread(measured, simulator.url, journal, Path(place), seconds)
            print(f"{json.dumps(journal):55} {rate:9,.0f} {each:12,.0f} {rate * each * 86400 / 1e9:7.1f}", flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--seconds", type=float, default=SECONDS, help="how long each case is measured")
    parser.add_argument("--folder", type=Path, default=Path(), help="a folder on the disk that is measured")
    given = parser.parse_args()
    asyncio.run(compare(given.folder, given.seconds))
