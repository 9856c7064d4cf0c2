"""Settled time is read again: what came late, was edited or was deleted in PI's archive becomes records after all."""

import asyncio
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, NoReturn

from pibridge.intake.history import History
from pibridge.intake.looks import Look
from pibridge.intake.settings import RereadSettings
from pibridge.journal.journal import Journal
from pibridge.model import ticks
from pibridge.pi.client import PiClient
from pibridge.status.counters import HistoryCounters

if TYPE_CHECKING:
    from pibridge.intake.compare import Place

SETTLED_TICKS = 120 * ticks.PER_SECOND
"""How old time must be to count as settled; less where a look reaches back less far."""


class Reread:
    """Looks back at the tags of one stream, every now and then. `numbers` gives the tags that are read."""

    def __init__(  # noqa: PLR0913, PLR0917 - the parts that a look touches; only `Streams` makes one
        self,
        stream: str,
        settings: RereadSettings,
        numbers: Callable[[], Iterable[int]],
        client: PiClient,
        journal: Journal,
        history: History,
        counters: HistoryCounters,
    ) -> None:
        self._mark = f"reread {stream}"
        self._every_s = settings.every
        self._back_ticks = ticks.from_seconds(settings.back)
        self._settled_ticks = min(self._back_ticks, SETTLED_TICKS)
        self._numbers = numbers
        self._client = client
        self._journal = journal
        self._history = history
        self._counters = counters
        self._archived: Mapping[int, set[Place]] = {}

    async def run(self) -> NoReturn:
        """Look again and again; what a stop or crash left out is looked at first."""
        await self._look_at_what_was_left()
        while True:
            await asyncio.sleep(self._every_s)
            end = self._client.server_ticks() - self._settled_ticks
            await self._look(min(self._journal.mark(self._mark) or end, end - self._back_ticks), end)

    async def _look_at_what_was_left(self) -> None:
        """Look at the time that had not settled when the daemon ended; what followed was a gap and is read anyway."""
        left = self._journal.mark(self._mark)
        settled = self._client.server_ticks() - self._settled_ticks
        if left is None:
            await self._journal.set_mark(self._mark, settled)
            return
        unsettled = left + ticks.from_seconds(self._every_s) + 2 * self._settled_ticks
        await self._look(left, min(settled, unsettled))
        await self._journal.set_mark(self._mark, settled)

    async def _look(self, start: int, end: int) -> None:
        joined = {number: self._journal.joined(number) for number in self._numbers()}
        spans = {number: [(max(start, since), end)] for number, since in joined.items() if since is not None}
        look = Look(spans, self._archived)
        await self._history.look(look)
        self._counters.looks += 1
        # Only what the next look reaches again can be found missing then.
        next_start = end + ticks.from_seconds(self._every_s) - self._back_ticks
        self._archived = {
            tag: kept
            for tag, places in look.archived.items()
            if (kept := {place for place in places if place[1] >= next_start})
        }
        await self._journal.set_mark(self._mark, end)
