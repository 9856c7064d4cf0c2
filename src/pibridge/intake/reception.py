"""What a group of tags needs whichever way PI tells of them live: events written down, every loss a gap on disk."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from http import HTTPStatus

import structlog

from pibridge.errors import JournalFullError, RejectedError, UnauthorizedError, UnavailableError
from pibridge.intake.arrivals import Arrivals, Arrived, decide
from pibridge.intake.pages import MARGIN_TICKS
from pibridge.intake.patience import patiently
from pibridge.journal.gaps import NewGap
from pibridge.journal.jobs import full_error
from pibridge.journal.journal import Journal
from pibridge.model import ticks
from pibridge.model.event import Event
from pibridge.model.tag import Tag
from pibridge.pi.client import PiClient
from pibridge.pi.recorded import values
from pibridge.pi.wire import TimedValue
from pibridge.status.counters import StreamCounters

AHEAD_TICKS = 600 * ticks.PER_SECOND
"""PI takes values up to ten minutes ahead of its clock: a gap reaches that far beyond the reconnect."""

_FIRST_PAUSE_S = 0.5
_LONGEST_PAUSE_S = 30.0
_SHORT_ONES_AT_ONCE = 1
"""So many sessions that do not outlast the longest pause are followed at once: links drop twice in a row."""

_GRACE_S = 5.0
"""How long a value may be under way from PI's archive to us."""


class Reception:
    """Takes in what PI tells live of `numbers` (the journal's, one for each WebID).

    `recoverable` is called when gaps have got their end, `refused` when PI refuses to read tags that it read before,
    `edited` with what PI marks as substituted.
    """

    def __init__(  # noqa: PLR0913, PLR0917 - the two ends of the road and its name plate; only `Channels` makes one
        self,
        stream: str,
        web_ids: Sequence[str],
        numbers: Sequence[int],
        arrivals: Arrivals,
        client: PiClient,
        journal: Journal,
        counters: StreamCounters,
        recoverable: Callable[[], None],
        refused: Callable[[], None],
        edited: Callable[[Sequence[Event]], None] = lambda _: None,
        *,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self.stream = stream
        self.web_ids = tuple(web_ids)
        self.numbers = tuple(numbers)
        self.arrivals = arrivals
        self.client = client
        self.counters = counters
        self.journal = journal
        self._recoverable = recoverable
        self._refused = refused
        self._edited = edited
        self._sleep = sleep
        self._is_heard = False
        self._begun_s = 0.0
        self._log = structlog.get_logger(stream=stream, tags=len(numbers))

    async def keep(self, session: Callable[[], Awaitable[None]]) -> RejectedError | UnauthorizedError:
        """Run session after session, until PI refuses one for these tags; give why.

        A session that raises is tried again with longer and longer pauses. One that returns is followed at once, unless
        it was short: then, too, after longer and longer pauses.
        """
        short = 0
        while True:
            async for attempt in patiently(
                self._log, "channel cannot be opened, it is tried again", _FIRST_PAUSE_S, _LONGEST_PAUSE_S
            ):
                with attempt:
                    try:
                        await session()
                    except RejectedError as error:
                        return error
                    except UnauthorizedError as error:
                        if error.status != HTTPStatus.FORBIDDEN or not self.client.gate.is_open:
                            raise
                        return error
            lasted_s = asyncio.get_running_loop().time() - self._begun_s
            short = short + 1 if lasted_s < _LONGEST_PAUSE_S else 0
            if short > _SHORT_ONES_AT_ONCE:
                await self._sleep(min(_FIRST_PAUSE_S * 2 ** (short - 1 - _SHORT_ONES_AT_ONCE), _LONGEST_PAUSE_S))

    @asynccontextmanager
    async def session(self) -> AsyncIterator[None]:
        """Hold one session: its end is written down; what ends it before `begin` is raised, too.

        Raises JournalFullError at once if nothing could be written down.
        """
        self._is_heard = False
        try:
            self._require_room()
            yield
        except (UnavailableError, UnauthorizedError, RejectedError, JournalFullError) as error:
            await self._end(error)
            if not self._is_heard:
                raise
        finally:
            self.counters.channels_open -= self._is_heard

    async def begin(self, until_ticks: int | None = None) -> None:
        """Note that PI tells of these tags from now on: what was missed before has its end, by default now."""
        await self._end_gaps(self.numbers, until_ticks)
        self.counters.channels_open += 1
        self.counters.last_error = ""
        self._is_heard = True
        self._begun_s = asyncio.get_running_loop().time()
        self._recoverable()
        self._log.info("channel open")

    async def _end(self, error: Exception) -> None:
        await self.journal.open_gaps(missed(self.journal, self.numbers, str(error)))
        self.arrivals.rewind(newest(self.journal, self.numbers))
        self.counters.last_error = str(error)
        self.counters.reconnects += 1
        if self._is_heard:
            self._log.warning("channel lost, its gap is written down", error=str(error))

    async def write(self, arrived: Arrived) -> None:
        """Write down what is new. Raises JournalFullError: nothing was taken."""
        if arrived.marked:
            self._edited(arrived.marked)
        if arrived.doubtful:
            tags = {event.tag for event in arrived.doubtful}
            times = [event.ticks for event in arrived.doubtful]
            arrived = decide(arrived, await self.journal.seen(tags, min(times), max(times)))
        self.counters.duplicates += arrived.duplicates
        self.counters.unknown += arrived.unknown
        if arrived.events:
            self.journal.append(arrived.events, self.client.server_ticks())
            self.arrivals.written()
            self.counters.read += len(arrived.events)
            self.counters.last_ticks = max(self.counters.last_ticks, arrived.events[-1].ticks)
            await self.journal.room()

    async def miss(self, numbers: Sequence[int], reason: str) -> None:
        """Write down that these tags are not heard from now on."""
        await self.journal.open_gaps(missed(self.journal, numbers, reason))

    async def recover(self, numbers: Sequence[int], reason: str, since_ticks: int | None = None) -> None:
        """Have read from the archive what these tags missed until now, from their last event or an earlier time on."""
        gaps = missed(self.journal, numbers, reason)
        if since_ticks is not None:
            gaps += [NewGap(number, since_ticks, None, reason) for number in numbers]
        await self.journal.open_gaps(gaps)
        await self.caught_up(numbers)

    async def caught_up(self, numbers: Sequence[int], until_ticks: int | None = None) -> None:
        """Have read from PI what these tags missed until this time, by default until now."""
        await self._end_gaps(numbers, until_ticks)
        self._recoverable()

    async def leave(self, numbers: Sequence[int], start_ticks: int, end_ticks: int, reason: str) -> None:
        """Leave a time of these tags to history."""
        await self.journal.open_gaps([NewGap(number, start_ticks, end_ticks, reason) for number in numbers])
        self._recoverable()

    async def _end_gaps(self, numbers: Sequence[int], until_ticks: int | None) -> None:
        await self.journal.end_gaps(
            numbers, self.client.server_ticks() + AHEAD_TICKS if until_ticks is None else until_ticks
        )

    async def behind(self) -> list[int]:
        """Give the tags of which PI has had newer values for some time than the journal."""
        newer = await self.newer()
        if newer:
            await asyncio.sleep(self.grace_s)
        return self.still_behind(newer)

    @property
    def grace_s(self) -> float:
        """How long PI may take to tell of a value that it has."""
        return min(_GRACE_S, self.client.settings.timeouts.silent_channel)

    async def newer(self) -> dict[int, int]:
        """Give the tags of which PI has newer values than the journal, with the times of these."""
        try:
            present = await values(self.client, self.web_ids)
        except (UnavailableError, UnauthorizedError):
            return {}
        newer: dict[int, int] = {}
        for number, web_id in zip(self.numbers, self.web_ids, strict=True):
            value = present[web_id]
            if isinstance(value, TimedValue):
                moment = _time_of(value)
                if self._is_behind(number, moment):
                    newer[number] = moment
            elif isinstance(value, (RejectedError, UnauthorizedError)):
                self._refused()
        return newer

    def still_behind(self, newer: Mapping[int, int]) -> list[int]:
        """Give those that the journal has no value of this time or a later one of."""
        return [number for number, moment in newer.items() if self._is_behind(number, moment)]

    def _require_room(self) -> None:
        if self.journal.stat().full:
            raise full_error()

    def _is_behind(self, number: int, moment_ticks: int) -> bool:
        present = self.arrivals.present.get(number)
        if present is not None and present.ticks >= moment_ticks:
            return False
        last = self.journal.last(number)
        return last is None or last.ticks < moment_ticks


def missed(journal: Journal, numbers: Sequence[int], reason: str) -> list[NewGap]:
    """Give the gaps of tags that are not heard from now on: each from a little before its last event.

    What is static has no history, and is owed nothing.
    """
    gaps = []
    for number in numbers:
        heard = heard_until(journal, number)
        if heard is not None and not described(journal, number).static:
            gaps.append(NewGap(number, heard - MARGIN_TICKS, None, reason, overlap_ticks=heard))
    return gaps


def described(journal: Journal, number: int) -> Tag:
    """Give what the tag is now, also when it is read no longer."""
    return journal.tag(number, ticks.FOREVER)


def heard_until(journal: Journal, number: int) -> int | None:
    """Give up to when (PI's time) the tag was read without a hole, None if it never was."""
    last = journal.last(number)
    if last is None:
        return journal.joined(number)
    # An event may lie ahead of PI's clock; what came before it was not heard yet.
    return min(last.ticks, last.arrived_ticks)


def newest(journal: Journal, numbers: Sequence[int]) -> list[Event]:
    """Give the newest journaled event of each tag that has one."""
    events = []
    for number in numbers:
        last = journal.last(number)
        if last is not None:
            events.append(Event(number, last.ticks, last.value))
    return events


def _time_of(value: TimedValue) -> int:
    try:
        return ticks.parse(value.timestamp)
    except ValueError:
        return 0  # says nothing of newer values
