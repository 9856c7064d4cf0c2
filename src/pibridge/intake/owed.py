"""What history is to read next: the journal's gaps as they can be read now, and looks."""

import asyncio
from collections.abc import AsyncIterator, Collection, Sequence
from contextlib import suppress

from msgspec.structs import replace

from pibridge.intake.catalogue import Catalogue
from pibridge.intake.debts import Debts
from pibridge.intake.looks import Look
from pibridge.journal.gaps import AdvanceGap, CloseGap, Gap, GapChange
from pibridge.journal.journal import Journal
from pibridge.model.tag import Mode

_SET_ASIDE_S = 30.0
_GAPS_AT_ONCE = 2000


class Owed:
    """The gaps of the tags in the catalogue that have an end, kept up to date without reading all of them again.

    `looks`: by the numbers of their gaps. They are chosen like gaps, but the journal does not know them.
    """

    def __init__(self, journal: Journal, catalogue: Catalogue) -> None:
        self.looks: dict[int, Look] = {}
        self._journal = journal
        self._catalogue = catalogue
        self._debts = Debts()
        # Tags whose gaps the journal is to be asked for; None: all.
        self._unknown: set[int] | None = None
        # Tags of which gaps were chosen and not released: a tag's gaps are read one after the other.
        self._busy: set[int] = set()
        self._try_again_at = 0.0
        self._news = asyncio.Event()

    @property
    def count(self) -> int:
        """How many gaps are owed."""
        return self._debts.owed

    @property
    def oldest_ticks(self) -> int:
        """When the oldest of them begins, 0 if there are none."""
        return self._debts.oldest_ticks

    def look(self, look: Look) -> None:
        """Take in what is to be looked at."""
        for gap in look.gaps:
            self.looks[gap.id] = look
            self._debts.put(gap, None)
        self._news.set()

    def recoverable(self, numbers: Collection[int] | None = None) -> None:
        """Ask the journal for the gaps of these tags, by default of all, before the next choice."""
        if numbers is None:
            self._unknown = None
        elif self._unknown is not None:
            self._unknown.update(numbers)
        self._news.set()

    async def wait(self) -> None:
        """Wait until something new is owed, or what could not be read is to be tried again."""
        left_s = self._try_again_at - asyncio.get_running_loop().time()
        with suppress(TimeoutError):
            async with asyncio.timeout(left_s if self._debts.waiting else None):
                await self._news.wait()

    async def next(self, most: int, alone: Collection[int]) -> list[Gap]:
        """Choose what to read in one request, as `Debts.choose` does. To be given back by `release`."""
        self._news.clear()
        await self._learn()
        chosen = self._debts.choose(most, alone, self._busy)
        while misfiled := [gap for gap in chosen if not self._is_filed(gap)]:
            for gap in misfiled:
                self._file(gap)
            chosen = self._debts.choose(most, alone, self._busy)
        self._busy.update(gap.tag for gap in chosen)
        return chosen

    def release(self, gaps: Sequence[Gap]) -> None:
        """Let what is left of chosen gaps be chosen again."""
        self._busy.difference_update(gap.tag for gap in gaps)

    def is_owed(self, gap: Gap) -> bool:
        """Tell whether a chosen gap still is as it was, and can be read in the way in which it was to be read."""
        return self._debts.get(gap.id) == gap and self._is_filed(gap)

    def is_payable(self, gap: Gap) -> bool:
        """Tell whether a gap of a tag in the catalogue can be read now."""
        if self._journal.backfills.is_paused(gap.reason):
            return False
        match self._catalogue.tag(gap.tag).mode:
            case Mode.INTERPOLATED:
                return self._spacing_ticks(gap) is not None
            case Mode.RECORDED:
                return gap.id in self.looks or self._catalogue.present(gap.tag) is not None
        return True

    def set_aside(self, gap: Gap) -> None:
        """Try a gap later that cannot be read; of a look it is left out."""
        if gap.id in self.looks:
            self.note([CloseGap(gap.id)])
        else:
            self._debts.wait(gap)

    def note(self, changes: Sequence[GapChange]) -> None:
        """Note what has been read."""
        for change in changes:
            gap = self._debts.drop(change.id)
            if isinstance(change, AdvanceGap) and gap is not None:
                self._file(replace(gap, start_ticks=change.start_ticks))
            elif isinstance(change, CloseGap) and change.id in self.looks:
                self.looks.pop(change.id).end(change.id)

    async def _learn(self) -> None:
        """Bring what is known in line with the journal, and now and then with what can be read."""
        now = asyncio.get_running_loop().time()
        unknown, self._unknown = self._unknown, set()
        if unknown is None:
            await self._learn_all()
        elif unknown:
            for gap in await self._journal.gaps(unknown):
                if gap.end_ticks is not None:
                    self._file(gap)
        if now >= self._try_again_at:
            self._try_again_at = now + _SET_ASIDE_S
            async for gap in _piecemeal(list(self._debts.waiting.values())):
                if gap.tag not in self._catalogue or self.is_payable(gap):
                    self._file(gap)

    async def _learn_all(self) -> None:
        payable, waiting = [], []
        async for gap in _piecemeal(await self._journal.gaps()):
            if gap.end_ticks is None or gap.tag not in self._catalogue:
                continue
            if self.is_payable(gap):
                payable.append((gap, self._spacing_ticks(gap)))
            else:
                waiting.append(gap)
        debts = await asyncio.to_thread(Debts, payable, waiting)
        for look in self._debts.looks():
            debts.put(look, None)
        self._debts = debts

    def _file(self, gap: Gap) -> None:
        """Put a gap where it belongs now: a tag that is not read is owed nothing until it comes back."""
        if gap.id in self.looks:
            if self._can_be_looked_at(gap):
                self._debts.put(gap, None)
            else:
                self.note([CloseGap(gap.id)])
        elif gap.tag not in self._catalogue:
            self._debts.drop(gap.id)
        elif self.is_payable(gap):
            self._debts.put(gap, self._spacing_ticks(gap))
        else:
            self._debts.wait(gap)

    def _is_filed(self, gap: Gap) -> bool:
        """Tell whether a chosen gap can still be read, and in the way in which it was to be read."""
        if gap.id in self.looks:
            return self._can_be_looked_at(gap)
        is_readable = gap.tag in self._catalogue and self.is_payable(gap)
        return is_readable and self._spacing_ticks(gap) == self._debts.spacing_ticks(gap.id)

    def _can_be_looked_at(self, gap: Gap) -> bool:
        """Tell whether the tag is read, and has an archive."""
        if gap.tag not in self._catalogue:
            return False
        tag = self._catalogue.tag(gap.tag)
        return tag.mode is not Mode.INTERPOLATED and not tag.static

    def _spacing_ticks(self, gap: Gap) -> int | None:
        return self._catalogue.spacing_ticks(gap.tag)


async def _piecemeal(gaps: Sequence[Gap]) -> AsyncIterator[Gap]:
    """Give each gap, and the event loop its turn between: there may be very many."""
    for place, gap in enumerate(gaps):
        if not place % _GAPS_AT_ONCE:
            await asyncio.sleep(0)
        yield gap
