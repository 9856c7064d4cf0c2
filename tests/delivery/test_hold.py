import asyncio
from pathlib import Path

from context.plants import NOON, POINT, TEMPERATURE, surroundings
from journal.samples import NOW, opened
from pibridge.context.surroundings import Surroundings
from pibridge.delivery.hold import Hold, place_held
from pibridge.model import ticks
from pibridge.model.event import Event, Lane

TAGS = {1: TEMPERATURE, 2: POINT}
RULE = {"assets": "Plant/Area1/*", "event_frames": {"database": r"\\AF1\Plant", "template": "Batch"}}
SOURCE = r"\\AF1\PLANT"
SECOND = ticks.PER_SECOND


class Watch:
    """A hold of ten seconds, with a clock that only its waiting moves. `reads`: by second, since when frames are."""

    def __init__(self, around: Surroundings | None = None, **reads: int) -> None:
        self.around = around or surroundings(batches={"unit": RULE}, hold="10s")
        self.now = NOON
        self.asked: list[int] = []
        self.reads = {int(at.removeprefix("s")): since for at, since in reads.items()}
        self.hold = Hold(self.around, TAGS.__getitem__, lambda: self.now, self.asked.append, sleep=self._sleep)

    async def waited_s(self, *events: Event, arrived: int = NOON) -> float:
        """Give how long these wait."""
        start = self.now
        await self.hold.until_known(events, arrived)
        return (self.now - start) / SECOND

    async def _sleep(self, seconds: float) -> None:
        self.now += ticks.from_seconds(seconds)
        for second, since in self.reads.items():
            moment = NOON + second * SECOND
            if moment <= self.now:
                self.around.readings.note(SOURCE, NOON + since * SECOND, moment)


async def test_events_wait_until_frames_were_read_after_the_hold() -> None:
    """Reading them earlier is not enough: a frame may be created late."""
    assert 10 <= await Watch(s3=-60, s11=-60).waited_s(Event(1, NOON, 1.0)) < 11.2
    assert 10 <= await Watch(s3=-60, s10=-60).waited_s(Event(1, NOON, 1.0)) < 10.2


async def test_frames_must_be_known_back_to_the_event() -> None:
    """An event of long ago waits until frames of its time were read."""
    old = Event(1, NOON - 3600 * SECOND, 1.0)
    watch = Watch(s10=-60, s20=-4000)
    assert 19.9 <= await watch.waited_s(old) < 20.2
    assert watch.asked == [old.ticks]
    await watch.waited_s(old)
    assert watch.asked == [old.ticks]


async def test_events_of_other_assets_do_not_wait() -> None:
    """Neither those no rule speaks for, nor any when the hold is 0s."""
    assert await Watch().waited_s(Event(2, NOON, 1.0)) == 0
    at_once = surroundings(batches={"unit": RULE}, hold="0s")
    assert await Watch(at_once).waited_s(Event(1, NOON, 1.0)) == 0


async def test_what_cannot_be_read_is_not_waited_for_for_ever() -> None:
    """A minute beyond the hold, once; from then on only the hold, until it was read again."""
    watch = Watch()
    assert 69 < await watch.waited_s(Event(1, NOON, 1.0)) < 71
    assert await watch.waited_s(Event(1, watch.now, 1.0), arrived=watch.now) < 11
    watch.around.readings.note(SOURCE, NOON - SECOND, watch.now)
    assert await watch.waited_s(Event(1, NOON, 1.0)) == 0
    assert await watch.waited_s(Event(1, watch.now, 1.0), arrived=watch.now) > 60


async def test_a_clock_that_was_set_back_holds_nothing_for_longer() -> None:
    """An arrival that seems to be in the future goes on, too."""
    assert await Watch(s10=-60).waited_s(Event(1, NOON, 1.0), arrived=NOON + 3600 * SECOND) < 81


async def test_a_live_event_of_long_ago_holds_up_nobody(tmp_path: Path) -> None:
    """A tag tells its last value when it joins, be it years old: frames of that time are not waited for."""
    async with opened(tmp_path) as journal:
        journal.hold([1])
        watch = Watch(s10=-90_000)
        journal.append([Event(1, NOON - 1000 * 86_400 * SECOND, 1.0)], NOON)
        await journal.flush()
        placing = asyncio.create_task(place_held(journal, watch.hold))
        assert (await journal.next(Lane.LIVE, 0)).events
        assert (watch.now - NOON) / SECOND < 10.2
        assert watch.asked == [NOON - 86_400 * SECOND]
        placing.cancel()


async def test_held_events_are_placed_in_the_order_of_arrival(tmp_path: Path) -> None:
    """One part after the other, each when it has waited."""
    async with opened(tmp_path) as journal:
        journal.hold([1])
        for value in range(3):
            journal.append([Event(1, NOW, value)], NOW)
            await journal.flush()
        placing = asyncio.create_task(place_held(journal, Watch(surroundings()).hold))
        found: list[object] = []
        while len(found) < 3:
            found += [event.value for event in (await journal.next(Lane.LIVE, len(found))).events]
        assert found == [0, 1, 2]
        placing.cancel()
