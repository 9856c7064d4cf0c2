import asyncio
from pathlib import Path

from journal.samples import NOW, Clock, events, opened, values
from pibridge.journal import held, schema
from pibridge.journal.chunks import Damaged
from pibridge.journal.codec import Packer
from pibridge.journal.held import Held, Waiting
from pibridge.journal.journal import Journal
from pibridge.model.event import Event, Lane


async def live(journal: Journal, count: int, after: int = 0) -> list[Event]:
    """Give so many events of lane live."""
    found: list[Event] = []
    while len(found) < count:
        chunk = await journal.next(Lane.LIVE, after)
        found += chunk.events
        after = chunk.last_seq
    return found


async def test_the_others_do_not_wait_for_held_ones(tmp_path: Path) -> None:
    """An event of a tag that is not held is delivered at once; the held ones get their place behind it."""
    async with opened(tmp_path) as journal:
        journal.hold([1])
        journal.append([Event(1, NOW, "held"), Event(2, NOW, "free")], NOW)
        assert values(await live(journal, 1)) == ["free"]
        waiting = await journal.held()
        assert values(waiting.events) == ["held"]
        assert journal.stat().held == 1
        await journal.place(waiting)
        assert values(await live(journal, 2)) == ["free", "held"]
        assert journal.stat().held == 0


async def test_held_events_survive_a_restart(tmp_path: Path) -> None:
    """They wait on, in their order, with the time of their arrival, and are the newest of their tag."""
    async with opened(tmp_path) as journal:
        journal.hold([1])
        journal.append(events(3), NOW)
        await journal.flush()
        journal.append(events(2, first=3), NOW + 5)
    async with opened(tmp_path) as journal:
        last = journal.last(1)
        assert last is not None
        assert (last.ticks, last.value) == (NOW + 4, 4)
        for arrived in (NOW, NOW + 5):
            waiting = await journal.held()
            assert waiting.arrived_ticks == arrived
            await journal.place(waiting)
        assert values(await live(journal, 5)) == [0, 1, 2, 3, 4]


async def test_who_stops_waiting_places_nothing_twice(tmp_path: Path) -> None:
    """A place that was asked for and given up is given all the same, once."""
    async with opened(tmp_path) as journal:
        journal.hold([1])
        journal.append(events(2), NOW)
        waiting = await journal.held()
        asking = asyncio.ensure_future(journal.place(waiting))
        await asyncio.sleep(0)
        asking.cancel()
        await journal.place(waiting)
        await journal.flush()
        assert values(await live(journal, 2)) == [0, 1]
        assert journal.stat().newest_seq == 2


async def test_a_tag_that_is_held_no_longer_keeps_its_order(tmp_path: Path) -> None:
    """Its new events wait as long as older ones of it wait."""
    async with opened(tmp_path) as journal:
        journal.hold([1])
        journal.append(events(1), NOW)
        journal.hold([])
        journal.append([*events(1, first=1), Event(2, NOW, "free")], NOW)
        assert values(await live(journal, 1)) == ["free"]
        await journal.flush()
        await journal.place(await journal.held())
        journal.hold([])
        await journal.place(await journal.held())
        journal.hold([])
        journal.append(events(1, first=2), NOW)
        assert values(await live(journal, 4)) == ["free", 0, 1, 2]


async def test_held_events_are_seen(tmp_path: Path) -> None:
    """Who asks what the journal has of a tag finds held events, too, and each once when they have their place."""
    async with opened(tmp_path) as journal:
        journal.hold([1])
        journal.append(events(5), NOW)
        assert values(await journal.seen([1], NOW + 1, NOW + 3)) == [1, 2, 3]
        await journal.place(await journal.held())
        assert values(await journal.seen([1], NOW + 1, NOW + 3)) == [1, 2, 3]


async def test_a_damaged_part_becomes_a_gap_and_the_rest_goes_on(tmp_path: Path) -> None:
    """What cannot be read is set aside with its time, like a damaged chunk."""
    async with opened(tmp_path, clock=Clock()) as journal:
        journal.hold([1])
        journal.append(events(3), NOW)
        await journal.flush()
        journal.append(events(2, first=3), NOW)
    db = schema.open_for_writing(tmp_path, "full")
    db.execute("UPDATE held SET crc = crc + 1 WHERE id = 1")
    db.close()
    async with opened(tmp_path) as journal:
        assert values((await journal.held()).events) == [3, 4]
        (damaged,) = await journal.damaged()
        assert (damaged.first_ticks, damaged.last_ticks) == (NOW, NOW + 2)
        await journal.mend(damaged, [])
        assert await journal.damaged() == []


def test_what_is_inserted_can_be_loaded(tmp_path: Path) -> None:
    """In the order of arrival, until it is dropped."""
    db = schema.open_for_writing(tmp_path, "full")
    ids = [held.insert(db, packed, NOW) for packed in Packer().pack(events(4500))]
    loaded = list(held.load(db))
    assert [part.id for part in loaded if isinstance(part, Held)] == ids
    assert not any(isinstance(part, Damaged) for part in loaded)
    held.drop(db, ids[0])
    assert len(list(held.load(db))) == len(ids) - 1
    db.close()


async def test_waiting_counts_events() -> None:
    """What comes and goes is counted by events, not by parts."""
    waiting = Waiting([Held(1, NOW, events(3))])
    waiting.add(Held(2, NOW, events(2, tag=2)))
    assert (waiting.events, waiting.tags) == (5, {1, 2})
    waiting.drop(await waiting.first())
    assert (waiting.events, waiting.tags) == (2, {2})
