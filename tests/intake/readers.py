"""The streams of a daemon, over a line."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from context.plants import surroundings
from intake.lines import Doorkeeper, Line, path
from pibridge.intake.settings import ShardSettings, StreamSettings
from pibridge.intake.streams import Streams
from pibridge.pi.settings import LimitSettings
from pibridge.status.counters import Counters
from waiting import eventually

NEVER_S = 3600.0


def points(*names: str, **settings: Any) -> StreamSettings:
    """Give a stream of these points."""
    return StreamSettings.model_validate({"select": {"points": [path(name) for name in names]}, **settings})


def listed(file: Path, *names: str, backfill: str = "0s") -> StreamSettings:
    """Give a stream of the points in a file, which may change."""
    write(file, *names)
    return StreamSettings.model_validate({"select": {"points_file": file}, "backfill": backfill})


def write(file: Path, *names: str) -> None:
    """Put other points into the file, at once."""
    new = file.with_suffix(".new")
    new.write_text("\n".join(["path", *map(path, names)]))
    new.replace(file)


def reading(
    line: Line,
    refresh_s: float = NEVER_S,
    per_channel: int = 200,
    shard: ShardSettings | None = None,
    **streams: StreamSettings,
) -> Streams:
    """Give the streams, as a daemon has them that has just started."""
    line.counters = Counters()
    limits = LimitSettings(requests_per_second=1000, streams_per_channel=per_channel)
    return Streams(
        streams,
        refresh_s,
        limits,
        line.client,
        line.journal,
        line.counters,
        surroundings(),
        lambda _: None,
        _nothing,
        shard,
    )


async def _nothing(_start: int, _end: int) -> None:
    """There are no event frames to be told again."""


async def reads(line: Line, tags: int, channels: int) -> None:
    """Wait until so many tags are read over so many channels, and nothing is owed."""
    counters = line.counters.streams.values

    async def is_so() -> bool:
        return (
            sum(stream.tags for stream in counters()) == tags
            and sum(stream.channels for stream in counters()) == channels
            and sum(stream.channels_open for stream in counters()) == channels
            and line.simulator.channels == channels
            and await line.owes_nothing()
        )

    await eventually(is_so)


async def tells(line: Line, names: Sequence[str], since_ticks: int) -> None:
    """Wait until all that the plant knows since a time is in the journal; nothing may be there twice."""
    owed = line.truth(names, since_ticks)
    assert owed

    async def is_told() -> bool:
        return not (owed - await line.told())

    await eventually(is_told)
    assert {fact: count for fact, count in (await line.told()).items() if fact[1] >= since_ticks} == owed


def handshakes(line: Line) -> int:
    """Count the channels that were ever asked for."""
    return len(doorkeeper(line).gaps)


def doorkeeper(line: Line) -> Doorkeeper:
    """Give who notes what is on disk at each handshake."""
    assert isinstance(line.simulator.faults, Doorkeeper)
    return line.simulator.faults
