"""Event frames and batch tags: who reads which database and which tags, for streams and for batch rules."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from typing import Final, NoReturn

from pibridge.context.surroundings import Surroundings
from pibridge.intake import batch_tags, frame_reader
from pibridge.intake.batch_tags import BatchTags
from pibridge.intake.batch_tags import recalled as recalled_values
from pibridge.intake.frame_reader import FrameReader
from pibridge.intake.frame_reader import recalled as recalled_frames
from pibridge.intake.frame_records import FrameStream, begun_of, since_of, source_of
from pibridge.intake.settings import ShardSettings, StreamSettings
from pibridge.intake.shard import has_frames
from pibridge.journal.facts import Fact
from pibridge.journal.journal import Journal
from pibridge.model import ticks
from pibridge.model.event import Event
from pibridge.model.tag import Mode, Tag
from pibridge.pi.client import PiClient
from pibridge.pi.settings import EventFrameSelect
from pibridge.status.counters import Counters

_LOOKS_IN_A_HOLD: Final = 5
_SHORTEST_S: Final = 0.5
_LONGEST_S: Final = 5.0
_AT_ONCE: Final = 5000


class Frames:
    """Reads what streams with `event_frames` and what batch rules need; each database is read once for all."""

    def __init__(  # noqa: PLR0913, PLR0917 - the parts of intake; only the daemon makes one
        self,
        streams: Mapping[str, StreamSettings],
        surroundings: Surroundings,
        retain_s: float,
        client: PiClient,
        journal: Journal,
        counters: Counters,
        shard: ShardSettings | None = None,
    ) -> None:
        selects = {
            name: stream.select.event_frames
            for name, stream in streams.items()
            if isinstance(stream.select, EventFrameSelect)
        }
        own = {name for name, select in selects.items() if has_frames(shard, name, select)}
        # What another shard tells from now on is told here until nothing is owed of the time before.
        self._leaving = {name for name in selects if name not in own and journal.mark(begun_of(name))}
        self._selects = {name: select for name, select in selects.items() if name in own | self._leaving}
        self._shard = shard
        self._settings = streams
        self._surroundings = surroundings
        self._retain_s = retain_s
        self._client = client
        self._journal = journal
        self._counters = counters
        self._reach_ticks = ticks.FOREVER
        self._readers: list[FrameReader | BatchTags] = []

    def reach(self, since_ticks: int) -> None:
        """See to it that batches are known since then: events of that time are being read."""
        self._reach_ticks = min(self._reach_ticks, since_ticks)
        for reader in self._readers:
            reader.reach(since_ticks)

    async def lose(self, start_ticks: int, end_ticks: int) -> None:
        """Tell frames again that started in this time: what was told of them may be lost."""
        for reader in self._readers:
            if isinstance(reader, FrameReader):
                await reader.lose(start_ticks, end_ticks)

    async def run(self) -> NoReturn:
        """Read until cancelled."""
        rules = self._surroundings.settings.batches.values()
        paths = {select.database.upper(): select.database for select in self._selects.values()}
        paths |= {rule.event_frames.database.upper(): rule.event_frames.database for rule in rules if rule.event_frames}
        readers: list[FrameReader | BatchTags] = [await self._frame_reader(path) for path in paths.values()]
        tags = {rule.tag.upper(): rule.tag for rule in rules if rule.tag}
        if tags:
            readers.append(
                BatchTags(
                    tags.values(),
                    self._rule_interval_s(),
                    self._retain_s,
                    self._surroundings,
                    self._client,
                    self._journal,
                )
            )
        self._readers = readers
        owed = [gap.start_ticks for gap in await self._journal.gaps()]
        self.reach(min(owed, default=self._reach_ticks))
        async with asyncio.TaskGroup() as tasks:
            for reader in readers:
                tasks.create_task(reader.run(), name="frames")
            await asyncio.Event().wait()
        raise AssertionError  # the group ends only with an error

    async def _frame_reader(self, path: str) -> FrameReader:
        names = [name for name, select in self._selects.items() if select.database.upper() == path.upper()]
        rules = [
            (rule.event_frames.template, rule.id)
            for rule in self._surroundings.settings.batches.values()
            if rule.event_frames and rule.event_frames.database.upper() == path.upper()
        ]
        streams = [await self._stream(name) for name in names]
        intervals = [self._settings[name].interval for name in names] + [self._rule_interval_s() for _ in rules]
        chosen = [self._selects[name].template for name in names]
        named = [*chosen, *(template for template, batch_id in rules if batch_id.startswith("attribute:"))]
        # The levels of a batch are frames of other templates.
        every_template = rules or None in chosen
        return FrameReader(
            path,
            None if every_template else [template for template in chosen if template],
            min(intervals),
            self._retain_s,
            streams,
            self._surroundings if rules else None,
            self._client,
            self._journal,
            self._counters,
            described=None if None in chosen else {template.casefold() for template in named if template},
            begin=self._begin,
            leaving=self._leaving & set(names),
        )

    async def _stream(self, name: str) -> FrameStream:
        select = self._selects[name]
        tag = Tag(stream=name, mode=Mode.REALTIME, name=name, path=select.database, web_id="", kind="frame")
        (number,) = await self._journal.describe([tag])
        self._counters.stream(name).channels = 1
        return FrameStream(name, number, select.template or "", self._journal.mark(source_of(name)) or None)

    async def _begin(self, stream: FrameStream, now: int) -> None:
        """Have a stream begin as far back as it is configured, if that is further than before.

        `now`: by PI's clock, which says what had ended.
        """
        name = stream.name
        begun = self._journal.mark(begun_of(name)) or 0
        since = self._settings[name].backfill_from_ticks(now) or now
        if not begun:
            if self._shard is not None:
                # Another core may have told these frames until now.
                since = min(since, now - ticks.from_seconds(self._shard.overlap))
            await self._journal.set_mark(begun_of(name), since)
            begun = since
        owed = self._journal.mark(since_of(name)) or begun
        since = min(owed, begun if name in self._leaving else since)
        if since < owed:
            await self._journal.set_mark(since_of(name), since)
        stream.begin(begun, since)

    def _rule_interval_s(self) -> float:
        hold_s = self._surroundings.settings.hold
        return min(max(hold_s / _LOOKS_IN_A_HOLD, _SHORTEST_S), _LONGEST_S)


async def recall(journal: Journal, surroundings: Surroundings) -> None:
    """Tell the timeline what the journal keeps: what was known when the daemon ended."""
    databases, tags = _sources(surroundings)
    for database in databases:
        frames = await recalled_frames(journal, database)
        for first in range(0, len(frames), _AT_ONCE):
            surroundings.timeline.take_frames(database, frames[first : first + _AT_ONCE], ())
            await asyncio.sleep(0)
    for tag in tags:
        _tell_values(surroundings, tag, await recalled_values(journal, tag))


def recall_from(facts: Callable[[str], Sequence[Fact]], surroundings: Surroundings) -> None:
    """Do the same for who only reads the journal. `facts`: gives what a source keeps there."""
    databases, tags = _sources(surroundings)
    for database in databases:
        frames = frame_reader.frames_of(facts(frame_reader.facts_of(database)))
        surroundings.timeline.take_frames(database, frames, ())
    for tag in tags:
        _tell_values(surroundings, tag, batch_tags.values_of(facts(batch_tags.facts_of(tag))))


def _sources(surroundings: Surroundings) -> tuple[set[str], set[str]]:
    """Give the databases and the tags, in upper case, that the batch rules read."""
    rules = surroundings.settings.batches.values()
    databases = {rule.event_frames.database.upper() for rule in rules if rule.event_frames}
    return databases, {rule.tag.upper() for rule in rules if rule.tag}


def _tell_values(surroundings: Surroundings, tag: str, events: Sequence[Event]) -> None:
    if events:
        surroundings.timeline.take_values(tag, events[0].ticks, events[-1].ticks, events)
