"""Latency: from the moment at which an event is sent to our socket until a subscriber of the broker has it."""

import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import cache
from pathlib import Path
from statistics import quantiles
from tempfile import TemporaryDirectory
from typing import Final

import msgspec

from pibridge.model import ticks
from plant import Feed
from processes import SkippedError, daemon, feeder, until
from road import Road, channels, far_sides, travel
from setups import configuration

SETTINGS: Final[dict[str, dict[str, dict[str, str]]]] = {
    "default": {"journal": {}, "roll": {}},
    "handed": {"journal": {}, "roll": {"age": "1ms"}},
    "low": {"journal": {"flush": "5ms"}, "roll": {"age": "10ms"}},
}
"""What differs from the defaults. `handed`: the sink sends what it is handed at once, so that its gathering does not
count. `low`: what the documentation gives for low latency."""

_WARM_S: Final = 1.0
_FEED: Final = Feed(tags=100, items=10)
_FORMAT: Final = "%U %p"


class _Record(msgspec.Struct):
    ts: str


class _Message(msgspec.Struct):
    records: list[_Record]


_decode: Final = msgspec.json.Decoder(_Message).decode


@cache
def full_load() -> float:
    """Give how many events a second the same road takes at most."""
    with TemporaryDirectory(prefix="pibridge-bench-") as name:
        feed = msgspec.structs.replace(_FEED, events=100_000)
        return travel(Road(feed=feed, sinks=("bus",)), Path(name))["events/s"]


def latency(share: float, seconds: float, setting: str, folder: Path) -> dict[str, float]:
    """Send this share of the full load for so long; give the figures. `setting`: one of SETTINGS."""
    rate = share * full_load()
    with ExitStack() as parts:
        pi = parts.enter_context(feeder(folder, _FEED))
        sinks = far_sides(parts, folder, ["bus"])
        settings = configuration(folder, pi, sinks)
        settings["journal"] |= SETTINGS[setting]["journal"]
        sinks["bus"]["roll"] = SETTINGS[setting]["roll"]
        heard = folder / "heard"
        parts.enter_context(_subscribed(sinks["bus"]["port"], heard))
        process = parts.enter_context(daemon(folder, settings))
        pi.wait_for(len(channels(_FEED.tags)))
        begun_s, computed_s = time.time(), process.cpu_s()
        pi.tell(f"go?rate={rate}&seconds={seconds}")
        until(lambda: pi.tell("state")["finished"], seconds + 30, "all is sent")
        core = (process.cpu_s() - computed_s) / (time.time() - begun_s)
        process.stop()
        time.sleep(0.5)
    delays_ms = list(_delays_ms(heard, begun_s + _WARM_S))
    if len(delays_ms) < rate * (seconds - _WARM_S) * 0.9:
        raise RuntimeError(f"{len(delays_ms)} events arrived of {rate * (seconds - _WARM_S):.0f}")
    percentiles = quantiles(delays_ms, n=100)
    return {
        "latency p50 ms": percentiles[49],
        "latency p99 ms": percentiles[98],
        "events/s": rate,
        "core %": 100 * core,
        "loop lag p99 ms": process.notes["lag_p99_ms"],
    }


@contextmanager
def _subscribed(port: int, heard: Path) -> Iterator[None]:
    """Write down what arrives at the broker, and when."""
    program = shutil.which("mosquitto_sub")
    if program is None:
        raise SkippedError("mosquitto_sub is not installed (package mosquitto-clients)")
    with heard.open("wb") as out:
        command = [program, "-h", "127.0.0.1", "-p", str(port), "-t", "#", "-F", _FORMAT]
        listener = subprocess.Popen(command, stdout=out)
        try:
            yield
        finally:
            listener.terminate()
            listener.wait()


def _delays_ms(heard: Path, since_s: float) -> Iterator[float]:
    with heard.open("rb") as lines:
        for line in lines:
            when, _, payload = line.partition(b" ")
            for record in _decode(payload).records:
                sent_s = ticks.parse(record.ts) / ticks.PER_SECOND
                if sent_s >= since_s:
                    yield 1000 * (float(when) - sent_s)
