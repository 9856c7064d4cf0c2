"""A look back: a settled range of time that is read again, and compared."""

import asyncio
from collections.abc import Iterable, Mapping
from itertools import count

from pibridge.intake.compare import Place
from pibridge.journal.gaps import Gap

_numbers = count(-1, -1)


class Look:
    """Some tags, from `start_ticks` to `end_ticks`. `archived_before`: by tag, what the archive had at an earlier look.

    `archived`: what it has now, filled while it is read.
    """

    def __init__(
        self,
        tags: Mapping[int, int],
        end_ticks: int,
        archived_before: Mapping[int, Iterable[Place]] | None = None,
    ) -> None:
        """`tags`: from when on each is looked at."""
        self.archived_before = {tag: set(places) for tag, places in (archived_before or {}).items()}
        self.archived: dict[int, set[Place]] = {}
        # Gaps of the journal have positive numbers: these are no debts, and stand beside them in memory only.
        self.gaps = [
            Gap(next(_numbers), tag, start, end_ticks, "look", overlap_ticks=end_ticks)
            for tag, start in tags.items()
            if start <= end_ticks
        ]
        self._open = {gap.id for gap in self.gaps}
        self._done = asyncio.Event()
        if not self._open:
            self._done.set()

    def note(self, tag: int, places: Iterable[Place]) -> None:
        """Remember what the archive has."""
        self.archived.setdefault(tag, set()).update(places)

    def end(self, number: int) -> None:
        """Count one tag as looked at."""
        self._open.discard(number)
        if not self._open:
            self._done.set()

    async def wait(self) -> None:
        """Wait until all tags were looked at."""
        await self._done.wait()
