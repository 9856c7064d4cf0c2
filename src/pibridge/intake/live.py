"""One channel and its tags: every message into the journal at once, every loss a gap on disk before the reconnect."""

from collections.abc import Callable, Sequence
from typing import NoReturn

import structlog
from tenacity import AsyncRetrying, RetryCallState, retry_if_exception_type, wait_exponential, wait_random

from pibridge.errors import JournalFullError, RejectedError, UnauthorizedError, UnavailableError
from pibridge.intake.arrivals import Arrivals, decide
from pibridge.intake.pages import MARGIN_TICKS
from pibridge.journal.gaps import NewGap
from pibridge.journal.journal import Journal
from pibridge.model import ticks
from pibridge.model.event import Event
from pibridge.pi.channel import Channel, open_channel
from pibridge.pi.client import PiClient
from pibridge.pi.wire import decode_channel
from pibridge.status.counters import StreamCounters

AHEAD_TICKS = 600 * ticks.PER_SECOND
"""PI takes values up to ten minutes ahead of its clock: a gap reaches that far beyond the reconnect."""

_FIRST_PAUSE_S = 0.5
_LONGEST_PAUSE_S = 30.0


class LiveChannel:
    """Reads `numbers` (the journal's, one for each WebID) over one WebSocket until cancelled.

    `recoverable` is called when gaps have got their end.
    """

    def __init__(  # noqa: PLR0913, PLR0917 - the two ends of the road and its name plate; only `Streams` makes one
        self,
        stream: str,
        web_ids: Sequence[str],
        numbers: Sequence[int],
        arrivals: Arrivals,
        client: PiClient,
        journal: Journal,
        counters: StreamCounters,
        recoverable: Callable[[], None],
    ) -> None:
        self.stream = stream
        self.web_ids = tuple(web_ids)
        self.numbers = tuple(numbers)
        self._arrivals = arrivals
        self._client = client
        self._journal = journal
        self._counters = counters
        self._recoverable = recoverable
        self._log = structlog.get_logger().bind(stream=stream, tags=len(numbers))

    async def run(self) -> NoReturn:
        """Keep a session open, for ever."""
        while True:
            async for attempt in self._attempts():
                with attempt:
                    await self._session()

    async def _session(self) -> None:
        """Read one connection to its end. Raises what went wrong if not even one message came."""
        heard = False
        try:
            _require_room(self._journal)
            async with open_channel(self._client, self.web_ids) as channel:
                await self._receive(channel)
                heard = True
                self._counters.channels_open += 1
                try:
                    await self._opened()
                    while True:
                        await self._receive(channel)
                finally:
                    self._counters.channels_open -= 1
        except (UnavailableError, UnauthorizedError, RejectedError, JournalFullError) as error:
            await self._journal.open_gaps(missed(self._journal, self.numbers, str(error)))
            self._arrivals.rewind(newest(self._journal, self.numbers))
            self._counters.last_error = str(error)
            self._counters.reconnects += 1
            if not heard:
                raise
            self._log.warning("channel lost, its gap is written down", error=str(error))

    async def _receive(self, channel: Channel) -> None:
        data = await channel.receive()
        try:
            arrived = self._arrivals.take(decode_channel(data))
        except ValueError as error:
            raise UnavailableError(f"a message with a time that is none: {error}") from error
        if arrived.doubtful:
            tags = {event.tag for event in arrived.doubtful}
            times = [event.ticks for event in arrived.doubtful]
            arrived = decide(arrived, await self._journal.seen(tags, min(times), max(times)))
        self._counters.duplicates += arrived.duplicates
        self._counters.unknown += arrived.unknown
        if arrived.events:
            self._journal.append(arrived.events, self._client.server_ticks())
            self._counters.read += len(arrived.events)
            self._counters.last_ticks = max(self._counters.last_ticks, arrived.events[-1].ticks)
            await self._journal.room()

    async def _opened(self) -> None:
        await self._journal.end_gaps(self.numbers, self._client.server_ticks() + AHEAD_TICKS)
        self._recoverable()
        self._counters.last_error = ""
        self._log.info("channel open")

    def _attempts(self) -> AsyncRetrying:
        return AsyncRetrying(
            retry=retry_if_exception_type((UnavailableError, UnauthorizedError, RejectedError, JournalFullError)),
            wait=wait_exponential(multiplier=_FIRST_PAUSE_S, max=_LONGEST_PAUSE_S) + wait_random(0, _FIRST_PAUSE_S),
            before_sleep=self._note,
        )

    def _note(self, state: RetryCallState) -> None:
        error = state.outcome.exception() if state.outcome else None
        if state.attempt_number == 1:
            self._log.warning("channel cannot be opened, it is tried again", error=str(error))


def _require_room(journal: Journal) -> None:
    if journal.stat().full:
        raise JournalFullError("the journal is full", hint="make the sinks take their backlog, or raise max_size")


def missed(journal: Journal, numbers: Sequence[int], reason: str) -> list[NewGap]:
    """Give the gaps of tags that are not heard from now on: each from a little before its last event."""
    gaps = []
    for number in numbers:
        heard = heard_until(journal, number)
        if heard is not None:
            gaps.append(NewGap(number, heard - MARGIN_TICKS, None, reason))
    return gaps


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
