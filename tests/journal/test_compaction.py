import asyncio
from contextlib import suppress
from pathlib import Path

import pytest

from journal.samples import NOW, Clock, events, noise, opened
from pibridge.errors import JournalFullError
from pibridge.journal.compaction import Compacted, compact
from pibridge.journal.journal import Journal
from pibridge.journal.verify import verify
from pibridge.model.event import Lane
from waiting import eventually

PAGE = 4096


async def fill(journal: Journal, clock: Clock) -> None:
    """Have some megabytes delivered and removed."""
    await journal.cursor("lake", Lane.LIVE)
    for seed in range(60):
        await journal.commit(Lane.LIVE, noise(1000, seed=seed), NOW)
    await journal.advance("lake", Lane.LIVE, journal.stat().newest_seq)
    clock.now_s += 1000
    await eventually(lambda: not journal.stat().events)


async def test_the_file_shrinks_beside_what_is_written(tmp_path: Path) -> None:
    """While events go on to come in: none is lost, the log stays small, and the disk has the room at once."""
    clock = Clock()
    async with opened(tmp_path, clock=clock, retain=0, max_size=64 << 20) as journal:
        await fill(journal, clock)
        before = (tmp_path / "journal.db").stat().st_size
        told, largest_log = list[Compacted](), 0

        async def write() -> None:
            nonlocal largest_log
            for first in range(0, 2000, 10):
                await journal.commit(Lane.LIVE, events(10, first=first), NOW)
                largest_log = max(largest_log, (tmp_path / "journal.db-wal").stat().st_size)

        writing = asyncio.create_task(write())
        while not told or told[-1].left_bytes:
            told.append(await journal.compact())
        await writing
        await journal.compact()
        given_back = sum(each.given_back_bytes for each in told)
        assert given_back > 3 << 20
        assert (tmp_path / "journal.db").stat().st_size < before - given_back // 2
        assert largest_log < 5 << 20
        assert journal.stat().events == 2000
    assert not [area.faults for area in verify(tmp_path) if area.faults]


async def test_a_full_journal_is_left_alone(tmp_path: Path) -> None:
    """What is empty there is needed at once."""
    async with opened(tmp_path, max_size=16 << 20) as journal:
        await journal.cursor("lake", Lane.LIVE)
        with suppress(JournalFullError):
            for seed in range(1000):
                await journal.commit(Lane.LIVE, noise(2000, seed=seed), NOW)
        with pytest.raises(JournalFullError):
            await journal.compact()


class Disk:
    """Empty pages, and a clock that each step moves on."""

    def __init__(self, pages: int, step_s: float) -> None:
        self.pages, self.step_s, self.now_s, self.pauses = pages, step_s, 0.0, list[float]()

    async def give_back(self, pages: int) -> int:
        """Give pages back in no time of ours."""
        if pages:
            self.now_s += self.step_s
        self.pages = max(0, self.pages - pages)
        return self.pages

    async def sleep(self, seconds: float) -> None:
        """Let time pass."""
        self.pauses.append(seconds)
        self.now_s += seconds

    async def compact(self) -> Compacted:
        """Give pages back."""
        return await compact(self.give_back, clock=lambda: self.now_s, sleep=self.sleep)


async def test_it_takes_a_fifth_of_the_writer_at_most() -> None:
    """After each step four times as long belongs to others."""
    disk = Disk(1000, 0.05)
    assert await disk.compact() == Compacted(1000 * PAGE, 0)
    assert disk.pauses == [pytest.approx(0.2)] * 4


async def test_one_call_ends_after_some_seconds() -> None:
    """Who asks learns what is left, and asks again."""
    disk = Disk(100_000, 0.2)
    told = await disk.compact()
    assert told == Compacted(5 * 256 * PAGE, (100_000 - 5 * 256) * PAGE)


async def test_a_slow_disk_is_left_alone() -> None:
    """A step that what comes from PI would feel is the last."""
    told = await Disk(100_000, 0.4).compact()
    assert (told.given_back_bytes, told.why) == (
        256 * PAGE,
        "the disk is too slow now: a step took 0.40 s, and what comes from PI waited for it",
    )
