"""A hundred thousand tags: found, subscribed to and heard; then all channels lost at once."""

import time
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Final

from plant import Feed
from processes import DaemonProcess, FeederProcess, daemon, feeder, free_port, told, until
from road import STREAMS_PER_CHANNEL, far_sides
from setups import configuration

_LONGEST_S: Final = 300.0
_WATCHED_S: Final = 20.0
_REQUESTS_PER_S: Final = 20
"""`pi.limits.requests_per_second`, as it is by default."""


def many(tags: int, folder: Path) -> dict[str, float]:
    """Start with so many tags, then break all channels off; give the figures."""
    port = free_port()
    with ExitStack() as parts:
        pi = parts.enter_context(feeder(folder, Feed(tags=tags, initial=True)))
        settings = configuration(folder, pi, far_sides(parts, folder, ["plain"]))
        settings["status"] = {"listen": f"127.0.0.1:{port}"}
        settings["pi"]["limits"] = {"requests_per_second": _REQUESTS_PER_S}
        begun_s = time.time()
        process = parts.enter_context(daemon(folder, settings))
        open_s = _open(pi, process, port, tags)
        paid = _paid_per_s(port)
        started = pi.tell("told")
        started_mb = process.rss_mb()
        lost_s = time.time()
        pi.tell("drop")
        again_s = _open(pi, process, port, tags)
        paid_again = _paid_per_s(port)
        again = pi.tell("told")
        again_mb = process.rss_mb()
        process.stop()
    listed = max(when for when, url in started["asked"] if "/points?" in url)
    heard = next(when for when, _, newest, _ in process.notes["samples"] if newest)
    asked = [when for each in (started, again) for when, _ in each["asked"]]
    return {
        "requests/s / limit": most_per_s(asked) / _REQUESTS_PER_S,
        "tags known s": listed - begun_s,
        "first event s": heard - begun_s,
        "all open s": open_s - begun_s,
        "RSS MB": started_mb,
        "gaps paid/s": paid,
        "most channels/s": most_per_s(started["opened"]),
        "reconnect: all open s": again_s - lost_s,
        "reconnect: most channels/s": most_per_s(again["opened"]),
        "reconnect: gaps paid/s": paid_again,
        "reconnect: RSS MB": again_mb,
        "loop lag p99 ms": process.notes["lag_p99_ms"],
    }


def most_per_s(times: Sequence[float]) -> int:
    """Give the most that happened within any second."""
    ordered = sorted(times)
    return max((sum(start <= when < start + 1 for when in ordered) for start in ordered), default=0)


def _open(pi: FeederProcess, process: DaemonProcess, port: int, tags: int) -> float:
    """Wait until all channels are open and all tags were heard; give when."""
    channels = -(-tags // STREAMS_PER_CHANNEL)

    def is_open() -> bool:
        if process.has_ended():
            raise RuntimeError("the daemon has ended")
        if pi.tell("state")["channels"] < channels:
            return False
        status = _status(port)
        stream = status["streams"]["bench"]
        return bool(stream["channels_open"] == stream["channels"] and status["journal"]["newest_seq"] >= tags)

    until(is_open, _LONGEST_S, "all channels are open")
    return time.time()


def _paid_per_s(port: int) -> float:
    """Give how many gaps are paid a second, for as long as there are any."""
    begun_s, before = time.monotonic(), _status(port)["history"]["gaps_paid"]
    while time.monotonic() < begun_s + _WATCHED_S and _status(port)["history"]["gaps_open"]:
        time.sleep(1)
    paid: int = _status(port)["history"]["gaps_paid"] - before
    return paid / (time.monotonic() - begun_s)


def _status(port: int) -> dict[str, Any]:
    return told(f"http://127.0.0.1:{port}/api/status")
