"""One channel and its tags: every message into the journal at once, every loss a gap on disk before the reconnect."""

import asyncio
from collections.abc import Callable, Sequence
from http import HTTPStatus
from typing import NoReturn

import structlog
from tenacity import AsyncRetrying, RetryCallState, retry_if_exception_type, wait_exponential, wait_random

from pibridge.errors import JournalFullError, PIBridgeError, RejectedError, UnauthorizedError, UnavailableError
from pibridge.intake.arrivals import Arrivals, decide
from pibridge.intake.pages import MARGIN_TICKS
from pibridge.journal.gaps import NewGap
from pibridge.journal.journal import Journal
from pibridge.model import ticks
from pibridge.model.event import Event
from pibridge.pi.channel import Channel, open_channel
from pibridge.pi.client import PiClient
from pibridge.pi.recorded import values
from pibridge.pi.wire import TimedValue, decode_channel
from pibridge.status.counters import StreamCounters

AHEAD_TICKS = 600 * ticks.PER_SECOND
"""PI takes values up to ten minutes ahead of its clock: a gap reaches that far beyond the reconnect."""

_FIRST_PAUSE_S = 0.5
_LONGEST_PAUSE_S = 30.0
_FAILED_AGAIN_S = 30.0
_GRACE_S = 5.0
"""How long a value may be under way between PI's archive and the channel."""


class LiveChannel:
    """Reads `numbers` (the journal's, one for each WebID) over one WebSocket until cancelled.

    `recoverable` is called when gaps have got their end, `refused` when PI refuses to read tags that it read before.
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
        refused: Callable[[], None],
    ) -> None:
        self.stream = stream
        self.web_ids = tuple(web_ids)
        self.numbers = tuple(numbers)
        self._arrivals = arrivals
        self._client = client
        self._journal = journal
        self._counters = counters
        self._recoverable = recoverable
        self._refused = refused
        self._failed_at: dict[int, float] = {}
        self._log = structlog.get_logger().bind(stream=stream, tags=len(numbers))

    async def run(self) -> RejectedError | UnauthorizedError:
        """Keep a session open, until PI refuses to open one for these tags; give why."""
        while True:
            async for attempt in self._attempts():
                with attempt:
                    try:
                        await self._session()
                    except RejectedError as error:
                        return error
                    except UnauthorizedError as error:
                        if error.status != HTTPStatus.FORBIDDEN or not self._client.gate.is_open:
                            raise
                        return error

    async def _session(self) -> None:
        """Read one connection to its end. Raises what went wrong if not even one message came."""
        heard = False
        try:
            _require_room(self._journal)
            async with open_channel(self._client, self.web_ids) as channel:
                await self._receive(channel)
                heard = True
                self._counters.channels_open += 1
                comparing = asyncio.create_task(self._compare_for_ever(channel), name="compare")
                try:
                    await self._opened()
                    while True:
                        await self._receive(channel)
                finally:
                    comparing.cancel()
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
        if arrived.failed:
            await self._recover_failed([number for number, _ in arrived.failed], arrived.failed[0][1].problem())
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

    async def _recover_failed(self, numbers: Sequence[int], problem: PIBridgeError | None) -> None:
        """PI sent errors in place of values: what they stood for is read from the archive."""
        now = asyncio.get_running_loop().time()
        due = [number for number in numbers if self._failed_at.get(number, -_FAILED_AGAIN_S) + _FAILED_AGAIN_S <= now]
        if not due:
            return
        self._failed_at.update(dict.fromkeys(due, now))
        self._log.warning("PI sent errors in place of values; they are read from the archive", error=str(problem))
        await self._journal.open_gaps(missed(self._journal, due, str(problem)))
        await self._journal.end_gaps(due, self._client.server_ticks() + AHEAD_TICKS)
        self._recoverable()

    async def _compare_for_ever(self, channel: Channel) -> NoReturn:
        """Give the channel up when PI has newer values than it brought: that it is open proves nothing."""
        every_s = self._client.settings.timeouts.silent_channel
        while True:
            await asyncio.sleep(every_s)
            behind = await self._behind(min(_GRACE_S, every_s))
            if behind:
                self._counters.silent += 1
                channel.give_up(f"a silent channel: PI has newer values of {len(behind)} of its tags")

    async def _behind(self, grace_s: float) -> list[int]:
        """Give the tags of which PI has had newer values for some time than the journal."""
        try:
            present = await values(self._client, self.web_ids)
        except (UnavailableError, UnauthorizedError):
            return []
        newer: dict[int, int] = {}
        for number, web_id in zip(self.numbers, self.web_ids, strict=True):
            value = present[web_id]
            if isinstance(value, TimedValue):
                moment = ticks.parse(value.timestamp)
                if self._is_behind(number, moment):
                    newer[number] = moment
            elif isinstance(value, (RejectedError, UnauthorizedError)):
                self._refused()
        if newer:
            await asyncio.sleep(grace_s)
        return [number for number, moment in newer.items() if self._is_behind(number, moment)]

    def _is_behind(self, number: int, moment_ticks: int) -> bool:
        last = self._journal.last(number)
        return last is None or last.ticks < moment_ticks

    def _attempts(self) -> AsyncRetrying:
        return AsyncRetrying(
            retry=retry_if_exception_type((UnavailableError, UnauthorizedError, JournalFullError)),
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
