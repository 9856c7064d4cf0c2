"""All cases of the benchmarks, by their names."""

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

from msgspec import Struct

from append import append
from backlog import drain, start
from budget import budget
from figures import Target
from latency import latency
from many_tags import many
from past import backfill
from plant import Feed
from road import Road, beside, computed, travel
from startup import startup


class Case(Struct, frozen=True):
    """One case. `run`: measures it once in an empty folder. `is_long`: only measured when it is asked for."""

    name: str
    about: str
    run: Callable[[Path], dict[str, float]]
    targets: Mapping[str, Target]
    is_long: bool = False


def all_cases(events: int, seconds: float, tags: int, gigabytes: float) -> list[Case]:
    """Give them.

    `events`: of one run. `seconds`: of a latency; a board's budget takes three times as long. `tags`, `gigabytes`: how
    much "many tags" and "a large journal" are.
    """
    ten = Feed(items=10, events=events)
    plain = Road(feed=ten)
    lag, idle, full = Target(50, 10), Target(60, 45), Target(90, 65)
    whole = {"loop lag p99 ms": lag, "RSS idle MB": idle, "RSS MB": full}
    return [
        Case(
            "pure",
            "all that is computed: decode, dedup, context, filter, encode",
            partial(computed, ten),
            {"pure / D": Target(0.30, 0.45)},
        ),
        _road("items-1", "messages of 1 item", Feed(items=1, events=events), Target(0.05, 0.10)),
        Case(
            "items-10",
            "messages of 10 items: the core case",
            partial(travel, plain),
            {"road / D": Target(0.12, 0.20), **whole},
        ),
        _road("items-100", "messages of 100 items", Feed(items=100, events=events), Target(0.14, 0.22)),
        _road("mixed", "numbers, texts, digital and system states", Feed(items=10, events=events, mixed=True)),
        _road("tags-10000", "10,000 tags on 50 channels", Feed(tags=10_000, items=100, events=events)),
        _sinks("sink-none", "a sink whose filter keeps all back", ten, "nowhere"),
        _sinks("sink-zst", "a file, compressed", ten, "packed"),
        _sinks("sink-s3", "objects in a store", ten, "lake"),
        _sinks("sink-mqtt", "messages to mosquitto", ten, "bus"),
        _sinks("sinks-4", "four sinks at once: two files, store, mosquitto", ten, "plain", "packed", "lake", "bus"),
        Case(
            "slow-fsync",
            "each fsync of the journal 20 ms slower, and without that",
            partial(beside, Road(feed=ten, slow_sync_ms=20), plain),
            {"with / without": Target(0.5, 0.65), "loop lag p99 ms": lag},
        ),
        Case("tls", "PI over TLS, and without", partial(beside, Road(feed=ten, tls=True), plain), {}),
        Case(
            "held",
            "values wait 1 s for their batch, which counts, and without",
            partial(beside, Road(feed=ten, hold="1s"), plain),
            {},
        ),
        Case(
            "append",
            "the journal alone: chunks of 1,000 events, each durable before the next",
            partial(append, events),
            {"append / file": Target(0.75, 0.9), "written / payload": Target(4, 2.5)},
        ),
        Case(
            "history",
            "a backfill: pages of the archive; D is the decoding of these pages",
            partial(backfill, events),
            {"road / D": Target(0.12, 0.20)},
        ),
        Case(
            "drain",
            "a backlog is delivered while live events arrive, 1 % of D",
            partial(drain, 2 * events),
            {"drain / live": Target(5, 10), "loop lag p99 ms": lag},
        ),
        Case("startup", "imports, and a start with 100 tags", startup, {}),
        *_long_cases(seconds, tags, gigabytes),
    ]


def _long_cases(seconds: float, tags: int, gigabytes: float) -> list[Case]:
    handed = {"latency p99 ms": Target(150, 30)}
    return [
        *(
            Case(
                f"latency-{setting}-{percent}",
                f"socket to subscriber at {percent} % of full load, setting: {setting}",
                partial(latency, percent / 100, seconds, setting),
                handed if setting == "handed" else {},
                is_long=True,
            )
            for setting, percent in (
                *((setting, percent) for setting in ("default", "low") for percent in (1, 10, 50)),
                ("handed", 50),
            )
        ),
        Case(
            "many-tags",
            f"{tags:,} tags: start, and all channels lost at once",
            partial(many, tags),
            {"requests/s / limit": Target(1.05, 1)},
            is_long=True,
        ),
        Case(
            "large-journal",
            f"start with {gigabytes:g} GB in the journal",
            partial(start, gigabytes),
            {"start to first delivery s": Target(1, 0.3), "RSS more MB": Target(5, 2)},
            is_long=True,
        ),
        *(
            Case(
                f"board-{rate}",
                f"a small board: one core, 256 MB, everything on, {rate} events/s of 10,000 tags",
                partial(budget, rate, 3 * seconds),
                {},
                is_long=True,
            )
            for rate in (500, 5000)
        ),
    ]


def _road(name: str, about: str, feed: Feed, target: Target | None = None) -> Case:
    return Case(name, about, partial(travel, Road(feed=feed)), {} if target is None else {"road / D": target})


def _sinks(name: str, about: str, feed: Feed, *sinks: str) -> Case:
    return Case(name, about, partial(travel, Road(feed=feed, sinks=sinks)), {})
