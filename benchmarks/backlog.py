"""A backlog: how fast it is drained while live events go on, and how soon a start with a large one delivers."""

import asyncio
import shutil
import time
from base64 import b64encode
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import Any, Final

from msgspec.structs import replace

import limits
from append import TAGS
from pibridge.journal.journal import Journal
from pibridge.journal.settings import JournalSettings
from pibridge.model import ticks
from pibridge.model.event import Event, Lane
from plant import Feed
from processes import DaemonProcess, SkippedError, daemon, feeder, until
from road import channels, far_sides, steps
from setups import configuration

_LIVE_SHARE: Final = 0.01
_LIVE_S: Final = 60.0
_TEXT_BYTES: Final = 2000
_SMALL: Final = 0.02
_MAX_SIZE: Final = "16GiB"
_START_TICKS: Final = 17_800_000_000_000_000
_SPACING_TICKS: Final = ticks.PER_SECOND // 1000
_made: dict[float, TemporaryDirectory[str]] = {}


def drain(events: int, folder: Path) -> dict[str, float]:
    """Journal events that no sink takes, then let one have them while others arrive; give the figures."""
    feed = Feed(events=events, items=100)
    rate = _LIVE_SHARE * limits.decoding(limits.sample(feed)).per_s
    with ExitStack() as parts:
        pi = parts.enter_context(feeder(folder, feed))
        settings = configuration(folder, pi, far_sides(parts, folder, ["nowhere"]))
        with daemon(folder, settings) as process:
            pi.wait_for(len(channels(feed.tags)))
            pi.tell("go")
            # All is journaled when it is judged: events are then withheld.
            until(lambda: pi.tell("state")["finished"], 120, "all is sent")
            process.stop()
            backlog = process.notes["samples"][-1][2]
    shutil.rmtree(folder / "nothing", ignore_errors=True)
    with ExitStack() as parts:
        pi = parts.enter_context(feeder(folder, Feed()))
        settings = configuration(folder, pi, far_sides(parts, folder, ["plain"]))
        more = "--until", str(int(backlog + 8 * rate))
        process = parts.enter_context(daemon(folder, settings, *more))
        pi.wait_for(len(channels(feed.tags)))
        pi.tell(f"go?rate={rate}&seconds={_LIVE_S}")
        process.wait(300)
    drained = _drained_per_s(process.notes["samples"], backlog, rate)
    return {
        "drain / live": drained / rate,
        "events/s": drained,
        "loop lag p99 ms": process.notes["lag_p99_ms"],
        "RSS MB": process.notes["rss_mb"],
    }


def _drained_per_s(samples: Sequence[Any], backlog: int, rate: float) -> float:
    """Give how fast was delivered from when live events arrived until only a second of them was owed."""
    newest = {when: place for when, _, place, _ in samples}
    live_s = next(when for when, place in newest.items() if place > backlog)
    during = [(when, done) for when, done in steps(samples, "plain") if when >= live_s and newest[when] - done > rate]
    if len(during) < 3:  # noqa: PLR2004 - a rate, not a coincidence
        raise RuntimeError("the backlog was drained before live events arrived; give more events")
    (first_s, first), (last_s, last) = during[0], during[-1]
    return (last - first) / (last_s - first_s)


def start(gigabytes: float, folder: Path) -> dict[str, float]:
    """Start with a journal of so many gigabytes, and with a small one; give the figures."""
    needed = gigabytes * 1.3 + 1
    free = shutil.disk_usage(folder).free / 1e9
    if free < needed and gigabytes not in _made:
        raise SkippedError(f"the disk has {free:.0f} GB free, and {needed:.0f} GB are needed")
    large = _journal_of(gigabytes, folder.parent)
    asyncio.run(_fill(folder / "journal", _SMALL))
    small_s, small_mb = _first_delivery(folder)
    large_s, large_mb = _first_delivery(large)
    return {
        "start large / small": large_s / small_s,
        "start to first delivery s": large_s,
        "RSS MB": large_mb,
        "RSS more MB": large_mb - small_mb,
    }


def _journal_of(gigabytes: float, scratch: Path) -> Path:
    """Give the folder of a journal of this size, made at the first call and gone with this process."""
    if gigabytes not in _made:
        _made[gigabytes] = TemporaryDirectory(prefix="pibridge-bench-", dir=scratch)
        asyncio.run(_fill(Path(_made[gigabytes].name) / "journal", gigabytes))
    return Path(_made[gigabytes].name)


async def _fill(folder: Path, gigabytes: float) -> None:
    journal = await Journal.open(JournalSettings(path=folder, max_size=16 << 30, sync="normal"))
    await journal.describe([replace(tag, text=True) for tag in TAGS])
    await journal.cursor("plain", Lane.LIVE)
    noise = Random(1)  # noqa: S311 - what cannot be compressed
    for number in range(int(gigabytes * 1e9 / _TEXT_BYTES / 1000)):
        events = [
            Event(
                place % 100 + 1,
                _START_TICKS + (number * 1000 + place) * _SPACING_TICKS,
                b64encode(noise.randbytes(_TEXT_BYTES)).decode(),
            )
            for place in range(1000)
        ]
        await journal.commit(Lane.LIVE, events, _START_TICKS)
    await journal.close()


def _first_delivery(folder: Path) -> tuple[float, float]:
    """Give after how many seconds a daemon has delivered the first of what is there, and its memory."""
    with ExitStack() as parts:
        pi = parts.enter_context(feeder(folder, Feed()))
        settings = configuration(folder, pi, far_sides(parts, folder, ["plain"]))
        settings["journal"]["max_size"] = _MAX_SIZE
        begun = time.time()
        process: DaemonProcess = parts.enter_context(daemon(folder, settings, "--until", "5000"))
        process.wait(60)
        if not process.notes["sinks"]["plain"]["delivered"]:
            raise RuntimeError("nothing was delivered")
        return steps(process.notes["samples"], "plain")[0][0] - begun, process.notes["rss_mb"]
