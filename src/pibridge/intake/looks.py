"""A look back: settled time that is read again, and compared."""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from itertools import count

from pibridge.intake.compare import Place
from pibridge.intake.coverage import Span
from pibridge.journal.gaps import Gap

_numbers = count(-1, -1)


class Look:
    """Some tags at some times. `archived_before`: by tag, what the archive had at an earlier look.

    `archived`: what it has now, filled while it is read.
    """

    def __init__(
        self, spans: Mapping[int, Sequence[Span]], archived_before: Mapping[int, Iterable[Place]] | None = None
    ) -> None:
        """`spans`: by tag, from when to when it is looked at; one that ends before it begins is none."""
        self.archived_before = {tag: set(places) for tag, places in (archived_before or {}).items()}
        self.archived: dict[int, set[Place]] = {}
        # Gaps of the journal have positive numbers: these are no debts, and stand beside them in memory only.
        self.gaps = [
            Gap(next(_numbers), tag, start, end, "look", overlap_ticks=end)
            for tag, times in spans.items()
            for start, end in times
            if start <= end
        ]
        self._open = {gap.id for gap in self.gaps}
        self._done = asyncio.Event()
        if not self._open:
            self._done.set()

    def note(self, tag: int, places: Iterable[Place]) -> None:
        """Remember what the archive has."""
        self.archived.setdefault(tag, set()).update(places)

    def end(self, number: int) -> None:
        """Count one time of a tag as looked at."""
        self._open.discard(number)
        if not self._open:
            self._done.set()

    async def wait(self) -> None:
        """Wait until all was looked at."""
        await self._done.wait()
