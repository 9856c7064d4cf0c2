"""The daemon, watched from within: how far it is at each moment, and how late its event loop runs.

`python watched.py CONFIG NOTES`: runs as `pibridge run --config CONFIG` does, and writes what was seen into NOTES when
it ends: at SIGTERM, or when each sink has done with `--until` events. `--rarely`, `--core`, `--memory-mb`,
`--slow-sync-ms`.
"""

import argparse
import asyncio
import ctypes
import json
import os
import resource
import signal
import time
from pathlib import Path
from statistics import quantiles
from typing import Any, Final

from pibridge.config.source import source_of
from pibridge.config.watch import Watch
from pibridge.daemon import logs
from pibridge.daemon.report import Report
from pibridge.daemon.run import run
from pibridge.status.snapshot import SinkStatus

_LOOK_S: Final = 0.05
_RARELY_S: Final = 1.0
_LAG_S: Final = 0.01
_WEIGH_S: Final = 0.5


Sample = tuple[float, float, int, dict[str, int]]
"""The time, the time computed so far, the newest place in the journal, and how many events each sink has done with."""


async def look(report: Report, every_s: float, until: int, stop: asyncio.Event, samples: list[Sample]) -> None:
    """Look so often, and note each change, and the last look before it."""
    while True:
        snapshot = report.snapshot()
        done = {name: _done(sink) for name, sink in snapshot.sinks.items()}
        sample = time.time(), _computed_s(), snapshot.journal.newest_seq, done
        if len(samples) > 1 and samples[-2][2:] == samples[-1][2:] == sample[2:]:
            samples[-1] = sample
        else:
            samples.append(sample)
        if until and min(done.values()) >= until:
            stop.set()
            return
        await asyncio.sleep(every_s)


def _done(sink: SinkStatus) -> int:
    return sink.delivered + sink.refused + sum(sink.withheld.values())


async def feel(every_s: float, lags_ms: list[float]) -> None:
    """Note how late the loop is, again and again."""
    loop = asyncio.get_running_loop()
    while True:
        due = loop.time() + every_s
        await asyncio.sleep(every_s)
        lags_ms.append(1000 * (loop.time() - due))


def _computed_s() -> float:
    """Give the time that this process, and those that it has started, have computed."""
    return time.process_time() + sum(map(_computed_by_s, _children()))


def _computed_by_s(pid: str) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(") ")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def peak_mb() -> float:
    """Give the most memory that this process, and those that it has started, have had at a time."""
    own = [str(os.getpid())]
    return sum(map(_peak_kb, own + _children())) / 1024


def _children() -> list[str]:
    return Path(f"/proc/self/task/{os.getpid()}/children").read_text(encoding="ascii").split()


def _peak_kb(pid: str) -> int:
    lines = Path(f"/proc/{pid}/status").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM"))


async def weigh(peaks_mb: list[float]) -> None:
    """Note the memory, again and again."""
    while True:
        peaks_mb.append(peak_mb())
        await asyncio.sleep(_WEIGH_S)


async def watch(config: Path, notes: Path, until: int, *, rarely: bool) -> None:
    """Run the daemon to its end."""
    source = Watch(source_of(str(config)))
    loaded = source.load()
    logs.configure(loaded.configuration.log)
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    samples: list[Sample] = []
    lags_ms: list[float] = []
    peaks_mb: list[float] = []
    watching: list[asyncio.Task[None]] = []
    reports: list[Report] = []

    def started(report: Report) -> None:
        reports.append(report)
        look_s, lag_s = (_RARELY_S, _RARELY_S) if rarely else (_LOOK_S, _LAG_S)
        parts = look(report, look_s, until, stop, samples), feel(lag_s, lags_ms), weigh(peaks_mb)
        watching.extend(map(asyncio.create_task, parts))

    await run(loaded, stop, started, watch=source)
    for task in watching:
        task.cancel()
    said: dict[str, Any] = {
        "samples": samples,
        "lag_p99_ms": quantiles(lags_ms, n=100)[-1] if len(lags_ms) > 1 else 0.0,
        "rss_mb": max(*peaks_mb, peak_mb()),
        "sinks": {name: _told(sink) for name, sink in reports[0].snapshot().sinks.items()},
    }
    notes.write_text(json.dumps(said), encoding="utf-8")


def _told(sink: SinkStatus) -> dict[str, int]:
    return {"delivered": sink.delivered, "refused": sink.refused, "withheld": sum(sink.withheld.values())}


def main() -> None:
    """Do as the command line says."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("config", type=Path)
    parser.add_argument("notes", type=Path)
    parser.add_argument("--until", type=int, default=0, help="events that each sink is to get")
    parser.add_argument("--rarely", action="store_true", help="look once a second, which costs next to nothing")
    parser.add_argument("--core", type=int, help="the only core that is used")
    parser.add_argument("--memory-mb", type=int, help="the most private memory, by RLIMIT_DATA")
    parser.add_argument("--slow-sync-ms", type=int, help="of the preloaded library: how much slower each fsync is")
    given = parser.parse_args()
    if given.core is not None:
        os.sched_setaffinity(0, {given.core})
    if given.memory_mb is not None:
        resource.setrlimit(resource.RLIMIT_DATA, (given.memory_mb << 20, given.memory_mb << 20))
    if given.slow_sync_ms is not None:
        ctypes.CDLL(None).delay_syncs(given.slow_sync_ms)
    asyncio.run(watch(given.config, given.notes, given.until, rarely=given.rarely))


if __name__ == "__main__":
    main()
