"""Events of assets with batches wait until the batches of their time are known, but not for ever."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Final, NoReturn

import structlog

from pibridge.context.surroundings import Surroundings
from pibridge.errors import JournalFullError
from pibridge.journal.journal import Journal
from pibridge.model import ticks
from pibridge.model.event import Event
from pibridge.model.tag import Tag

_LONGEST_S: Final = 60.0
"""How long beyond the hold events wait for a source that cannot be read."""
_LIVE_TICKS: Final = 86_400 * ticks.PER_SECOND
"""How long before its arrival a live event may lie and still wait for its batch: older ones hold up nobody."""
_LOOK_S: Final = 0.1
_FULL_S: Final = 1.0


class Hold:
    """`describe`: gives a tag by its number. `now`: PI's time. `reach`: has batches read back to a time."""

    def __init__(
        self,
        surroundings: Surroundings,
        describe: Callable[[int], Tag],
        now: Callable[[], int],
        reach: Callable[[int], None],
        *,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._surroundings = surroundings
        self._describe = describe
        self._now = now
        self._reach = reach
        self._sleep = sleep
        self._sources: dict[int, tuple[Tag, frozenset[str]]] = {}
        self._unreadable: set[str] = set()
        self._log = structlog.get_logger()

    async def until_known(self, events: Sequence[Event], arrived_ticks: int, since_ticks: int = 0) -> None:
        """Return when `hold` has passed since these arrived, and what tells their batches was read after that.

        What cannot be read is waited for once, for a limited time, and no more until it has been read again. What ran
        before `since_ticks` is not waited for.
        """
        sources, first_ticks = self._concerned(events)
        if not sources or not self._surroundings.hold_ticks:
            return
        first_ticks = max(first_ticks, since_ticks)
        if not self._surroundings.readings.know(sources, first_ticks, 0):
            self._reach(first_ticks)
        due_ticks = arrived_ticks + self._surroundings.hold_ticks
        hold_s = self._surroundings.hold_ticks / ticks.PER_SECOND
        waited_s = 0.0
        while not self._surroundings.readings.know(sources, first_ticks, due_ticks):
            left_s = (due_ticks - self._now()) / ticks.PER_SECOND
            if waited_s >= hold_s + _LONGEST_S or (left_s <= 0 and sources & self._unreadable):
                self._give_up(sources)
                return
            pause_s = max(min(left_s, hold_s), _LOOK_S)
            await self._sleep(pause_s)
            waited_s += pause_s
        self._unreadable -= sources

    def _concerned(self, events: Sequence[Event]) -> tuple[frozenset[str], int]:
        """Give the sources that tell the batches of these events, and the time of the first event that has any."""
        by_tag = {number: self._sources_of(number) for number in {event.tag for event in events}}
        sources: frozenset[str] = frozenset().union(*by_tag.values())
        if not sources:
            return sources, ticks.FOREVER
        return sources, min(event.ticks for event in events if by_tag[event.tag])

    def _sources_of(self, number: int) -> frozenset[str]:
        tag = self._describe(number)
        known = self._sources.get(number)
        if known is None or known[0] is not tag:
            known = self._sources[number] = tag, self._surroundings.sources(tag)
        return known[1]

    def _give_up(self, sources: frozenset[str]) -> None:
        new = sources - self._unreadable
        if new:
            self._unreadable |= new
            self._log.warning(
                "batches cannot be read now, events go on with what is known of them",
                sources=sorted(new),
                hint="their context is corrected once it can be read; a replay sends it",
            )


async def place_held(journal: Journal, hold: Hold) -> NoReturn:
    """Give held events their place in the journal as soon as they have waited, one part after the other."""
    while True:
        held = await journal.held()
        await hold.until_known(held.events, held.arrived_ticks, held.arrived_ticks - _LIVE_TICKS)
        try:
            await journal.place(held)
        except JournalFullError:
            await asyncio.sleep(_FULL_S)
