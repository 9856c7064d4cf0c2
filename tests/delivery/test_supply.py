import asyncio

import pytest

from delivery.shelves import EVERYTHING, Dock
from journal.samples import NOW, events
from pibridge.context import filters
from pibridge.context.filters import Filter
from pibridge.context.settings import FilterSettings
from pibridge.delivery.stop import Stop
from pibridge.delivery.supply import OpenBatch, SealOnDisk, Supply, first_of
from pibridge.errors import JournalError
from pibridge.journal.reader import JournalReader
from pibridge.model import ticks
from pibridge.model.event import BAD, Event, Lane
from pibridge.sinks.contract import Bounds

GOOD = filters.build(FilterSettings(quality=frozenset({"good"})))


def supply(dock: Dock, *, position: int = 0, admits: Filter = EVERYTHING) -> Supply:
    """Give the live lane's supply behind a place."""
    return Supply(dock.journal, Lane.LIVE, position, dock.stamp(), admits, dock.hold())


async def batch(
    dock: Dock, stop: Stop, *, age_s: float = 0.02, sealed: Bounds | None = None, admits: Filter = EVERYTHING
) -> tuple[OpenBatch, Supply]:
    """Open a batch of sink `lake` with all that is behind it; give what it draws on too."""
    source = supply(dock, admits=admits)
    first_part, _ = await source.read(sealed.last if sealed else None)
    deadline = asyncio.get_running_loop().time() + age_s
    seal = SealOnDisk(dock.journal, "lake")
    opened = OpenBatch(source, first_part, lane=Lane.LIVE, deadline=deadline, stop=stop, sealed=sealed, seal=seal)
    return opened, source


async def seqs(opened: OpenBatch) -> list[int]:
    """Take the batch to its end and give the places of its records."""
    return [record.seq async for part in opened for record in part]


async def mixed(dock: Dock, count: int, *, bad_from: int) -> None:
    """Journal events of which those from a place on are bad."""
    said = [Event(1, NOW + i, i, BAD if i + 1 >= bad_from else 0) for i in range(count)]
    await dock.journal.commit(Lane.LIVE, said, NOW)


async def test_records_come_in_order_with_their_places(dock: Dock) -> None:
    """A supply reads on from where it is, over all chunks."""
    for start in (0, 10, 20):
        await dock.journal.commit(Lane.LIVE, events(10, first=start), NOW)
    source = supply(dock, position=3)
    records, _ = await source.read()
    while len(records) < 27:
        records += (await source.read())[0]
    assert [record.seq for record in records] == list(range(4, 31))
    assert [record.event.value for record in records] == list(range(3, 30))
    assert source.position == 30


async def test_what_is_at_hand_comes_in_one_part(dock: Dock) -> None:
    """Live events as far as a part goes, those of history one chunk after the other: they may have to wait."""
    for lane in (Lane.LIVE, Lane.HISTORY):
        for start in range(0, 6000, 500):
            await dock.journal.commit(lane, events(500, first=start), NOW)
    source, stop = supply(dock), Stop()
    parts = [await first_of(source, stop, None) for _ in range(2)]
    assert [len(part[0]) for part in parts if part] == [4000, 2000]
    assert source.at_hand() is None
    past = Supply(dock.journal, Lane.HISTORY, 6000, dock.stamp(), EVERYTHING, dock.hold())
    part = await first_of(past, stop, None)
    assert part
    assert len(part[0]) == 500


async def test_what_the_filter_keeps_back_is_counted_and_passed(dock: Dock) -> None:
    """The position is behind it, with the key that kept it back."""
    await mixed(dock, 10, bad_from=6)
    source = supply(dock, admits=GOOD)
    records, withheld = await source.read()
    assert [record.seq for record in records] == [1, 2, 3, 4, 5]
    assert withheld == {"quality": 5}
    assert source.position == 10


@pytest.mark.parametrize(
    ("position", "until", "given"), [(0, 4, [1, 2, 3, 4]), (4, 10, list(range(5, 11))), (10, 4, [])]
)
async def test_nothing_beyond_the_end_is_given(dock: Dock, position: int, until: int, given: list[int]) -> None:
    """Also not if all that is left lies beyond: what stood before may have been dropped."""
    await dock.journal.commit(Lane.LIVE, events(20), NOW)
    source = supply(dock, position=position)
    records, _ = await source.read(until)
    assert [record.seq for record in records] == given
    assert source.position == max(position, until)


async def test_a_cancelled_read_loses_nothing(dock: Dock) -> None:
    """What was waited for comes with the next read."""
    source = supply(dock)
    for first in range(20):
        reading = asyncio.create_task(source.read())
        await asyncio.sleep(0)
        reading.cancel()
        await dock.journal.commit(Lane.LIVE, events(1, first=first), NOW)
        with pytest.raises(asyncio.CancelledError):
            await reading
        (record,), _ = await source.read()
        assert record.seq == first + 1


async def test_a_batch_ends_by_age(dock: Dock) -> None:
    """It waits for more until its deadline."""
    await dock.journal.commit(Lane.LIVE, events(5), NOW)
    opened, _ = await batch(dock, Stop())
    assert (opened.first, opened.day) == (1, ticks.day(NOW))
    assert await seqs(opened) == [1, 2, 3, 4, 5]
    assert (opened.records, opened.last_ticks) == (5, NOW + 4)


async def test_a_batch_takes_what_arrives_while_it_is_open(dock: Dock) -> None:
    """Every part is given as soon as it is there; what the filter keeps back counts for the batch."""
    await dock.journal.commit(Lane.LIVE, events(5), NOW)
    stop = Stop()
    opened, _ = await batch(dock, stop, age_s=30, admits=GOOD)
    parts = aiter(opened)
    assert len(await anext(parts)) == 5
    await mixed(dock, 4, bad_from=3)
    assert [record.seq for record in await anext(parts)] == [6, 7]
    stop.set(30)
    with pytest.raises(StopAsyncIteration):
        await anext(parts)
    assert opened.withheld == {"quality": 2}


async def test_a_stop_ends_a_batch_when_the_journal_is_read(dock: Dock) -> None:
    """What is there is taken first; over is over, though there is more."""
    for start in (0, 2000):
        await dock.journal.commit(Lane.LIVE, events(2000, first=start), NOW)
    stop = Stop()
    stop.set(30)
    draining, _ = await batch(dock, stop, age_s=30)
    assert await seqs(draining) == list(range(1, 4001))
    stop.set(0)
    over, _ = await batch(dock, stop, age_s=30)
    assert await seqs(over) == list(range(1, 2001))


async def test_a_sealed_batch_ends_where_it_was_sealed(dock: Dock) -> None:
    """Its bounds and its day stand, whatever has come since and whatever the age."""
    await dock.journal.commit(Lane.LIVE, events(10), NOW)
    sealed = Bounds(Lane.LIVE, 1, 7, "1999-12-31")
    opened, source = await batch(dock, Stop(), age_s=0, sealed=sealed)
    assert await seqs(opened) == [1, 2, 3, 4, 5, 6, 7]
    assert await opened.seal() == sealed
    assert (opened.first, opened.day, source.position) == (1, "1999-12-31", 7)


async def test_sealing_fixes_the_bounds_on_disk(dock: Dock) -> None:
    """All parts given so far, first to last record; a second time changes nothing."""
    await mixed(dock, 10, bad_from=6)
    await dock.journal.cursor("lake", Lane.LIVE)
    opened, _ = await batch(dock, Stop(), admits=GOOD)
    assert await seqs(opened) == [1, 2, 3, 4, 5]
    bounds = await opened.seal()
    assert bounds == Bounds(Lane.LIVE, 1, 5, ticks.day(NOW))
    assert await opened.seal() is bounds
    reader = JournalReader.open(dock.folder)
    on_disk = reader.cursors()["lake", Lane.LIVE].sealed
    reader.close()
    assert on_disk is not None
    assert (on_disk.first, on_disk.last) == (1, 5)


async def test_after_the_deadline_nothing_is_read(dock: Dock) -> None:
    """Though something is there."""
    await dock.journal.commit(Lane.LIVE, events(5), NOW)
    source = supply(dock)
    assert await first_of(source, Stop(), asyncio.get_running_loop().time()) is None
    assert source.position == 0


async def test_a_failed_journal_is_no_end(dock: Dock) -> None:
    """Who waits for records is told when there will never be any."""
    waiting = asyncio.create_task(first_of(supply(dock), Stop(), None))
    await asyncio.sleep(0)
    await dock.journal.close()
    with pytest.raises(JournalError, match="the journal is closed"):
        await waiting
