"""A small board's budget: everything on, one core, 256 MB of memory, against a simulated plant at its usual pace."""

import shutil
import subprocess
import sys
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Final

import limits
from plant import Feed
from processes import answers, daemon, free_port, running, told, until
from road import far_sides

TAGS: Final = 10_000
MEMORY_MB: Final = 256
_CORE: Final = 0
_PAGE_EVERY_S: Final = 2.0
_SETTLED_S: Final = 15.0


def budget(events_per_s: float, seconds: float, folder: Path) -> dict[str, float]:
    """Run with so many events a second; give the figures of the time after the start."""
    decoded = limits.decoding(limits.sample(Feed(events=100_000, items=100)))
    plant_port, page_port = free_port(), free_port()
    rate = f"{events_per_s / TAGS:g}"
    with ExitStack() as parts:
        simulate = [sys.executable, "-m", "pibridge", "simulate", "--port", str(plant_port)]
        simulate += ["--bulk-points", str(TAGS), "--event-rate", rate]
        parts.enter_context(running(*simulate, errors=subprocess.DEVNULL))
        sinks = far_sides(parts, folder, ["lake", "bus"])
        around = memory_cap()
        options = ["--rarely", "--core", str(_CORE), *([] if around else ["--memory-mb", str(MEMORY_MB)])]
        settings = everything(folder, plant_port, page_port, sinks)
        until(lambda: answers(f"http://127.0.0.1:{plant_port}/piwebapi/system"), 60, "the simulator answers")
        process = parts.enter_context(daemon(folder, settings, *options, around=around))
        page = f"http://127.0.0.1:{page_port}/api/status"
        until(lambda: answers(page) and _is_settled(page), 300, "all tags were heard and nothing is owed")
        _look_at(page, _SETTLED_S)
        begun = time.monotonic(), process.cpu_s(), process.written_bytes(), _newest(page)
        peak_mb = _look_at(page, seconds, process.rss_mb)
        ended = time.monotonic(), process.cpu_s(), process.written_bytes(), _newest(page)
        process.stop()
    took_s, computed_s, written_bytes, events = (after - before for before, after in zip(begun, ended, strict=True))
    return {
        "CPU per event / decode": computed_s / events * decoded.per_cpu_s,
        "events/s": events / took_s,
        "core %": 100 * computed_s / took_s,
        "RSS MB": peak_mb,
        "written B/event": written_bytes / events,
        "loop lag p99 ms": process.notes["lag_p99_ms"],
    }


def memory_cap() -> list[str]:
    """Give what a command is started with so that its memory is capped; nothing where systemd does not run."""
    if not Path("/run/systemd/system").exists() or shutil.which("systemd-run") is None:
        return []
    return ["systemd-run", "--quiet", "--scope", "-p", f"MemoryMax={MEMORY_MB}M", "-p", "MemorySwapMax=0"]


def how_capped() -> str:
    """Tell how memory is capped on this machine."""
    return f"{'cgroup, by systemd-run' if memory_cap() else 'RLIMIT_DATA'}, {MEMORY_MB} MB"


def everything(folder: Path, plant_port: int, page_port: int, sinks: dict[str, Any]) -> dict[str, Any]:
    """Give a configuration with AF attributes, event frames, batches, points, two sinks and the page."""
    return {
        "site": "bench",
        "pi": {"url": f"http://127.0.0.1:{plant_port}/piwebapi"},
        "streams": {
            "vessels": {"select": {"element": r"\\AF1\Plant"}},
            "batches": {"select": {"event_frames": {"database": r"\\AF1\Plant", "template": "Batch"}}},
            "bulk": {"select": {"points": [r"\\PISRV1\BULK*"]}},
        },
        "context": {
            "assets": [{"points": r"\\PISRV1\BULK.*", "asset": "Plant/Utilities"}],
            "batches": {
                "units": {
                    "assets": "Plant/Area*/*",
                    "event_frames": {"database": r"\\AF1\Plant", "template": "Unit Batch"},
                    "valid": r"^B-\d+$",
                }
            },
        },
        "journal": {"path": str(folder / "journal"), "sync": "full"},
        "sinks": sinks,
        "status": {"listen": f"127.0.0.1:{page_port}"},
        "log": {"level": "error"},
    }


def _look_at(page: str, seconds: float, weigh: Any = lambda: 0.0) -> float:
    """Ask as an open page does, for so long; give the most memory that was seen meanwhile."""
    until_s = time.monotonic() + seconds
    peak_mb = 0.0
    while time.monotonic() < until_s:
        _newest(page)
        peak_mb = max(peak_mb, weigh())
        time.sleep(_PAGE_EVERY_S)
    return peak_mb


def _is_settled(page: str) -> bool:
    said = told(page)
    return bool(said["journal"]["newest_seq"] >= TAGS and said["journal"]["gaps"] == 0)


def _newest(page: str) -> int:
    seq: int = told(page)["journal"]["newest_seq"]
    return seq
