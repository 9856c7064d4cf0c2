"""Manifests of batches: totals that are kept with the sink's cursors, and told to the sink when a batch has ended."""

import asyncio
import contextlib
import math
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from copy import deepcopy
from hashlib import sha256
from typing import Final, NamedTuple

import structlog
from msgspec import MsgspecError, Struct, json, msgpack
from msgspec.structs import replace

from pibridge.context.batch_totals import BatchTotals, Count, key_of
from pibridge.context.batches import BatchFields
from pibridge.context.filters import Filter
from pibridge.context.manifest import Missing, manifest, name_of
from pibridge.context.record import Record
from pibridge.context.surroundings import Surroundings
from pibridge.delivery.stop import Stop
from pibridge.errors import JournalFullError, UnavailableError
from pibridge.journal.delivered import facts_of
from pibridge.journal.facts import DropFact, Fact, FactChange
from pibridge.journal.gaps import Gap
from pibridge.journal.journal import Journal
from pibridge.journal.letters import DeadLetter
from pibridge.model import ticks
from pibridge.model.event import Lane
from pibridge.model.tag import Asset, Tag
from pibridge.sinks.contract import KeepsManifests

_LOOK_S: Final = 5.0
_GAPS_S: Final = 10.0
"""How long a batch that is otherwise told waits until it is seen again whether PI was read for all of its time."""
_SETTLED_TICKS: Final = 5 * ticks.PER_SECOND
_KEPT_TICKS: Final = 7 * 86_400 * ticks.PER_SECOND
"""How long after its last change a batch is remembered; what comes later gets a manifest of its own."""
_ANY_SEQ: Final = 1 << 62


class _Entry(Struct):
    """One batch. `changes`: how often it changed, `changed_ticks`: PI's time of the last time.

    `written`: digest of the manifest that the sink has.
    """

    totals: BatchTotals
    changes: int
    changed_ticks: int
    written: bytes = b""


class _Over(NamedTuple):
    """That a batch is over. `is_known`: PI still has it. `changes`, `end_ticks`: as in its entry."""

    is_known: bool
    changes: int
    end_ticks: int | None


class _Line(Struct):
    """Of a dead letter's line, to which batch it was counted."""

    batch: BatchFields | None = None


_read_line: Final = json.Decoder(_Line).decode
_encode: Final = msgpack.Encoder().encode
_decode: Final = msgpack.Decoder(_Entry).decode


class Manifests:
    """The manifests of one sink. `now`: PI's time."""

    def __init__(  # noqa: PLR0913, PLR0917 - what a manifest tells of; only the daemon makes one
        self,
        site: str,
        name: str,
        sink: KeepsManifests,
        journal: Journal,
        surroundings: Surroundings,
        now: Callable[[], int],
    ) -> None:
        self._site = site
        self._name = name
        self._sink = sink
        self._journal = journal
        self._surroundings = surroundings
        self._now = now
        self._counts = {lane: Count() for lane in Lane}
        self._entries: dict[str, _Entry] = {}
        # Of batches that are over: the place in the journal that the sink must have reached before all is told.
        self._due: dict[str, int] = {}
        self._told: dict[str, _Over] = {}
        self._gaps_at_s: dict[str, float] = {}
        self._changing = asyncio.Lock()
        self._failure = ""
        self._log = structlog.get_logger(sink=name)

    async def load(self) -> None:
        """Remember what is on disk."""
        for fact in await self._journal.facts(facts_of(self._name)):
            try:
                self._entries[fact.id] = _decode(fact.content)
            except MsgspecError as error:
                self._log.warning(
                    "the totals of a batch cannot be read; its manifest counts anew",
                    batch=fact.id,
                    error=str(error),
                    hint="check the disk: pibridge journal verify",
                )

    def begin(self, lane: Lane, admits: Filter) -> Filter:
        """Give a filter that counts what it is asked about; what an earlier try counted is forgotten."""
        self._counts[lane] = Count()

        def verdict(record: Record) -> str:
            reason = admits(record)
            self._counts[lane].add(record, reason)
            return reason

        return verdict

    @contextlib.asynccontextmanager
    async def counted(self, lane: Lane, day: str, refused: Iterable[Record]) -> AsyncIterator[Sequence[FactChange]]:
        """Give what is to be kept together with the cursor; it holds when the block ends without an error.

        `day`: of the object that was sent; empty: there was none. `refused`: what it does not hold.
        """
        count, self._counts[lane] = self._counts[lane], Count()
        async with self._adding(count.of_object(day, refused)) as changes:
            yield changes

    @contextlib.asynccontextmanager
    async def sent_again(
        self, letters: Iterable[DeadLetter], day: str, records: Iterable[Record], refused: Iterable[Record]
    ) -> AsyncIterator[Sequence[FactChange]]:
        """As `counted`, for dead letters: they are none any more of the batch that each had, and count anew."""
        count = Count()
        for record in records:
            count.add(record, "")
        added = count.of_object(day, refused)
        for letter in letters:
            batch = _read_line(letter.line).batch
            if batch is not None and (key := key_of(batch)) in self._entries:
                added.setdefault(key, BatchTotals(replace(batch, levels=()))).refused -= 1
        async with self._adding(added) as changes:
            yield changes

    async def run(self, stop: Stop) -> None:
        """Look, again and again, until stopped."""
        while not stop.is_set():
            await self.look()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_LOOK_S):
                    await stop.wait()

    async def look(self) -> None:
        """Tell the sink which batches are over that it was not told of, or not so."""
        try:
            await self._tell_all()
            await self._forget()
        except (UnavailableError, JournalFullError) as error:
            if self._failure != str(error):
                self._failure = str(error)
                self._log.warning("manifests of batches cannot be written now", error=str(error))
        else:
            self._failure = ""

    @contextlib.asynccontextmanager
    async def _adding(self, added: Mapping[str, BatchTotals]) -> AsyncIterator[Sequence[FactChange]]:
        async with self._changing:
            changed = {key: self._with(key, totals) for key, totals in added.items()}
            yield self._facts(changed)
            self._entries |= changed

    def _with(self, key: str, added: BatchTotals) -> _Entry:
        known = self._entries.get(key)
        if known is None:
            return _Entry(added, 1, self._now())
        totals = deepcopy(known.totals)
        totals.take(added)
        return _Entry(totals, known.changes + 1, self._now(), known.written)

    def _facts(self, entries: Mapping[str, _Entry]) -> list[FactChange]:
        source = facts_of(self._name)
        return [Fact(source, key, _encode(entry)) for key, entry in entries.items()]

    async def _tell_all(self) -> None:
        gaps: list[Gap] | None = None
        loop_s = asyncio.get_running_loop().time()
        for key, entry in list(self._entries.items()):
            over = self._over(entry)
            if over is None:
                self._due.pop(key, None)
                continue
            is_new = self._told.get(key) != over or loop_s >= self._gaps_at_s.get(key, math.inf)
            if is_new and await self._has_all(key):
                gaps = await self._journal.gaps() if gaps is None else gaps
                await self._tell(key, entry, over, gaps)

    def _over(self, entry: _Entry) -> _Over | None:
        """Tell how a batch is over. None: it is not, nothing of it came, or more is to be expected."""
        totals = entry.totals
        if not totals.tags:
            return None
        numbers = list(totals.tags)
        assets = {asset.path for _, asset in map(self._described, numbers) if asset is not None}
        timeline = self._surroundings.timeline
        ends = [end for asset in sorted(assets) if (end := timeline.end_of(totals.batch, asset)) is not None]
        is_known = bool(ends)
        if is_known:
            totals.end_ticks = ends[0]
        elif totals.end_ticks is not None and totals.end_ticks <= timeline.since:
            is_known = True  # forgotten since, as all that ended then
        settled_ticks = self._now() - 2 * self._surroundings.hold_ticks - _SETTLED_TICKS
        if is_known:
            is_over = totals.end_ticks is not None and totals.end_ticks <= settled_ticks
        else:
            sources = frozenset[str]().union(*(timeline.sources(asset) for asset in assets))
            first = min(tag.first_ticks for tag in totals.tags.values())
            is_over = entry.changed_ticks <= settled_ticks and self._surroundings.readings.know(
                sources, first, entry.changed_ticks
            )
        return _Over(is_known, entry.changes, totals.end_ticks) if is_over else None

    async def _has_all(self, key: str) -> bool:
        """Tell whether the sink has all that had arrived when the batch was found to be over."""
        stat = self._journal.stat()
        due = self._due.setdefault(key, stat.newest_seq)
        cursors = {lane: await self._journal.cursor(self._name, lane) for lane in Lane}
        return all(stat.lag[self._name, lane] == 0 or cursor.seq >= due for lane, cursor in cursors.items())

    async def _tell(self, key: str, entry: _Entry, over: _Over, gaps: Sequence[Gap]) -> None:
        totals = entry.totals
        missing = self._missing(totals, gaps) if over.is_known else []
        content = manifest(self._site, totals, missing, self._described, is_known=over.is_known)
        digest = sha256(content).digest()
        if digest != entry.written:
            await self._sink.keep_manifest(name_of(totals), content)
            self._log.info(
                "manifest of a batch written", batch=totals.batch.id, records=totals.records, missing=len(missing)
            )
            async with self._changing:
                entry = self._entries[key]
                entry.written = digest
                await self._keep(self._facts({key: entry}))
        self._told[key] = over
        self._due.pop(key, None)
        if missing:
            self._gaps_at_s[key] = asyncio.get_running_loop().time() + _GAPS_S
        else:
            self._gaps_at_s.pop(key, None)

    def _missing(self, totals: BatchTotals, gaps: Sequence[Gap]) -> list[Missing]:
        """Give the time within the batch for which tags of its assets were not read yet."""
        start_ticks, end_ticks = ticks.parse(totals.batch.start), totals.end_ticks or 0
        found = [
            Missing(number, start_ticks, joined)
            for number in totals.tags
            if (joined := self._journal.joined(number) or 0) > start_ticks
        ]
        for gap in gaps:
            first = max(start_ticks, gap.start_ticks, gap.overlap_ticks)
            last = min(end_ticks, ticks.FOREVER if gap.end_ticks is None else gap.end_ticks)
            if first < last and (gap.tag in totals.tags or self._runs(totals, gap.tag, first)):
                found.append(Missing(gap.tag, first, last))
        return found

    def _runs(self, totals: BatchTotals, number: int, at_ticks: int) -> bool:
        """Tell whether the batch ran on a tag's asset then."""
        _, asset = self._described(number)
        if asset is None or self._surroundings.timeline.end_of(totals.batch, asset.path) is None:
            return False
        batch = self._surroundings.timeline.span(asset.path, at_ticks).batch
        return batch is not None and batch.id == totals.batch.id

    def _described(self, number: int) -> tuple[Tag, Asset | None]:
        tag = self._journal.tag(number, _ANY_SEQ)
        return tag, self._surroundings.assets.of(tag)

    async def _keep(self, changes: Sequence[FactChange]) -> None:
        await self._journal.commit(Lane.LIVE, [], self._now(), changes)

    async def _forget(self) -> None:
        before = self._now() - _KEPT_TICKS
        old = [
            key
            for key, entry in self._entries.items()
            if entry.changed_ticks < before and (entry.written or not entry.totals.tags)
        ]
        if old:
            async with self._changing:
                await self._keep([DropFact(facts_of(self._name), key) for key in old])
                for key in old:
                    del self._entries[key]
                    self._told.pop(key, None)
