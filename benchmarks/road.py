"""The whole road: from the feeder's socket through the daemon to its sinks, once."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Final, NamedTuple

import zstandard
from msgspec import Struct

import limits
import plant
from limits import Limit
from processes import broker, compiled_shim, daemon, feeder, store
from setups import SINKS, configuration

STREAMS_PER_CHANNEL: Final = 200
_LONGEST_S: Final = 300.0


class Road(Struct, frozen=True, kw_only=True):
    """What is measured: the messages, the sinks by name, and what is special about it.

    `hold`: how long values wait for their batch. `slow_sync_ms`: how much slower the journal's fsync is.
    """

    feed: plant.Feed
    sinks: tuple[str, ...] = ("plain",)
    hold: str = "0s"
    tls: bool = False
    slow_sync_ms: int = 0


def far_sides(parts: ExitStack, folder: Path, sinks: Sequence[str]) -> dict[str, Any]:
    """Start what these sinks write to; give their configuration."""
    ports = {name: parts.enter_context(start(folder)) for name, start in _FAR_SIDES.items() if name in sinks}
    return {name: SINKS[name](folder, ports.get(name, 0)) for name in sinks}


_FAR_SIDES: Final[Mapping[str, Callable[[Path], Any]]] = {"lake": store, "bus": broker}


def travel(road: Road, folder: Path) -> dict[str, float]:
    """Send all events; give the figures. RuntimeError: not every sink got what it should have."""
    sample = limits.sample(road.feed)
    decoded = limits.decoding(sample)
    groups = channels(road.feed.tags)
    new, withheld = map(sum, zip(*(plant.counted(road.feed, group) for group in groups), strict=True))
    with ExitStack() as parts:
        shim = compiled_shim(folder) if road.slow_sync_ms else None
        pi = parts.enter_context(feeder(folder, road.feed, tls=road.tls))
        settings = configuration(folder, pi, far_sides(parts, folder, road.sinks), hold=road.hold)
        slow = ("--slow-sync-ms", str(road.slow_sync_ms)) if road.slow_sync_ms else ()
        process = parts.enter_context(daemon(folder, settings, "--until", str(new), *slow, shim=shim))
        pi.wait_for(len(groups))
        idle_mb = process.rss_mb()
        pi.tell("go")
        process.wait(_LONGEST_S)
    decoded = Limit.mean(decoded, limits.decoding(sample))
    notes = process.notes
    _check(notes["sinks"], folder, new, withheld)
    way = rates(notes["samples"], new, road.sinks)
    return {
        "road / D": way.delivered_per_s / decoded.per_s,
        "road / D by CPU": way.per_cpu_s / decoded.per_cpu_s,
        "journaled / D": way.journaled_per_s / decoded.per_s,
        "D events/s": decoded.per_s,
        "events/s": way.delivered_per_s,
        "loop lag p99 ms": notes["lag_p99_ms"],
        "RSS idle MB": idle_mb,
        "RSS MB": notes["rss_mb"],
        "sent": road.feed.events,
        "repeated": sum(plant.share(road.feed, group) for group in groups) - new,
        "delivered": min(_at_rest(folder, name, said) for name, said in notes["sinks"].items()),
        "withheld": max(said["withheld"] for said in notes["sinks"].values()),
    }


def beside(special: Road, plain: Road, folder: Path) -> dict[str, float]:
    """Send all events twice, one time without what is special; give the figures of the special one."""
    places = folder / "plain-road", folder / "special-road"
    for place in places:
        place.mkdir()
    without = travel(plain, places[0])
    figures = travel(special, places[1])
    return {"with / without": figures["events/s"] / without["events/s"], **figures}


def channels(tags: int) -> list[range]:
    """Give the points of each channel."""
    return [
        range(first, min(first + STREAMS_PER_CHANNEL, tags + 1)) for first in range(1, tags + 1, STREAMS_PER_CHANNEL)
    ]


class Way(NamedTuple):
    """Events per second: journaled, delivered, and both together per second that the daemon computed."""

    journaled_per_s: float
    delivered_per_s: float
    per_cpu_s: float


def rates(samples: Sequence[Any], events: int, sinks: Sequence[str]) -> Way:
    """Give how fast the events went, from the first that was journaled on.

    What was delivered counts up to the last but one completed batch of the slowest sink: the last one ends by its age.
    A sink that keeps all back has no batches; of it, what was journaled counts.
    """
    first = next(place for place, (_, _, newest, _) in enumerate(samples) if newest)
    begun_s, computed_s, _, _ = samples[max(0, first - 1)]
    journaled = next(newest / (when - begun_s) for when, _, newest, _ in samples if newest >= events)
    delivered = min(journaled if name == "nowhere" else _delivered(samples, name, begun_s) for name in sinks)
    return Way(journaled, delivered, events / (samples[-1][1] - computed_s))


def _delivered(samples: Sequence[Any], sink: str, begun_s: float) -> float:
    done = steps(samples, sink)
    when, count = done[-2] if len(done) > 2 else done[-1]  # noqa: PLR2004 - at least two before the last
    return count / (when - begun_s)


def steps(samples: Sequence[Any], sink: str) -> list[tuple[float, int]]:
    """Give when a sink had done with how many events."""
    found: list[tuple[float, int]] = []
    for when, _, _, done in samples:
        if done[sink] and (not found or found[-1][1] != done[sink]):
            found.append((when, done[sink]))
    return found


def _check(sinks: Mapping[str, Mapping[str, int]], folder: Path, new: int, withheld: int) -> None:
    for name, said in sinks.items():
        if name == "nowhere":
            continue
        found = said["delivered"], said["withheld"], _at_rest(folder, name, said)
        if found != (new - withheld, withheld, new - withheld):
            raise RuntimeError(f"{name}: delivered, withheld, at rest {found} of {new} events, {withheld} of them bad")


def _at_rest(folder: Path, name: str, said: Mapping[str, int]) -> int:
    """Give how many records lie in the files of a sink; of others what they confirmed."""
    match name:
        case "plain":
            return sum(_lines(file.read_bytes()) for file in (folder / name).glob("*/*.jsonl"))
        case "packed":
            unpack = zstandard.ZstdDecompressor().decompressobj
            return sum(_lines(unpack().decompress(file.read_bytes())) for file in (folder / name).glob("*/*.jsonl.zst"))
    return said["delivered"]


def _lines(data: bytes) -> int:
    return data.count(b"\n")


def computed(feed: plant.Feed, folder: Path) -> dict[str, float]:
    """Give what all that is computed takes of decoding alone."""
    del folder
    sample = limits.sample(feed)
    before = limits.decoding(sample)
    done = limits.pure(feed, sample)
    decoded = Limit.mean(before, limits.decoding(sample))
    return {
        "pure / D": done.per_s / decoded.per_s,
        "pure / D by CPU": done.per_cpu_s / decoded.per_cpu_s,
        "D events/s": decoded.per_s,
    }
