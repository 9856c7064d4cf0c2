"""A group of tags read by asking: what PI has now and, where that is new, what it has archived since the last look."""

import asyncio
from collections.abc import Callable, Collection, Mapping

import structlog

from pibridge.errors import PIBridgeError, RejectedError, TooMuchError, UnauthorizedError, UnavailableError
from pibridge.intake.arrivals import event_at_its_time, event_of, is_provisional, same
from pibridge.intake.reception import Reception
from pibridge.model.event import UPDATE, Event
from pibridge.pi.outcomes import Outcomes
from pibridge.pi.recorded import Page, has_no_history, recorded, values
from pibridge.pi.wire import TimedValue

_MOST_BETWEEN = 1000
"""How many values of a tag are read between two looks; where there are more, history reads them."""

_FAILED_AGAIN_S = 30.0
"""How long an archive that could not be read is not asked again."""


class Poll:
    """Looks every `interval_s`. `set_aside` gets the tags that PI refuses to read, and why.

    `archived_only`: of mode recorded, the present value is held back until it is archived. `static`: those that have a
    value but no history.
    """

    def __init__(
        self,
        reception: Reception,
        interval_s: float,
        set_aside: Callable[[Mapping[int, PIBridgeError]], None],
        *,
        archived_only: bool = False,
        static: Collection[int] = (),
    ) -> None:
        self.reception = reception
        self._interval_s = interval_s
        self._set_aside = set_aside
        self._archived_only = archived_only
        self._static = frozenset(static)
        self._numbers = dict(zip(reception.web_ids, reception.numbers, strict=True))
        self._present = reception.arrivals.present
        self._is_first = True
        self._is_complaining = False
        # Tags whose archive PI does not have, and when one that could not be read is asked again.
        self._without_history: set[int] = set()
        self._failing: dict[int, float] = {}
        # What a look finds: tags that history has to read, whose gap begins, and that are refused.
        self._left: set[int] = set()
        self._missed: dict[int, PIBridgeError] = {}
        self._refused: dict[int, PIBridgeError] = {}
        self._log = structlog.get_logger(stream=reception.stream, tags=len(reception.numbers))

    async def run(self) -> RejectedError | UnauthorizedError:
        """Keep looking, until PI refuses all of the tags; give why."""
        return await self.reception.keep(self._session)

    async def _session(self) -> None:
        """Look until PI is gone. Raises what went wrong if not even the first look came to an end."""
        async with self.reception.session():
            self._without_history.clear()
            self._failing.clear()
            self._is_first = True
            await self._look()
            await self.reception.begin()
            self._is_first = False
            while True:
                await asyncio.sleep(self._interval_s)
                await self._look()

    async def _look(self) -> None:
        """Write down what is new.

        The archive is asked after the present values, from those of the last look on: what comes in between belongs to
        the next look, so nothing falls between two.
        """
        self._left, self._missed, self._refused = set(), {}, {}
        changed = await self._changed()
        pages = await self._archived_since(changed)
        events: list[Event] = []
        for web_id, event in changed.items():
            events += self._new(event, pages.get(web_id))
        if self._missed:
            problem = next(iter(self._missed.values()))
            self._log.warning(
                "the archive of tags cannot be read; what is missing is owed",
                failed=len(self._missed),
                error=str(problem),
                hint="check the tag in PI",
            )
            await self.reception.miss(sorted(self._missed), str(problem))
        if self._left:
            await self.reception.recover(sorted(self._left), "more than a look reads")
        await self.reception.write(self.reception.arrivals.sort(events))
        if self._refused:
            self._numbers = {web_id: number for web_id, number in self._numbers.items() if number not in self._refused}
            self._set_aside(self._refused)

    async def _changed(self) -> dict[str, Event]:
        """Give the present values that are not those of the last look."""
        changed: dict[str, Event] = {}
        unread: list[PIBridgeError] = []
        for web_id, outcome in (await values(self.reception.client, list(self._numbers))).items():
            number = self._numbers[web_id]
            if isinstance(outcome, TimedValue):
                try:
                    event = self._present_of(number, outcome)
                except UnavailableError as error:
                    unread.append(error)
                    continue
                if self._is_changed(event):
                    changed[web_id] = event
            elif isinstance(outcome, RejectedError | UnauthorizedError):
                self._refused[number] = outcome
            else:
                unread.append(outcome)
        if unread and not self._is_complaining:
            self._log.warning(
                "PI does not tell the value of tags; they are asked again",
                failed=len(unread),
                error=str(unread[0]),
                hint="check the tag in PI",
            )
        self._is_complaining = bool(unread)
        return changed

    def _present_of(self, number: int, value: TimedValue) -> Event:
        if self._archived_only and (said := value.error()):
            raise UnavailableError(f"an error in place of a value: {said}")  # what PI may discard is not known by it
        return event_at_its_time(number, value)

    def _is_changed(self, event: Event) -> bool:
        known = self._present.get(event.tag)
        if event.tag in self._static:
            last = known or self.reception.journal.last(event.tag)
            return last is None or last.value != event.value
        return known is None or not same(known, event)

    async def _archived_since(self, changed: Mapping[str, Event]) -> Outcomes[Page]:
        """Read the archive from the last look to the present values."""
        client = self.reception.client
        now, now_s = client.server_ticks(), asyncio.get_running_loop().time()
        starts: dict[str, int] = {}
        for web_id, event in changed.items():
            known = self._present.get(event.tag)
            is_readable = event.tag not in self._static and event.tag not in self._without_history
            if known is not None and is_readable and self._failing.get(event.tag, now_s) <= now_s:
                starts[web_id] = min(known.ticks, event.ticks)
        # A quiet tag, read from long ago, must not make busy ones be read from there as well.
        by_age: dict[int, list[str]] = {}
        for web_id, start in starts.items():
            by_age.setdefault(max(0, now - start).bit_length(), []).append(web_id)
        most = min(_MOST_BETWEEN, client.settings.limits.items_per_request)
        pages: Outcomes[Page] = {}
        for group in by_age.values():
            start, end = min(map(starts.__getitem__, group)), max(changed[web_id].ticks for web_id in group)
            try:
                pages |= await recorded(client, group, start, end, most)
            except TooMuchError:
                pages |= dict.fromkeys(group, Page([], [], full=True))
        return pages

    def _new(self, event: Event, page: Page | PIBridgeError | None) -> list[Event]:
        """Give what a present value and the page that leads to it bring of a tag."""
        number = event.tag
        if isinstance(page, PIBridgeError):
            return self._without_archive(event, page)
        if number in self._static:
            last = self.reception.journal.last(number)
            if last is not None and event.ticks <= last.ticks:
                event.status |= UPDATE
        elif page is None:
            if not self._is_first and number not in self._present:
                self._left.add(number)  # PI did not tell its value when the others were read first
        elif page.full or any(value.error() for value in page.values) or number in self._failing:
            self._failing.pop(number, None)
            self._left.add(number)
        # History holds back what is provisional: it has to know this before it is told to read.
        self._present[number] = event
        between = [] if page is None or number in self._left else _events(number, page)
        if self._archived_only and number not in self._static:
            return [each for each in between if not is_provisional(each, event)]
        if not any(same(each, event) for each in between):
            between.append(event)
        return between

    def _without_archive(self, event: Event, error: PIBridgeError) -> list[Event]:
        """Give the present value by itself. Unless PI has no history, what lies before it is owed."""
        number = event.tag
        if self._archived_only:
            if isinstance(error, RejectedError | UnauthorizedError):
                self._refused[number] = error
            return []  # the next look reads on from where this one began
        if has_no_history(error):
            self._without_history.add(number)
        else:
            if number not in self._failing:
                self._missed[number] = error
            self._failing[number] = asyncio.get_running_loop().time() + _FAILED_AGAIN_S
        self._present[number] = event
        return [event]


def _events(number: int, page: Page) -> list[Event]:
    return [event_of(number, value, moment) for value, moment in zip(page.values, page.ticks, strict=True)]
