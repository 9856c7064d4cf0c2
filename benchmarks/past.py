"""The past: recorded pages of a backfill, read, journaled and delivered."""

import time
from contextlib import ExitStack
from pathlib import Path
from typing import Final
from urllib.parse import parse_qs, urlsplit

import limits
from feeder import recorded_page
from pibridge.model import ticks
from plant import Feed
from processes import daemon, feeder
from road import far_sides, rates
from setups import configuration

_TAGS: Final = 100
_SAMPLE_BYTES: Final = 30_000_000


def backfill(events: int, folder: Path) -> dict[str, float]:
    """Have the history of a hundred tags read; give the figures."""
    each = events // _TAGS
    start_ticks = ticks.from_seconds(int(time.time()) - each - 600)
    feed = Feed(tags=_TAGS, recorded=each, recorded_from_ticks=start_ticks)
    with ExitStack() as parts:
        pi = parts.enter_context(feeder(folder, feed))
        settings = configuration(folder, pi, far_sides(parts, folder, ["plain"]))
        settings["streams"]["bench"]["backfill"] = ticks.render(start_ticks)
        process = parts.enter_context(daemon(folder, settings, "--until", str(each * _TAGS)))
        process.wait(300)
        asked = [url for _, url in pi.tell("told")["asked"] if "/streamsets/recorded?" in url]
    decoded = limits.page_decoding(_pages(feed, asked))
    way = rates(process.notes["samples"], each * _TAGS, ["plain"])
    return {
        "road / D": way.delivered_per_s / decoded.per_s,
        "road / D by CPU": way.per_cpu_s / decoded.per_cpu_s,
        "D events/s": decoded.per_s,
        "events/s": way.delivered_per_s,
        "loop lag p99 ms": process.notes["lag_p99_ms"],
        "RSS MB": process.notes["rss_mb"],
    }


def _pages(feed: Feed, asked: list[str]) -> list[bytes]:
    """Give the largest of the pages that were asked for, made once more."""
    pages = sorted((recorded_page(feed, parse_qs(urlsplit(url).query)) for url in asked), key=len, reverse=True)
    return [page for place, page in enumerate(pages) if place == 0 or sum(map(len, pages[: place + 1])) < _SAMPLE_BYTES]
