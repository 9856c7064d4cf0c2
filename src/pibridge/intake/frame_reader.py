"""Follows the event frames of one AF database: PI has no feed for them, so they are looked at again and again."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping, Sequence
from typing import Final

import structlog
from msgspec import msgpack

from pibridge.context.surroundings import Surroundings
from pibridge.errors import RejectedError
from pibridge.intake.frame_records import KEPT_TICKS, Change, FrameStream, begun_of, since_of
from pibridge.intake.frame_sweep import Sweep
from pibridge.intake.patience import PASSING
from pibridge.journal.facts import DropFact, Fact, FactChange
from pibridge.journal.journal import Journal
from pibridge.model import ticks
from pibridge.model.event import Event, Lane
from pibridge.model.frame import Frame
from pibridge.pi.client import PiClient
from pibridge.pi.elements import element_paths
from pibridge.pi.event_frames import FoundFrame, FrameDatabase, find_database
from pibridge.pi.frame_attributes import FrameAttributes
from pibridge.pi.selected import Problem
from pibridge.pi.webid import decode
from pibridge.status.counters import Counters

_SWEEP_EVERY_S: Final = 30.0
"""How long after a sweep through older time the next begins: it finds what was created or changed late."""
_RENEW_EVERY_S: Final = 600.0
"""How often templates and names of elements are read again."""
_CAPTURED_TICKS: Final = 120 * ticks.PER_SECOND
"""So long after a frame's end PI may still write its attributes."""
_MARK_TICKS: Final = 60 * ticks.PER_SECOND
_AT_ONCE: Final = 500
_MOST: Final = 200_000
"""Frames that are kept at most."""
_LONGEST_PAUSE_S: Final = 30.0

_encode: Final = msgpack.Encoder().encode
_decode: Final = msgpack.Decoder(Frame).decode


class FrameReader:
    """Reads one database for streams and for batch rules (`surroundings` has their timeline; None: there are none).

    `path`: of the database. `templates`: names of the templates that are looked for; None: all frames. `keep_s`: how
    long after their end frames are kept for the timeline. `described`: templates whose attributes are of use, in lower
    case; None: all. `begin`: is called once for each stream, with PI's time, and has it begin. `leaving`: names of the
    streams that are told only until nothing is owed.
    """

    def __init__(  # noqa: PLR0913, PLR0917 - the parts that a look touches; only `Frames` makes one
        self,
        path: str,
        templates: Sequence[str] | None,
        interval_s: float,
        keep_s: float,
        streams: Sequence[FrameStream],
        surroundings: Surroundings | None,
        client: PiClient,
        journal: Journal,
        counters: Counters,
        *,
        described: Collection[str] | None,
        begin: Callable[[FrameStream, int], Awaitable[None]],
        leaving: Collection[str] = (),
    ) -> None:
        self._path = path
        self._key = path.upper()
        self._templates = templates
        self._interval_s = interval_s
        self._keep_ticks = max(ticks.from_seconds(keep_s) if surroundings else 0, KEPT_TICKS)
        self._streams = list(streams)
        self._begin = begin
        self._has_begun = False
        self._leaving = frozenset(leaving)
        self._surroundings = surroundings
        self._client = client
        self._journal = journal
        self._counters = counters
        self._reach_ticks = self._needed_ticks = ticks.FOREVER
        self._wake = asyncio.Event()
        self._database: FrameDatabase | None = None
        self._attributes = FrameAttributes(client)
        self._described = None if described is None else frozenset(described)
        self._paths: dict[str, str] = {}
        self._seen: dict[str, tuple[FoundFrame, Frame]] = {}
        self._known: dict[str, Frame] = {}
        # Frames that somebody is still to be told of.
        self._owed: set[str] = set()
        # What is written down of frames, and what is remembered of it, change together.
        self._telling = asyncio.Lock()
        self._sweep = Sweep()
        self._sweep_at_s = 0.0
        self._renew_at_s = 0.0
        self._failure = ""
        self._log = structlog.get_logger(database=path)

    def reach(self, since_ticks: int) -> None:
        """See to it that frames are known since then: events of that time are being read."""
        if since_ticks < self._reach_ticks:
            self._reach_ticks = since_ticks
            self._needed_ticks = min(self._needed_ticks, since_ticks)
            self._wake.set()

    async def lose(self, start_ticks: int, end_ticks: int) -> None:
        """Tell frames again that started in this time: what was told of them may be lost."""
        async with self._telling:
            for stream in self._streams:
                lost = stream.lose(start_ticks, end_ticks)
                await self._journal.commit(Lane.LIVE, [], self._client.server_ticks(), lost)
                stream.remember(lost)
                self._owed.update(fact.id for fact in lost)
        self.reach(start_ticks)

    async def run(self) -> None:
        """Look, again and again, as long as somebody has use for it."""
        for stream in self._streams:
            stream.remember(await self._journal.facts(stream.source))
            self._known |= stream.frames()
        if self._surroundings is not None:
            self._known |= {frame.id: frame for frame in await recalled(self._journal, self._key)}
        loop = asyncio.get_running_loop()
        pause_s = self._interval_s
        while self._streams or self._surroundings is not None:
            begin_s = loop.time()
            try:
                await self._look()
            except (*PASSING, RejectedError) as error:
                self._fail(str(error))
                pause_s = min(2 * pause_s, _LONGEST_PAUSE_S)
            else:
                self._succeed()
                if self._leaving and not self._is_owed:
                    async with self._telling:
                        await self._let_go()
                # Where looking takes long, half of the time is PI's own; but what is owed does not wait.
                pause_s = 0.0 if self._is_owed else max(self._interval_s, loop.time() - begin_s)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(pause_s):
                    await self._wake.wait()

    async def _look(self) -> None:
        """Look at the recent past, and at older time as far as that takes no longer than the interval."""
        begin_s = asyncio.get_running_loop().time()
        self._wake.clear()
        database = await self._opened(begin_s)
        now = self._client.server_ticks()
        start = now - self._sweep.width_ticks
        self._sweep.learn(await self._look_at(database, start, now, now))
        await self._know(start, now)
        if self._sweep.slice() is None and (begin_s >= self._sweep_at_s or self._is_owed):
            self._sweep.begin(start, now)
        is_due = True
        while is_due and (part := self._sweep.slice()) is not None:
            self._sweep.extend(self._reach_ticks)
            is_due = self._is_owed and asyncio.get_running_loop().time() < begin_s + self._interval_s
            await self._sweep_through(database, *part, now)

    async def _sweep_through(self, database: FrameDatabase, start: int, end: int, now: int) -> None:
        self._sweep.learn(await self._look_at(database, start, end, now))
        if self._surroundings is not None:
            self._surroundings.readings.note(self._key, start, 0)
        if self._reach_ticks >= start:
            self._reach_ticks = ticks.FOREVER
        if self._sweep.swept(start):
            self._sweep_at_s = asyncio.get_running_loop().time() + _SWEEP_EVERY_S
            for stream in self._streams:
                if stream.is_behind:
                    await self._journal.set_mark(begun_of(stream.name), stream.since_ticks)
                if stream.is_new:
                    await self._journal.set_mark(stream.source, start)
                stream.know_from(start)
            async with self._telling:
                await self._forget(now)

    @property
    def _is_owed(self) -> bool:
        """Whether somebody waits for what was told of earlier time.

        A new stream does: until its first day is known, what PI makes late cannot be told from what is old.
        """
        return self._reach_ticks < ticks.FOREVER or any(stream.is_new for stream in self._streams)

    async def _opened(self, loop_s: float) -> FrameDatabase:
        if self._database is None:
            found = await find_database(self._client, self._path)
            await self._begin_streams()  # whatever it was, PI's answer told the time
            if isinstance(found, Problem):
                raise RejectedError(str(found), status=404)
            self._database = found
            self._renew_at_s = loop_s + _RENEW_EVERY_S
        elif loop_s >= self._renew_at_s:
            self._renew_at_s = loop_s + _RENEW_EVERY_S
            self._paths.clear()
            await self._database.refresh_templates()
        return self._database

    async def _begin_streams(self) -> None:
        if self._has_begun:
            return
        for stream in self._streams:
            await self._begin(stream, self._client.server_ticks())
            if stream.is_new or stream.is_behind:
                self.reach(stream.since_ticks)
        self._has_begun = True

    async def _look_at(self, database: FrameDatabase, start: int, end: int, now: int) -> int:
        """Take in the frames that were active in this time; give how many there are."""
        templates = None if self._templates is None else _families(database, self._templates)
        found = {frame.id: frame for frame in await database.overlapping(start, end, templates)}
        missing = {
            frame.web_id: frame_id
            for frame_id, frame in self._known.items()
            if frame_id not in found and frame.start_ticks <= end and frame.end_ticks >= start
        }
        again = await database.by_id(list(missing)) if missing else {}
        gone = [missing[web_id] for web_id, frame in again.items() if frame is None]
        found |= {frame.id: frame for frame in again.values() if frame is not None}
        frames = await self._completed(found, now)
        # A frame that was made anew leaves and comes back in one step.
        if gone:
            async with self._telling:
                await self._take(frames[:_AT_ONCE], gone)
            frames = frames[_AT_ONCE:]
        for first in range(0, len(frames), _AT_ONCE):
            async with self._telling:
                await self._take(frames[first : first + _AT_ONCE], ())
        return len(found)

    async def _completed(self, found: Mapping[str, FoundFrame], now: int) -> list[Frame]:
        """Give those frames that are new or changed, with elements and attributes, parents before children."""
        asking = [
            frame
            for frame in found.values()
            if frame.id in self._owed
            or frame.end_ticks > now - _CAPTURED_TICKS
            or self._seen.get(frame.id, (None, None))[0] != frame
        ]
        wanted = {web_id for frame in asking for web_id in frame.element_web_ids} - self._paths.keys()
        if wanted:
            self._paths |= await element_paths(self._client, sorted(wanted))
        attributes = await self._attributes.values([frame for frame in asking if self._is_described(frame)])
        changed = []
        for raw in asking:
            before = self._seen.get(raw.id)
            values = attributes.get(raw.web_id, before[1].attributes if before else {})
            frame = self._frame(raw, values)
            self._seen[raw.id] = raw, frame
            # What others were told of before says nothing of a stream that is new.
            if self._known.get(raw.id) != frame or any(stream.tell(frame) for stream in self._streams):
                self._owed.add(raw.id)
            if raw.id in self._owed:
                changed.append(frame)
        changed.sort(key=lambda frame: (frame.start_ticks, bool(frame.parent), -frame.end_ticks, frame.id))
        return changed

    def _is_described(self, frame: FoundFrame) -> bool:
        return self._described is None or not self._described.isdisjoint(frame.lineage)

    def _frame(self, raw: FoundFrame, attributes: Mapping[str, object]) -> Frame:
        return Frame(
            id=raw.id,
            web_id=raw.web_id,
            name=raw.name,
            path=raw.path,
            template=raw.template,
            lineage=raw.lineage,
            start_ticks=raw.start_ticks,
            end_ticks=raw.end_ticks,
            severity=raw.severity,
            parent=str(decode(raw.parent_web_id).guids[-1]) if raw.parent_web_id else "",
            elements=tuple(self._paths[web_id] for web_id in raw.element_web_ids if web_id in self._paths),
            categories=raw.categories,
            attributes=dict(attributes),
        )

    async def _take(self, frames: Sequence[Frame], gone: Sequence[str]) -> None:
        """Write down what is new, then let everybody know."""
        events: list[Event] = []
        facts: list[FactChange] = []
        told: list[tuple[FrameStream, list[FactChange]]] = []
        for stream in self._streams:
            changes: list[Change] = [change for frame_id in gone if (change := stream.tell_gone(frame_id))]
            changes += [change for frame in frames if (change := stream.tell(frame))]
            remembered: list[FactChange] = [fact for _, fact in changes]
            told.append((stream, remembered))
            facts += remembered
            new = [event for event, _ in changes if event is not None]
            self._counters.stream(stream.name).read += len(new)
            events += new
        if self._surroundings is not None:
            source = facts_of(self._key)
            facts += [Fact(source, frame.id, _encode(frame)) for frame in frames]
            facts += [DropFact(source, frame_id) for frame_id in gone]
        await self._journal.commit(Lane.LIVE, events, self._client.server_ticks(), facts)
        for stream, remembered in told:
            stream.remember(remembered)
        self._known.update((frame.id, frame) for frame in frames)
        self._owed.difference_update([*gone, *(frame.id for frame in frames)])
        for frame_id in gone:
            self._known.pop(frame_id, None)
            self._seen.pop(frame_id, None)
        if self._surroundings is not None:
            self._surroundings.timeline.take_frames(self._key, frames, gone)

    async def _know(self, start: int, now: int) -> None:
        """Note that all frames from `start` to `now` are known."""
        last = self._journal.mark(facts_of(self._key))
        if last is not None and last < start:
            self.reach(last)  # nobody looked for a while
        if last is None or (now - last >= _MARK_TICKS and not self._is_owed):
            await self._journal.set_mark(facts_of(self._key), now)
        if self._surroundings is not None:
            self._surroundings.readings.note(self._key, start, now)

    async def _forget(self, now: int) -> None:
        """Drop what ended long ago."""
        dropped = [(stream, stream.forget_before(now - KEPT_TICKS)) for stream in self._streams if not stream.is_new]
        before = min(now - self._keep_ticks, self._needed_ticks)
        ended = sorted(frame.end_ticks for frame in self._known.values() if not frame.is_open)
        if len(ended) > _MOST:
            before = max(before, ended[-_MOST])
        old = [frame.id for frame in self._known.values() if frame.end_ticks < before]
        facts: list[FactChange] = [fact for _, forgotten in dropped for fact in forgotten]
        if self._surroundings is not None:
            facts += [DropFact(facts_of(self._key), frame_id) for frame_id in old]
            self._surroundings.timeline.forget_before(before)
        for stream, forgotten in dropped:
            if forgotten and stream.known_from_ticks is not None:
                # Who looks further back after a restart is not to take them for news.
                await self._journal.set_mark(stream.source, stream.known_from_ticks)
        if facts:
            await self._journal.commit(Lane.LIVE, [], now, facts)
        for stream, forgotten in dropped:
            stream.remember(forgotten)
        for frame_id in old:
            del self._known[frame_id]
            self._seen.pop(frame_id, None)

    async def _let_go(self) -> None:
        """Tell streams no longer that another core tells: should they come back, they are new."""
        for stream in [stream for stream in self._streams if stream.name in self._leaving]:
            await self._journal.commit(Lane.LIVE, [], self._client.server_ticks(), stream.leave())
            for mark in (since_of(stream.name), stream.source, begun_of(stream.name)):
                await self._journal.set_mark(mark, 0)
            self._streams.remove(stream)
            counters = self._counters.stream(stream.name)
            counters.channels = counters.channels_open = 0
            self._log.info("event frames are left to another shard", stream=stream.name)
        self._leaving = frozenset()

    def _fail(self, error: str) -> None:
        for stream in self._streams:
            counters = self._counters.stream(stream.name)
            counters.channels_open, counters.last_error = 0, error
        if self._failure != error:
            self._failure = error
            self._log.warning(
                "event frames cannot be read now, they are tried again", error=error, hint="pibridge check looks closer"
            )

    def _succeed(self) -> None:
        for stream in self._streams:
            counters = self._counters.stream(stream.name)
            counters.channels_open, counters.last_error = 1, ""
        if self._failure:
            self._failure = ""
            self._log.info("event frames are read again")


async def recalled(journal: Journal, database: str) -> list[Frame]:
    """Give the frames of a database (its path in upper case) that the journal keeps."""
    return frames_of(await journal.facts(facts_of(database)))


def frames_of(facts: Iterable[Fact]) -> list[Frame]:
    """Give the frames that facts are."""
    return [_decode(fact.content) for fact in facts]


def facts_of(database: str) -> str:
    """Give the name under which the journal keeps the frames of a database (its path in upper case)."""
    return f"frames {database}"


def _families(database: FrameDatabase, templates: Iterable[str]) -> list[str]:
    return [name for template in templates for name in database.family(template)]
