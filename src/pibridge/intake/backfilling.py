"""Does what was asked for of PI's history: opens the gaps that `History` pays, and looks at what is to be compared."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import Final, NoReturn

import structlog

from pibridge.context.choice import Choice
from pibridge.errors import JournalFullError
from pibridge.intake.coverage import Coverage
from pibridge.intake.history import History
from pibridge.intake.looks import Look
from pibridge.intake.reread import SETTLED_TICKS
from pibridge.journal.backfill import Backfill
from pibridge.journal.journal import Journal
from pibridge.pi.client import PiClient

_LOOK_S: Final = 1.0
_TAGS_AT_ONCE: Final = 200
"""Compared between two chances to pause."""


class Backfilling:
    """`meant`: gives the tags of a choice that are read now; None: that is not known yet.

    `reach`: is told since when events of tags are owed.
    """

    def __init__(
        self,
        client: PiClient,
        journal: Journal,
        history: History,
        meant: Callable[[Choice], list[int] | None],
        reach: Callable[[int, list[int]], None],
    ) -> None:
        self._client = client
        self._journal = journal
        self._backfills = journal.backfills
        self._history = history
        self._meant = meant
        self._reach = reach
        self._log = structlog.get_logger()

    async def run(self) -> NoReturn:
        """Work on what is asked for, whenever something is."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._read(), name="backfill")
            tasks.create_task(self._reread(), name="reread what was asked for")
            await asyncio.Event().wait()
        raise AssertionError  # the group ends only with an error

    async def _read(self) -> NoReturn:
        known = self._backfills.changes
        while True:
            running = [each for each in self._backfills.all if each.kind != "reread" and each.state == "running"]
            for each in running:
                with suppress(JournalFullError):  # tried again
                    await self._go_on(each)
            with suppress(TimeoutError):
                async with asyncio.timeout(_LOOK_S if running else None):
                    await self._backfills.changed(known)
                known = self._backfills.changes
                # Gaps have gone, or are to be read again.
                self._history.recoverable()

    async def _go_on(self, found: Backfill) -> None:
        if not found.begun:
            await self._begin(found)
        elif not await self._backfills.owed(found):
            if found.kind == "backfill":
                coverage = await self._coverage()
                await self._journal.join(coverage.reached(found), found.choice.start_ticks)
            await self._backfills.finish(found)
            self._log.info("history read, as asked", kind=found.kind, id=found.id)

    async def _begin(self, found: Backfill) -> None:
        numbers = self._meant(found.choice)
        if numbers is None:
            return
        # PI's time is known to a second: what has just joined may have done so a little later than what is now.
        joined = [self._journal.joined(number) or 0 for number in numbers]
        end = min(found.choice.end_ticks, max(self._client.server_ticks(), *joined, 0))
        new = (await self._coverage()).gaps(found, numbers, end)
        self._reach(min((gap.start_ticks for gap in new), default=end), sorted({gap.tag for gap in new}))
        await self._backfills.begin(found, numbers, end, new)
        self._log.info("history is read, as asked", backfill=found.id, tags=len(numbers), gaps=len(new))
        self._history.recoverable()

    async def _coverage(self) -> Coverage:
        joined, trimmed = self._journal.owed(), self._journal.stat().trimmed_ticks
        return Coverage.of(joined, await self._journal.gaps(), self._backfills.all, trimmed)

    async def _reread(self) -> NoReturn:
        while True:
            known = self._backfills.changes
            found = self._backfills.running("reread")
            if found is not None:
                with suppress(JournalFullError):  # tried again
                    if await self._look(found):
                        continue
            with suppress(TimeoutError):
                async with asyncio.timeout(_LOOK_S if found else None):
                    await self._backfills.changed(known)

    async def _look(self, found: Backfill) -> bool:
        """Compare some tags with PI's archive. False: nothing can be done now."""
        if not found.begun:
            numbers = self._meant(found.choice)
            if numbers is None:
                return False
            # What has not settled is told live, or compared later.
            end = min(found.choice.end_ticks, self._client.server_ticks() - SETTLED_TICKS)
            await self._backfills.begin(found, numbers, end)
            return True
        some = found.numbers[found.looked : found.looked + _TAGS_AT_ONCE]
        coverage, start, end = await self._coverage(), found.choice.start_ticks, found.end_ticks
        await self._history.look(Look({number: coverage.spans_within(number, start, end) for number in some}))
        await self._backfills.look(found, found.looked + len(some))
        if found.looked + len(some) == len(found.numbers):
            await self._backfills.finish(found)
            self._log.info("history compared, as asked", reread=found.id, tags=len(found.numbers))
        return True
