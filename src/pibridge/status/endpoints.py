"""What the page's API answers: one table of routes, from which they are served and described."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Annotated, Any, Final

from msgspec import Meta, Struct
from msgspec.structs import replace

from pibridge.context.meaning import Quality, meaning
from pibridge.model import ticks
from pibridge.model.event import DELETE, Event
from pibridge.status.contract import Source
from pibridge.status.curve import Dot, curve
from pibridge.status.lines import Line, Lines
from pibridge.status.look import Look
from pibridge.status.owed import Debts, debts
from pibridge.status.past import History, Past
from pibridge.status.running import Batches, BatchQuery, assets_of, running_batches
from pibridge.status.snapshot import Snapshot
from pibridge.status.tag_table import TagPage, TagQuery, TagRow, shown, tag_page, tag_row
from pibridge.status.worker import Worker

_SPARKLINE_DOTS: Final = 60
_CURVE_DOTS: Final = 800
_LAST_EVENTS: Final = 50


class NotFoundError(Exception):
    """There is no such thing."""


class NoQuery(Struct, frozen=True, forbid_unknown_fields=True):
    """Takes no parameters."""


class LogQuery(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which lines. `after`: those behind the line with this id."""

    after: Annotated[int, Meta(ge=0)] = 0


class SparklineQuery(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which tags. `tags`: their numbers, with commas between. `since`: Unix time; none: `minutes` ago."""

    tags: Annotated[str, Meta(pattern=r"^\d{1,9}(,\d{1,9}){0,99}$")]
    minutes: Annotated[float, Meta(gt=0, le=1440)] = 15
    since: Annotated[float, Meta(ge=0)] = 0


class OneTagQuery(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which tag, by its number, and how far back. `since`: Unix time; none: `minutes` ago."""

    number: Annotated[int, Meta(ge=1)]
    minutes: Annotated[float, Meta(gt=0, le=14400)] = 60
    since: Annotated[float, Meta(ge=0)] = 0


class Sparklines(Struct, frozen=True, kw_only=True):
    """Curves by number of the tag, from `since` to `until`, Unix times. What is before may have holes."""

    since: float
    until: float
    curves: dict[str, list[Dot]]


class SeenEvent(Struct, frozen=True, kw_only=True):
    """One value as it stands in the journal. `text`: as people read it. `flags`: such as `substituted`."""

    ts: str
    text: str
    quality: Quality
    flags: list[str] = []


class OneTag(Struct, frozen=True, kw_only=True):
    """A tag with what the journal holds of it. `since`, `until`: Unix times between which nothing is left out.

    `values`: how many there are between; `events`: the newest of them, the newest first.
    """

    tag: TagRow
    since: float
    until: float
    values: int
    curve: list[Dot]
    events: list[SeenEvent]


class LogLines(Struct, frozen=True):
    """Log lines, the oldest first; only so many are kept."""

    lines: list[Line]


class Endpoint(Struct, frozen=True):
    """One route of the API. `answer`: what `ask` gives for a `query`."""

    path: str
    summary: str
    query: type[Struct]
    answer: type[Struct]
    ask: Callable[[Any], Awaitable[Struct]]


class Api:
    """Answers from the daemon, the ring of the last minutes, log lines and the journal. `more`: what others answer."""

    def __init__(self, source: Source, past: Past, lines: Lines, more: Sequence[Endpoint] = ()) -> None:
        self._source = source
        self._past = past
        self._lines = lines
        self._worker = Worker("status-search")
        self._look = Look(source.journal_folder)
        self.endpoints: Final = (
            Endpoint("/api/status", "The state of all parts.", NoQuery, Snapshot, self._status),
            Endpoint("/api/history", "The last quarter of an hour, for charts.", NoQuery, History, self._history),
            Endpoint("/api/tags", "The table of tags: searched, counted, in pages.", TagQuery, TagPage, self._tags),
            Endpoint("/api/sparklines", "Small curves of some tags.", SparklineQuery, Sparklines, self._sparklines),
            Endpoint("/api/tag", "One tag: its newest values and its curve.", OneTagQuery, OneTag, self._tag),
            Endpoint("/api/gaps", "What is owed by PI's archive, by stream and reason.", NoQuery, Debts, self._gaps),
            Endpoint("/api/batches", "The batches that run, by unit.", BatchQuery, Batches, self._batches),
            Endpoint("/api/log", "The last log lines.", LogQuery, LogLines, self._log),
            *more,
        )

    def close(self) -> None:
        """Let go of the journal."""
        self._worker.close()
        self._look.close()

    def snapshot(self) -> Snapshot:
        """Give the state with its outlook."""
        return replace(self._source.snapshot(), outlook=self._past.outlook())

    async def _status(self, _: NoQuery) -> Snapshot:
        return self.snapshot()

    async def _history(self, _: NoQuery) -> History:
        return self._past.history()

    async def _tags(self, query: TagQuery) -> TagPage:
        now = self._source.tags()
        return await self._worker.do(lambda: tag_page(now, query))

    async def _sparklines(self, query: SparklineQuery) -> Sparklines:
        now = self._source.tags()
        numbers = [number for number in map(int, query.tags.split(",")) if 0 < number <= len(now.tags)]
        seen = await self._look.seen(numbers, _begin(query, now.now_ticks))
        curves = {
            str(number): curve(events, text=now.tags[number - 1].text, most=_SPARKLINE_DOTS)
            for number, events in seen.events.items()
        }
        return Sparklines(since=_unix_s(seen.since_ticks), until=_unix_s(now.now_ticks), curves=curves)

    async def _tag(self, query: OneTagQuery) -> OneTag:
        now = self._source.tags()
        if query.number > len(now.tags):
            raise NotFoundError(f"no tag has the number {query.number}")
        seen = await self._look.seen([query.number], _begin(query, now.now_ticks))
        text = now.tags[query.number - 1].text
        events = [event for event in seen.events.get(query.number, []) if event.ticks >= seen.since_ticks]
        newest = sorted(events, key=lambda event: event.ticks, reverse=True)[:_LAST_EVENTS]
        return OneTag(
            tag=tag_row(now, query.number),
            since=_unix_s(seen.since_ticks),
            until=_unix_s(now.now_ticks),
            values=len(events),
            curve=curve(events, text=text, most=_CURVE_DOTS),
            events=[_seen(event, text=text) for event in newest],
        )

    async def _gaps(self, _: NoQuery) -> Debts:
        now = self._source.tags()
        owed = await self._look.gaps()
        return await self._worker.do(lambda: debts(owed, now.tags, now.now_ticks))

    async def _batches(self, query: BatchQuery) -> Batches:
        surroundings = self._source.surroundings
        if surroundings is None or not surroundings.settings.batches:
            return Batches(units=0, running=0, batches=[])
        now = self._source.tags()
        read = [now.tags[number - 1] for number in now.reading]
        paths = await self._worker.do(lambda: assets_of(read, now.assets))
        return await running_batches(surroundings.timeline, paths, now.now_ticks, query)

    async def _log(self, query: LogQuery) -> LogLines:
        return LogLines(self._lines.after(query.after))


def _seen(event: Event, *, text: bool) -> SeenEvent:
    said = meaning(event, text=text)
    flags = [*said.flags, "deleted"] if event.status & DELETE else list(said.flags)
    return SeenEvent(ts=ticks.render(event.ticks), text=shown(event, text=text), quality=said.quality, flags=flags)


def _begin(query: SparklineQuery | OneTagQuery, now_ticks: int) -> int:
    return ticks.from_seconds(query.since or now_ticks / ticks.PER_SECOND - 60 * query.minutes)


def _unix_s(moment_ticks: int) -> float:
    return round(moment_ticks / ticks.PER_SECOND, 3)
