import asyncio

import pytest

from journal.samples import NOW, events, values
from pibridge.errors import JournalError, JournalFullError
from pibridge.journal.chunks import Chunk, Damaged
from pibridge.journal.codec import Packer
from pibridge.journal.feed import Feed
from pibridge.journal.held import Waiting
from pibridge.journal.jobs import Job, Remember, Settled, Store, full_error
from pibridge.journal.newest import Newest
from pibridge.journal.requests import Requests
from pibridge.journal.traffic import Traffic
from pibridge.model.event import Lane
from waiting import eventually


class Road:
    """Traffic to a writer that does nothing by itself. `jobs`: what it was given."""

    def __init__(self) -> None:
        self.jobs: list[Job] = []
        self.newest = Newest()
        self.newest.grow(3)
        self.waiting = Waiting([])
        self.requests = Requests(self.jobs.append)
        self.feeds = {lane: Feed(0, 0, _nothing_on_disk, _nothing_damaged) for lane in Lane}
        self.traffic = Traffic(
            flush_s=0.001,
            tags=lambda: 3,
            newest=self.newest,
            waiting=self.waiting,
            feeds=self.feeds,
            requests=self.requests,
            submit=self.jobs.append,
        )

    def stores(self) -> list[Store]:
        """Give the stores that were submitted."""
        return [job for job in self.jobs if isinstance(job, Store)]

    def write(self, store: Store, first_seq: int) -> None:
        """Make a store durable."""
        store.packed = Packer().pack(store.events)
        store.first_seq = first_seq
        store.held_ids = [1] * len(store.packed) if store.holds else []
        self.traffic.settle(Settled(stored=[store], answers=[(store.future, None)] if store.future else []))


async def _nothing_on_disk(_: int) -> list[Chunk | Damaged]:
    return []


async def _nothing_damaged(_: object) -> None:
    return None


async def test_what_is_gathered_leaves_after_a_while() -> None:
    """Nobody has to ask for it; once it has landed, nothing is on its way."""
    road = Road()
    road.traffic.take(events(3), NOW)
    assert road.traffic
    await eventually(lambda: bool(road.jobs))
    road.write(road.stores()[0], 1)
    assert not road.traffic
    assert values((await road.feeds[Lane.LIVE].after(0)).events) == [0, 1, 2]


async def test_what_is_held_goes_to_those_who_wait_and_to_no_sink() -> None:
    """The feed of the lane learns of it only when it gets its place."""
    road = Road()
    road.traffic.hold([1])
    road.traffic.take(events(2), NOW)
    road.traffic.seal()
    road.write(road.stores()[0], 0)
    assert values((await road.waiting.first()).events) == [0, 1]
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(road.feeds[Lane.LIVE].after(0), 0.01)


async def test_what_was_refused_counts_no_more() -> None:
    """Its caller is told, and it is not among the newest of its tag."""
    road = Road()
    storing = asyncio.ensure_future(road.traffic.store(Store(Lane.HISTORY, events(1), NOW)))
    await asyncio.sleep(0)
    (store,) = road.stores()
    assert store.future is not None
    road.traffic.settle(Settled(refused=[store], answers=[(store.future, full_error())]))
    with pytest.raises(JournalFullError):
        await storing
    assert not road.traffic
    assert road.newest.last(1) is None


async def test_a_failed_disk_wakes_everybody() -> None:
    """Those who wait for room, for an answer and for events are told alike."""
    road = Road()
    waiting = [
        asyncio.ensure_future(road.traffic.emptier()),
        asyncio.ensure_future(road.traffic.store(Store(Lane.LIVE, events(1), NOW))),
        asyncio.ensure_future(road.feeds[Lane.LIVE].after(0)),
    ]
    await asyncio.sleep(0)
    road.traffic.fail(JournalError("gone"))
    outcomes = await asyncio.gather(*waiting, return_exceptions=True)
    assert [str(outcome) for outcome in outcomes] == ["gone"] * 3


async def test_closing_lets_all_leave_and_remembers_the_newest() -> None:
    """What was gathered is submitted before the newest events, so that a start reads nothing again."""
    road = Road()
    road.traffic.take(events(1), NOW)
    road.traffic.close()
    assert [type(job) for job in road.jobs] == [Store, Remember]
