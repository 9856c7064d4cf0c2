"""The whole road, from a socket through the durable journal to files, as a part of what decoding alone can do.

Each case runs the real daemon against a feeder in a process of its own. Figures are ratios to D, the rate of the typed
decoding of the same messages in this process and run, interleaved; medians. `--events` and `--runs` make it smaller.
"""

import argparse
import asyncio
import json
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

import structlog

from feeder import messages, path
from pibridge.config.load import configuration
from pibridge.context.filters import build
from pibridge.context.record import json_lines
from pibridge.context.settings import ContextSettings, FilterSettings
from pibridge.context.stamp import Stamp
from pibridge.context.surroundings import Surroundings
from pibridge.daemon.run import run
from pibridge.intake.arrivals import Arrivals
from pibridge.model.event import Lane
from pibridge.model.tag import Mode, Tag
from pibridge.pi.wire import decode_channel

if TYPE_CHECKING:
    from pibridge.daemon.report import Report

POINTS = 100
SHAPES = (1, 10, 100)
TARGETS = {1: 0.05, 10: 0.12, 100: 0.14}
PURE_TARGET = 0.30


def decoding(data: list[bytes], events: int) -> float:
    """Give D: events per second of the typed decoding alone."""
    start = time.perf_counter()
    for message in data:
        decode_channel(message)
    return events / (time.perf_counter() - start)


def pure(data: list[bytes], events: int) -> float:
    """Give the events per second of all that is computed: decode, dedup, contextualize, filter, encode."""
    from feeder import web_id  # noqa: PLC0415 - beside the feeder only here

    tags = [
        Tag(stream="bench", mode=Mode.REALTIME, name=path(n), path=path(n), web_id=web_id(n), unit="bar")
        for n in range(POINTS)
    ]
    arrivals = Arrivals({tag.web_id: number for number, tag in enumerate(tags)}, [])
    stamp = Stamp("bench", Surroundings(ContextSettings(), []), lambda number, _: tags[number])
    admits = build(FilterSettings(quality=frozenset({"good"})))
    start = time.perf_counter()
    waiting = []
    for message in data:
        waiting += arrivals.take(decode_channel(message)).events
        if len(waiting) >= 1000:  # noqa: PLR2004 - one chunk
            json_lines([record for record in stamp.records(Lane.LIVE, 1, waiting) if not admits(record)])
            waiting = []
    return events / (time.perf_counter() - start)


async def road(folder: Path, port: int, events: int) -> float:
    """Give the events per second from the first journaled to the last delivered."""
    settings = configuration(
        {
            "site": "bench",
            "pi": {"url": f"http://127.0.0.1:{port}/piwebapi", "timeouts": {"silent_channel": "10m"}},
            "streams": {"bench": {"select": {"points": [path(number) for number in range(POINTS)]}}},
            "journal": {"path": str(folder / "journal")},
            "sinks": {
                "files": {
                    "type": "file",
                    "path": str(folder / "out"),
                    "roll": {"size": "64MiB", "age": "1s"},
                    "filter": {"quality": ["good"]},
                }
            },
            "status": None,
        },
        {},
    )
    stop = asyncio.Event()
    started: asyncio.Future[Report] = asyncio.get_running_loop().create_future()
    daemon = asyncio.create_task(run(settings, stop, started.set_result))
    report = await started
    while report.snapshot().journal.newest_seq == 0:
        await asyncio.sleep(0.005)
    start = time.perf_counter()
    while report.snapshot().journal.newest_seq < events and not daemon.done():
        await asyncio.sleep(0.02)
    took_s = time.perf_counter() - start
    stop.set()
    await daemon
    delivered = sum(1 for file in folder.glob("out/*/*.jsonl") for _ in file.open("rb"))
    if delivered != events:
        raise SystemExit(f"{delivered} of {events} events were delivered")
    return events / took_s


def measure(items: int, events: int) -> tuple[float, float, float]:
    """Give D, the pure part and the road for one shape of messages."""
    with tempfile.TemporaryDirectory(prefix="pibridge-bench-") as name:
        folder = Path(name)
        port_file = folder / "port"
        feeder = subprocess.Popen(
            [sys.executable, Path(__file__).with_name("feeder.py"), port_file, str(POINTS), str(items), str(events)]
        )
        try:
            data = messages(POINTS, items, events)
            decoded = decoding(data, events)
            computed = pure(data, events)
            del data
            while not (port_file.exists() and port_file.read_text()):
                time.sleep(0.05)
            whole = asyncio.run(road(folder, int(port_file.read_text()), events))
        finally:
            feeder.kill()
            feeder.wait()
            shutil.rmtree(folder / "out", ignore_errors=True)
    return decoded, computed, whole


def main() -> None:
    """Print the table, and write it as JSON if asked to."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=300_000)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(40))
    runs: dict[int, list[tuple[float, float, float]]] = {items: [] for items in SHAPES}
    for _ in range(options.runs):
        for items in SHAPES:
            events = options.events // (4 if items == 1 else 1)
            runs[items].append(measure(items, events))
    print("items a message |     D events/s | pure part / D (target) | whole road / D (target) | road events/s")
    table = {}
    for items, results in runs.items():
        decoded = median(result[0] for result in results)
        computed = median(result[1] / result[0] for result in results)
        whole = median(result[2] / result[0] for result in results)
        speed = median(result[2] for result in results)
        table[items] = {"D": decoded, "pure": computed, "road": whole, "road_events_per_s": speed}
        print(
            f"{items:15} | {decoded:14,.0f} | {computed:12.2f} ({PURE_TARGET:.2f})    "
            f"| {whole:13.3f} ({TARGETS[items]:.2f})    | {speed:13,.0f}"
        )
    print(f"largest memory of this process: {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MB")
    if options.json:
        options.json.write_text(json.dumps(table, indent=2))


if __name__ == "__main__":
    main()
