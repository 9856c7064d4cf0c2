"""What PI marks as edited is read again around its time: over a channel an edit and a deletion look alike."""

import asyncio
from collections.abc import Iterable
from typing import Any, NoReturn

from pibridge.intake.compare import Place, content, place_of
from pibridge.intake.history import History
from pibridge.intake.looks import Look
from pibridge.model import ticks
from pibridge.model.event import Event

_GATHER_S = 2.0
_AROUND_TICKS = 10 * ticks.PER_SECOND
_REMEMBERED = 10_000


class Edited:
    """Gathers marked events for a moment, and has the archive looked at around their times."""

    def __init__(self, history: History) -> None:
        self._history = history
        self._places: set[Place] = set()
        self._seen: dict[tuple[Place, Any], None] = {}
        self._news = asyncio.Event()

    def note(self, events: Iterable[Event]) -> None:
        """Take marked events; what was looked at already (PI repeats its present values) is passed over."""
        for event in events:
            mark = place_of(event), content(event)
            if mark not in self._seen:
                self._seen[mark] = None
                self._places.add(place_of(event))
                self._news.set()
        while len(self._seen) > _REMEMBERED:
            del self._seen[next(iter(self._seen))]

    async def run(self) -> NoReturn:
        """Look at what was noted, again and again."""
        while True:
            await self._news.wait()
            await asyncio.sleep(_GATHER_S)
            self._news.clear()
            places, self._places = self._places, set()
            starts: dict[int, int] = {}
            there: dict[int, list[Place]] = {}
            for place in places:
                tag, moment = place
                starts[tag] = min(moment - _AROUND_TICKS, starts.get(tag, ticks.FOREVER))
                there.setdefault(tag, []).append(place)
            end = max(moment for _, moment in places) + _AROUND_TICKS
            # PI speaks of these times: where the archive has nothing any more, something was deleted.
            await self._history.look(Look({tag: [(start, end)] for tag, start in starts.items()}, there))
