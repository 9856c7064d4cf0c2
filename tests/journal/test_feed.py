import asyncio

import pytest

from journal.samples import events
from pibridge.errors import JournalError
from pibridge.journal.chunks import Chunk, Damaged
from pibridge.journal.feed import Feed
from pibridge.journal.spans import ANY_TIME
from pibridge.model.event import Lane
from waiting import eventually


def chunk(first: int, count: int = 2) -> Chunk:
    """Give a chunk of the live lane."""
    return Chunk(Lane.LIVE, first, 0, events(count))


class Disk:
    """A lane on a disk that counts how often it is read."""

    def __init__(self, *kept: Chunk | Damaged) -> None:
        self.kept = list(kept)
        self.reads = 0
        self.aside: list[Damaged] = []

    async def read(self, after: int) -> list[Chunk | Damaged]:
        """Give at most two."""
        self.reads += 1
        found = [item for item in self.kept if item.last_seq > after][:2]
        return [item.after(after) if isinstance(item, Chunk) else item for item in found]

    async def set_aside(self, damaged: Damaged) -> None:
        """Remember it."""
        self.aside.append(damaged)


async def take(feed: Feed, after: int, count: int) -> list[tuple[int, int]]:
    """Give the bounds of the next chunks."""
    found = []
    for _ in range(count):
        item = await feed.after(after)
        after = item.last_seq
        found.append((item.first_seq, after))
    return found


async def test_from_disk_into_memory() -> None:
    """Who is behind is read from disk, a few at a time, and then goes on from memory."""
    disk = Disk(chunk(1), chunk(5), chunk(7))
    feed = Feed(8, 8, disk.read, disk.set_aside)
    feed.add(chunk(10), 10, (0, 0))
    assert await take(feed, 0, 4) == [(1, 2), (5, 6), (7, 8), (10, 11)]
    assert disk.reads == 2


async def test_what_is_at_hand_is_in_memory() -> None:
    """What was read ahead, then what was added; of all else it says nothing."""
    disk = Disk(chunk(1), chunk(5), chunk(7))
    feed = Feed(8, 8, disk.read, disk.set_aside)
    feed.add(chunk(10), 10, (0, 0))
    assert feed.at_hand(0) is None
    assert await take(feed, 0, 1) == [(1, 2)]
    assert feed.at_hand(2) == chunk(5)
    assert feed.at_hand(6) is None
    assert feed.at_hand(8) == chunk(10)
    assert feed.at_hand(11) is None


async def test_starting_within_a_chunk() -> None:
    """Only what lies behind the position is given."""
    disk = Disk(chunk(1, 10))
    assert await take(Feed(10, 10, disk.read, disk.set_aside), 4, 1) == [(5, 10)]


async def test_nothing_left_on_disk() -> None:
    """What was trimmed is skipped."""
    disk = Disk()
    feed = Feed(20, 20, disk.read, disk.set_aside)
    feed.add(chunk(25), 10, (0, 0))
    assert await take(feed, 3, 1) == [(25, 26)]


async def test_damage_is_set_aside_and_skipped() -> None:
    """Damaged chunks, wherever they are, hold up nobody."""
    broken = [Damaged(first, first + 1, Lane.LIVE, 0, 0, "crc") for first in (1, 5, 7, 11)]
    disk = Disk(broken[0], chunk(3), broken[1], broken[2], chunk(9), broken[3])
    feed = Feed(12, 12, disk.read, disk.set_aside)
    feed.add(chunk(13), 10, (0, 0))
    assert await take(feed, 0, 3) == [(3, 4), (9, 10), (13, 14)]
    assert set(disk.aside) == set(broken)


async def test_waiting_ends_with_news() -> None:
    """Who has caught up sleeps until something is committed; all who wait are woken."""
    disk = Disk()
    feed = Feed(0, 0, disk.read, disk.set_aside)
    waiting = [asyncio.create_task(feed.after(0)) for _ in range(2)]
    await asyncio.sleep(0)
    assert not any(task.done() for task in waiting)
    feed.add(chunk(1), 10, (0, 0))
    feed.announce()
    assert [item.first_seq for item in await asyncio.gather(*waiting)] == [1, 1]


async def test_failure_wakes_who_waits() -> None:
    """Nobody waits for a journal that has failed."""
    disk = Disk()
    feed = Feed(0, 0, disk.read, disk.set_aside)
    waiting = asyncio.create_task(feed.after(0))
    await asyncio.sleep(0)
    feed.fail(JournalError("the disk is gone"))
    with pytest.raises(JournalError, match="the disk is gone"):
        await waiting
    with pytest.raises(JournalError, match="the disk is gone"):
        await feed.after(0)


async def test_what_is_ahead_is_told_by_its_time() -> None:
    """What was there before may be of any time, until somebody has found that it is gone."""
    disk = Disk()
    feed = Feed(20, 18, disk.read, disk.set_aside)
    feed.add(chunk(25), 10, (3, 4))
    assert [feed.ahead(seq) for seq in (17, 18, 25, 26)] == [ANY_TIME, (3, 4), (3, 4), None]
    assert await take(feed, 17, 1) == [(25, 26)]
    waiting = Feed(20, 18, disk.read, disk.set_aside)
    reader = asyncio.ensure_future(waiting.after(11))
    await eventually(lambda: waiting.ahead(11) is None)
    assert waiting.ahead(10) == ANY_TIME
    waiting.add(chunk(25), 10, (3, 4))
    assert waiting.ahead(11) == (3, 4)
    waiting.announce()
    assert (await reader).last_seq == 26
