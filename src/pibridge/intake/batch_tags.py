"""Follows the tags whose values are the ids of batches: what they say is kept, and known to the timeline."""

import asyncio
import contextlib
from collections.abc import Iterable
from typing import Final, NoReturn

import structlog
from msgspec import msgpack

from pibridge.context.surroundings import Surroundings
from pibridge.errors import PIBridgeError, RejectedError
from pibridge.intake.arrivals import event_of
from pibridge.intake.patience import PASSING
from pibridge.journal.facts import DropFact, Fact, FactChange
from pibridge.journal.journal import Journal
from pibridge.model import ticks
from pibridge.model.event import Event, Lane
from pibridge.pi.client import PiClient
from pibridge.pi.course import courses, find_stream

_SHORT_TICKS: Final = 3600 * ticks.PER_SECOND
_LONG_TICKS: Final = 24 * _SHORT_TICKS
"""Each look reaches back an hour; one a minute a day, to find what was changed late."""
_LONG_EVERY_S: Final = 60.0
_LONGEST_PAUSE_S: Final = 30.0

_encode: Final = msgpack.Encoder().encode
_decode: Final = msgpack.Decoder(Event).decode


class BatchTags:
    """`paths`: of the tags. `keep_s`: how long what they said is kept."""

    def __init__(  # noqa: PLR0913, PLR0917 - the parts that a look touches; only `Frames` makes one
        self,
        paths: Iterable[str],
        interval_s: float,
        keep_s: float,
        surroundings: Surroundings,
        client: PiClient,
        journal: Journal,
    ) -> None:
        self._paths = sorted(paths)
        self._interval_s = interval_s
        self._keep_ticks = max(ticks.from_seconds(keep_s), 2 * _LONG_TICKS)
        self._surroundings = surroundings
        self._client = client
        self._journal = journal
        self._reach_ticks = self._needed_ticks = ticks.FOREVER
        self._wake = asyncio.Event()
        self._web_ids: dict[str, str] = {}
        self._known: dict[str, list[Event]] = {}
        self._long_at_s = 0.0
        self._failures: dict[str, str] = {}
        self._log = structlog.get_logger()

    def reach(self, since_ticks: int) -> None:
        """See to it that batches are known since then: events of that time are being read."""
        if since_ticks < self._reach_ticks:
            self._reach_ticks = since_ticks
            self._needed_ticks = min(self._needed_ticks, since_ticks)
            self._wake.set()

    async def run(self) -> NoReturn:
        """Look, again and again."""
        for path in self._paths:
            self._known[path] = await recalled(self._journal, path)
        pause_s = self._interval_s
        while True:
            try:
                await self._look()
            except PASSING as error:
                self._fail(self._paths, error)
                pause_s = min(2 * pause_s, _LONGEST_PAUSE_S)
            else:
                pause_s = self._interval_s
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(pause_s):
                    await self._wake.wait()

    async def _look(self) -> None:
        self._wake.clear()
        await self._find()
        loop_s = asyncio.get_running_loop().time()
        now, reach = self._client.server_ticks(), self._reach_ticks
        is_long = loop_s >= self._long_at_s or reach < ticks.FOREVER
        start = min(now - (_LONG_TICKS if is_long else _SHORT_TICKS), reach)
        found = await courses(self._client, list(self._web_ids.values()), start, now, from_before=is_long)
        for path, web_id in self._web_ids.items():
            course = found[web_id]
            if isinstance(course, PIBridgeError):
                self._fail([path], course)
                continue
            events = [event_of(0, value, moment) for moment, value in course]
            await self._take(path, start, now, events)
            self._surroundings.readings.note(path.upper(), start, now)
            if self._failures.pop(path, None):
                self._log.info("the tag of batches is read again", tag=path)
        if is_long:
            self._long_at_s = loop_s + _LONG_EVERY_S
            self._reach_ticks = ticks.FOREVER if self._reach_ticks == reach else self._reach_ticks

    async def _find(self) -> None:
        """Look up the tags that are not found yet; those that PI refuses are looked up again with the next look."""
        for path in self._paths:
            if path not in self._web_ids or path in self._failures:
                try:
                    self._web_ids[path] = await find_stream(self._client, path)
                except RejectedError as error:
                    self._fail([path], error)

    async def _take(self, path: str, start: int, end: int, events: list[Event]) -> None:
        """Keep what the tag said from `start` to `end` in the place of what was known; the first may lie before."""
        first = min(start, events[0].ticks) if events else start
        before = self._known[path]
        kept = [event for event in before if not first <= event.ticks <= end]
        forgotten = min(end - self._keep_ticks, self._needed_ticks)
        # The last before that time still held at it.
        older = [event.ticks for event in kept if event.ticks < forgotten]
        now = sorted((*(event for event in kept if event.ticks >= max(older, default=0)), *events), key=_time_of)
        if now != before:
            source = facts_of(path)
            had, has = _facts(source, before), _facts(source, now)
            changes: list[FactChange] = [fact for fact in has.values() if had.get(fact.id) != fact]
            changes += [DropFact(source, fact_id) for fact_id in had.keys() - has.keys()]
            await self._journal.commit(Lane.LIVE, [], self._client.server_ticks(), changes)
            self._known[path] = now
            self._surroundings.timeline.take_values(path.upper(), first, end, events)

    def _fail(self, paths: Iterable[str], error: PIBridgeError) -> None:
        for path in paths:
            if self._failures.get(path) != str(error):
                self._failures[path] = str(error)
                self._log.warning(
                    "the tag of batches cannot be read now, it is tried again",
                    tag=path,
                    error=str(error),
                    hint="pibridge check looks closer",
                )


async def recalled(journal: Journal, path: str) -> list[Event]:
    """Give what the journal keeps of a tag, in the order of time."""
    return values_of(await journal.facts(facts_of(path)))


def values_of(facts: Iterable[Fact]) -> list[Event]:
    """Give the values that facts are, in the order of time."""
    return sorted((_decode(fact.content) for fact in facts), key=_time_of)


def facts_of(path: str) -> str:
    """Give the name under which the journal keeps what a tag said."""
    return f"batches {path.upper()}"


def _facts(source: str, events: Iterable[Event]) -> dict[str, Fact]:
    """Give the facts of events, by id: their times, and a number where several share one."""
    facts: dict[str, Fact] = {}
    for event in events:
        number = 0
        while (fact_id := f"{event.ticks:020d}-{number}") in facts:
            number += 1
        facts[fact_id] = Fact(source, fact_id, _encode(event))
    return facts


def _time_of(event: Event) -> int:
    return event.ticks
