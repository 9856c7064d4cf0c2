"""Pays debts: reads what was missed from PI, page by page, into the journal's history lane."""

import asyncio
from collections import Counter, deque
from collections.abc import Collection, Mapping, Sequence
from typing import NoReturn

import structlog

from pibridge.errors import PIBridgeError, TooMuchError, UnavailableError
from pibridge.intake.arrivals import event_of, is_provisional
from pibridge.intake.asking import VALUE_ERROR_TRIES, Asked, ask
from pibridge.intake.catalogue import Catalogue
from pibridge.intake.compare import place_of
from pibridge.intake.instants import first_owed, left_of, owed_of
from pibridge.intake.looks import Look
from pibridge.intake.owed import Owed
from pibridge.intake.pages import Settled, settle
from pibridge.intake.patience import PASSING, patiently
from pibridge.journal.gaps import AdvanceGap, CloseGap, Gap, GapChange
from pibridge.journal.journal import Journal
from pibridge.model.event import DELETE, UPDATE, Event, Lane
from pibridge.model.tag import Mode
from pibridge.pi.client import PiClient
from pibridge.pi.interpolated import interpolated
from pibridge.pi.recorded import Page, has_no_history
from pibridge.pi.wire import TimedValue
from pibridge.status.counters import Counters

_STREAMS_PER_REQUEST = 50
# What is compared in one go: larger answers hold up what arrives live.
_VALUES_PER_REQUEST = 10_000
_FEWEST_PER_STREAM = 100
_FEWEST_AT_ALL = 2
_FIRST_PAUSE_S = 1.0
_LONGEST_PAUSE_S = 60.0


class History:
    """Reads the gaps of the tags in the catalogue, never faster than the client allows.

    PI is asked for the next ones while an answer is compared; one place for requests is left to others.
    Tags that are sampled are sampled for their gaps too; all others are read from the archive. Of mode recorded, what
    PI may still discard is held back: whoever reads the tag live keeps it, and until somebody does its gaps wait.
    """

    def __init__(
        self, client: PiClient, journal: Journal, catalogue: Catalogue, counters: Counters, items_per_request: int
    ) -> None:
        self._client = client
        self._journal = journal
        self._catalogue = catalogue
        self._counters = counters
        self._items = items_per_request
        self._owed = Owed(journal, catalogue)
        self._most_ahead = max(1, client.settings.limits.concurrent_requests - 1)
        self._ahead: deque[tuple[Sequence[Gap], asyncio.Task[Asked | None]]] = deque()
        # Tags whose history was not to be had when it was last asked for, and why: told once.
        self._unread: dict[int, str] = {}
        # So many PI refused to give in one answer, or one more than it is ever asked for.
        self._refused = items_per_request + 1
        # Gaps with more events at one time than fit: to be asked for alone, with this count.
        self._dense: dict[int, int] = {}
        self._log = structlog.get_logger()

    async def look(self, look: Look) -> None:
        """Compare the archive with the journal in this time; what differs becomes events. Return when it is done.

        Nothing is owed by it: tags that cannot be read are left out, and a restart forgets it.
        """
        self._owed.look(look)
        await look.wait()

    def recoverable(self, numbers: Collection[int] | None = None) -> None:
        """Look for gaps of these tags to pay, by default of all: some have got their end, or tags have come back."""
        self._owed.recoverable(numbers)

    async def run(self) -> NoReturn:
        """Pay whatever is owed, then wait for more."""
        try:
            while True:
                async for attempt in patiently(
                    self._log, "history cannot be read now, its gaps stay open", _FIRST_PAUSE_S, _LONGEST_PAUSE_S
                ):
                    with attempt:
                        await self._go_on()
        finally:
            self._forget_what_was_asked()

    async def _go_on(self) -> None:
        """Pay some gaps; if there are none, wait. What fails is asked for anew, with all that was asked for ahead."""
        while len(self._ahead) < self._most_ahead and (gaps := await self._next()):
            asking = asyncio.create_task(self._ask(gaps), name="ask for history")
            asking.add_done_callback(_look_at)
            self._ahead.append((gaps, asking))
        if not self._ahead:
            await self._owed.wait()
            return
        chosen, asking = self._ahead[0]
        try:
            await self._pay(chosen, await asking)
        except TooMuchError as error:
            self._forget_what_was_asked()
            self._ask_for_less(chosen, error)
        except PASSING:
            self._forget_what_was_asked()
            raise
        else:
            self._ahead.popleft()
            self._owed.release(chosen)

    def _forget_what_was_asked(self) -> None:
        while self._ahead:
            gaps, asking = self._ahead.pop()
            asking.cancel()
            self._owed.release(gaps)

    async def _next(self) -> list[Gap]:
        most = max(1, min(_STREAMS_PER_REQUEST, self._items // _FEWEST_PER_STREAM))
        gaps = await self._owed.next(most, self._dense)
        self._counters.history.owed = self._owed.count
        self._counters.history.oldest_ticks = self._owed.oldest_ticks
        # A tag that is read in two modes must not stand twice in one request.
        chosen = list({self._catalogue.tag(gap.tag).web_id: gap for gap in gaps}.values())
        self._owed.release([gap for gap in gaps if gap not in chosen])
        return chosen

    async def _ask(self, gaps: Sequence[Gap]) -> Asked | None:
        """Ask for a page of each gap. None: they are sampled, and what lacks is seen when it is their turn."""
        if self._catalogue.spacing_ticks(gaps[0].tag) is not None:
            return None
        return await ask(gaps, self._most(gaps), self._owed.looks, self._client, self._journal, self._catalogue)

    def _most(self, gaps: Sequence[Gap]) -> int:
        """Give how many values of each gap to ask for."""
        return self._dense.get(gaps[0].id, max(2, min(self._items, _VALUES_PER_REQUEST) // len(gaps)))

    async def _pay(self, gaps: Sequence[Gap], asked: Asked | None) -> None:
        """Write down what came of gaps that still can be read: all are of tags that are sampled alike, or of none."""
        gaps = [gap for gap in gaps if self._owed.is_owed(gap)]
        if not gaps:
            return
        spacing_ticks = self._catalogue.spacing_ticks(gaps[0].tag)
        if spacing_ticks is not None:
            await self._sample(gaps, spacing_ticks)
        elif isinstance(asked, Asked):
            await self._settle(gaps, asked)

    async def _settle(self, gaps: Sequence[Gap], asked: Asked) -> None:
        """Write one page of each gap down together with what is left of the gap."""
        pages = self._pages(gaps, asked)
        with self._catalogue.watching(pages):
            told, changes = await self._compare(gaps, pages, asked)
        owed = [change for change in changes if change.id not in self._owed.looks]
        await self._journal.commit(Lane.HISTORY, told, self._client.server_ticks(), owed)
        self._count(told, owed, sum(len(page.values) for page in pages.values()) - len(told))
        self._owed.note(changes)

    async def _compare(
        self, gaps: Sequence[Gap], pages: Mapping[int, Page], asked: Asked
    ) -> tuple[list[Event], list[GapChange]]:
        """Give what of the pages neither the journal has nor has arrived live, and what is left of the gaps."""
        start, end = asked.start_ticks, asked.end_ticks
        reached = max((page.ticks[-1] if page.full and page.ticks else end for page in pages.values()), default=start)
        journaled: dict[int, list[Event]] = {}
        for event in await self._journal.seen(pages.keys(), start, reached):
            journaled.setdefault(event.tag, []).append(event)
        trimmed = self._journal.stat().trimmed_ticks
        told: list[Event] = []
        changes: list[GapChange] = []
        for gap in gaps:
            page = pages.get(gap.tag)
            if page is None:
                continue
            await asyncio.sleep(0)
            look = self._owed.looks.get(gap.id)
            before = asked.archived_before.get(gap.tag, ())
            events = _events(gap.tag, page)
            settled = settle(
                gap, events, journaled.get(gap.tag, ()), full=page.full, archived_before=before, trimmed_ticks=trimmed
            )
            if settled.stuck and not self._is_hopeless(gap, asked.most):
                self._dense[gap.id] = self._more_than(asked.most)
                continue
            self._dense.pop(gap.id, None)
            told += self._archived(gap.tag, settled.told, asked.provisional[gap.tag])
            changes += self._left(gap, settled)
            if look:
                look.note(gap.tag, (place_of(event) for event in events if event.ticks <= settled.until_ticks))
        return self._catalogue.claim(told), changes

    def _archived(self, number: int, told: list[Event], provisional: Event | None) -> list[Event]:
        """Hold back what PI may still discard, of mode recorded."""
        if self._catalogue.tag(number).mode is not Mode.RECORDED:
            return told
        return [event for event in told if provisional is not None and not is_provisional(event, provisional)]

    def _left(self, gap: Gap, settled: Settled) -> list[GapChange]:
        """Give what the page changes of its gap."""
        if not settled.stuck:
            return [settled.change] if settled.change is not None else []
        self._counters.history.left_out += 1
        self._log.error(
            "more events at one time than fit into one answer; the rest of that time is left out",
            tag=self._catalogue.tag(gap.tag).path,
            hint="raise pi.limits.items_per_request up to the server's own limit",
        )
        return [AdvanceGap(gap.id, settled.until_ticks + 1)]

    def _is_hopeless(self, gap: Gap, most: int) -> bool:
        """Tell whether the gap was asked for alone, with the greatest count."""
        return gap.id in self._dense and most >= self._items and self._more_than(most) == most

    def _more_than(self, most: int) -> int:
        """Give how many values to ask for instead: what PI gives for sure, else half-way to what it has refused."""
        return min(2 * most, self._items) if most < self._items else (most + self._refused) // 2

    def _pages(self, gaps: Sequence[Gap], asked: Asked) -> dict[int, Page]:
        """Give the page of each gap's tag; gaps of tags that PI does not give are set aside, with the reason."""
        pages: dict[int, Page] = {}
        for gap in gaps:
            outcome = asked.answer[gap.tag]
            if isinstance(outcome, Page):
                pages[gap.tag] = outcome
                self._unread.pop(gap.tag, None)
            elif has_no_history(outcome) and gap.id not in self._owed.looks:
                self._log.warning(
                    "PI has no history of a tag; what was missed is lost",
                    tag=self._catalogue.tag(gap.tag).path,
                    error=str(outcome),
                    hint="PI computes its values; with mode: interpolated its past can be sampled",
                )
                self._counters.history.left_out += 1
                pages[gap.tag] = Page([], [], full=False)
            else:
                self._put_aside(gap, outcome)
        return pages

    async def _sample(self, gaps: Sequence[Gap], spacing_ticks: int) -> None:
        """Sample some of the instants that gaps lack, and write them down together with what is left of the gaps."""
        window = first_owed(gaps, spacing_ticks, max(1, min(self._items, _VALUES_PER_REQUEST) // len(gaps)))
        journaled = set()
        if window:
            numbers = [gap.tag for gap in gaps]
            journaled = set(map(place_of, await self._journal.seen(numbers, window[0], window[-1])))
        lacking = {
            gap: [moment for moment in owed_of(gap, window, spacing_ticks) if (gap.tag, moment) not in journaled]
            for gap in gaps
        }
        values = await self._values({gap: moments for gap, moments in lacking.items() if moments}, spacing_ticks)
        paid = {gap: moments for gap, moments in lacking.items() if gap in values or not moments}
        told = [event_of(gap.tag, values[gap][moment], moment) for gap, moments in paid.items() for moment in moments]
        changes = [left_of(gap, window, spacing_ticks) for gap in paid]
        await self._journal.commit(Lane.HISTORY, told, self._client.server_ticks(), changes)
        self._count(told, changes, 0)
        self._owed.note(changes)

    async def _values(
        self, lacking: Mapping[Gap, Sequence[int]], spacing_ticks: int
    ) -> dict[Gap, dict[int, TimedValue]]:
        """Give what PI makes of these instants; gaps of tags that it does not sample are set aside."""
        if not lacking:
            return {}
        first, last = min(moments[0] for moments in lacking.values()), max(moments[-1] for moments in lacking.values())
        asked = range(first, last + 1, spacing_ticks)
        web_ids = {gap: self._catalogue.tag(gap.tag).web_id for gap in lacking}
        values: dict[Gap, dict[int, TimedValue]] = {}
        for _ in range(VALUE_ERROR_TRIES):
            values.clear()
            answer = await interpolated(self._client, list(web_ids.values()), asked)
            for gap, web_id in web_ids.items():
                outcome = answer[web_id]
                if isinstance(outcome, PIBridgeError):
                    self._put_aside(gap, outcome)
                else:
                    values[gap] = dict(zip(asked, outcome, strict=True))
                    self._unread.pop(gap.tag, None)
            if not any(value.error() for found in values.values() for value in found.values()):
                break
        return values

    def _put_aside(self, gap: Gap, error: PIBridgeError) -> None:
        is_owed = gap.id not in self._owed.looks
        self._owed.set_aside(gap)
        if is_owed and self._unread.get(gap.tag) != str(error):
            self._unread[gap.tag] = str(error)
            self._log.warning(
                "the history of a tag cannot be read; its gap stays open and is tried again",
                tag=self._catalogue.tag(gap.tag).path,
                error=str(error),
                hint="check the tag in PI",
            )

    def _ask_for_less(self, gaps: Sequence[Gap], error: TooMuchError) -> None:
        most = self._most(gaps)
        if most > self._items:
            # Tried for one gap only: what is between is tried next.
            self._refused = most
            self._dense[gaps[0].id] = (self._items + most) // 2
            return
        if self._items <= _FEWEST_AT_ALL:
            raise UnavailableError(str(error)) from error
        self._refused = self._items
        self._items //= 2
        self._dense.clear()
        self._log.warning(
            "PI gives fewer values in one answer than configured",
            items_per_request=self._items,
            hint="lower pi.limits.items_per_request to this",
        )

    def _count(self, told: Sequence[Event], changes: Sequence[GapChange], duplicates: int) -> None:
        counters = self._counters.history
        counters.recovered += len(told)
        counters.duplicates += duplicates
        counters.paid += sum(isinstance(change, CloseGap) for change in changes)
        counters.updates += sum(bool(event.status & UPDATE) for event in told)
        counters.deletions += sum(bool(event.status & DELETE) for event in told)
        for number, events in Counter(event.tag for event in told).items():
            stream = self._counters.stream(self._catalogue.tag(number).stream)
            stream.read += events
            stream.recovered += events


def _look_at(asking: asyncio.Task[Asked | None]) -> None:
    """Nobody may wait for it any more."""
    if not asking.cancelled():
        asking.exception()


def _events(number: int, page: Page) -> list[Event]:
    return [event_of(number, value, moment) for value, moment in zip(page.values, page.ticks, strict=True)]
