"""Tags, events and journals to test with."""

import random
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import apsw

from pibridge.journal.chunks import Chunk
from pibridge.journal.journal import Journal
from pibridge.journal.settings import JournalSettings
from pibridge.model.event import Event, Lane
from pibridge.model.tag import Mode, Tag

NOW = 17_700_000_000_000_000
NOW_S = 1_770_000_000.0
DAY_S = 86400.0


class Clock:
    """A Unix clock that is set by hand."""

    def __init__(self) -> None:
        self.now_s = NOW_S

    def __call__(self) -> float:
        """Give the time."""
        return self.now_s


def tags(count: int, *, unit: str = "bar") -> list[Tag]:
    """Give the tags T1, T2 and so on."""
    return [
        Tag(stream="s", mode=Mode.REALTIME, name=f"T{i}", path=rf"\\PI\T{i}", web_id=f"W{i}", unit=unit)
        for i in range(1, count + 1)
    ]


def events(count: int, *, tag: int = 1, first: int = 0) -> list[Event]:
    """Give one event a tick with values that count from `first`."""
    return [Event(tag, NOW + i, i) for i in range(first, first + count)]


def noise(count: int, *, seed: int = 0, value_bytes: int = 100) -> list[Event]:
    """Give events, of 1970, that compression cannot make much smaller."""
    rng = random.Random(seed)  # noqa: S311 - the same noise every time
    return [Event(1, i, rng.randbytes(value_bytes).hex()) for i in range(count)]


def values(of: Sequence[Event]) -> list[Any]:
    """Give the values of events."""
    return [event.value for event in of]


@asynccontextmanager
async def opened(
    path: Path, *, clock: Clock | None = None, tag_count: int = 3, **settings: Any
) -> AsyncIterator[Journal]:
    """Give an open journal that knows some tags."""
    configured = JournalSettings(path=path, **{"flush": 0.005, **settings})
    journal = await Journal.open(configured, now=clock or Clock())
    try:
        await journal.describe(tags(tag_count))
        yield journal
    finally:
        await journal.close()


async def read_all(journal: Journal, lane: Lane = Lane.LIVE, *, last: int, after: int = 0) -> list[Chunk]:
    """Give the chunks of a lane up to position `last`."""
    found: list[Chunk] = []
    while after < last:
        found.append(await journal.next(lane, after))
        after = found[-1].last_seq
    return found


def raw(path: Path) -> apsw.Connection:
    """Open the file of a journal that no daemon has open."""
    return apsw.Connection(str(path / "journal.db"))


def size_bytes(path: Path) -> int:
    """Give the size of all files below a folder."""
    return sum(file.stat().st_size for file in path.rglob("*") if file.is_file())


def names(path: Path) -> list[str]:
    """Give the names of the files in a folder."""
    return sorted(file.name for file in path.iterdir())
