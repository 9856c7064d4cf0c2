"""Compares PI's archive, the journal and the sinks, for some tags and a stretch of time that has settled."""

import asyncio
from array import array
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, MutableSequence, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from typing import Final, Self, TypeVar, TypeVarTuple

from pibridge.audit.archive import Archive
from pibridge.audit.audited import Audited
from pibridge.audit.comparing import Compared, Earlier
from pibridge.audit.files_at_rest import absent
from pibridge.audit.journaled import Journaled
from pibridge.audit.ledger import HOUR_TICKS, pages_of, place_of
from pibridge.audit.sides import Sides, State, compared_of
from pibridge.config.loaded import Loaded
from pibridge.context.choice import Choice, of_tag
from pibridge.errors import PIBridgeError
from pibridge.inspection.covered import covered
from pibridge.inspection.records import Records
from pibridge.inspection.sightings import Sighting
from pibridge.intake.coverage import Span
from pibridge.intake.instants import latest
from pibridge.journal.gaps import Gap
from pibridge.journal.reader import JournalReader
from pibridge.model import ticks
from pibridge.model.event import Event
from pibridge.model.tag import Mode, Tag
from pibridge.pi.client import PiClient
from pibridge.pi.recorded import has_no_history
from pibridge.sinks.settings import FileSettings

_SLICE_TICKS: Final = 600 * ticks.PER_SECOND
_EVENTS_AT_ONCE: Final = 50_000
_TAGS_AT_ONCE: Final = 2_000
_LATEST: Final = 1 << 62
_UNDER_WAY_TICKS: Final = 300 * ticks.PER_SECOND
"""So old a value may be that a running daemon has not read yet: a poll may be due, a silent channel be noticed."""


_Given = TypeVarTuple("_Given")
_Result = TypeVar("_Result")


async def _no_rest() -> None:
    pass


class Auditor:
    """Audits with one look at the configuration. Made by `open`.

    Calls raise JournalError, UnavailableError and UnauthorizedError.
    """

    def __init__(
        self,
        loaded: Loaded,
        reader: JournalReader,
        thread: ThreadPoolExecutor,
        archive: Archive,
        *,
        is_read: bool,
    ) -> None:
        self._configuration = loaded.configuration
        self._reader = reader
        self._thread = thread
        self._records = Records(loaded, reader)
        self._journaled = Journaled(loaded, reader, self._records)
        self._archive = archive
        self._is_read = is_read
        self._is_compressed: dict[str, bool] = {}

    @classmethod
    @asynccontextmanager
    async def open(
        cls, loaded: Loaded, client: PiClient, rest: Callable[[], Awaitable[None]] = _no_rest, *, is_read: bool
    ) -> AsyncIterator[Self]:
        """Open the journal to read. `rest`: is awaited now and then, by who leaves others the machine.

        `is_read`: a daemon reads what comes; without one what has come since is owed until the next start.
        """

        def begin() -> tuple[JournalReader, Self]:
            reader = JournalReader.open(loaded.configuration.journal.path)
            return reader, cls(loaded, reader, thread, Archive(client, rest), is_read=is_read)

        # What is cancelled while the thread works ends there: nothing is closed under its hands.
        thread = ThreadPoolExecutor(1, "audit")
        reader = None
        try:
            auditor: Self
            reader, auditor = await asyncio.get_running_loop().run_in_executor(thread, begin)
            yield auditor
        finally:
            if reader is not None:
                thread.submit(reader.close)
            thread.shutdown(wait=False)

    def tags(self, choice: Choice) -> list[int]:
        """Give those of the tags that are meant that can be audited: all that have a history."""
        is_meant = of_tag(choice, self._records.surroundings.assets)
        book = self._records.book
        described = ((number, book.tag(number, _LATEST)) for number in range(1, len(book) + 1))
        return [number for number, tag in described if tag.kind == "value" and not tag.static and is_meant(tag)]

    async def earlier(self, start_ticks: int, end_ticks: int) -> Mapping[int, Earlier]:
        """Give what the ledger has of an hour, nothing of a part of one."""
        if end_ticks - start_ticks + 1 < HOUR_TICKS:
            return {}
        source, hour = place_of(start_ticks)
        page = pages_of(await self._do(self._reader.facts, source)).get(hour)
        return page.cells if page else {}

    async def audit(
        self,
        numbers: Sequence[int],
        start_ticks: int,
        end_ticks: int,
        earlier: Mapping[int, Earlier],
        *,
        at_rest: bool = False,
    ) -> Audited:
        """Audit at most an hour, both ends included. `earlier`: what was found of these very times.

        `at_rest`: reads the files of file sinks, too.
        """
        await self._do(self._refresh)
        found = Audited(start_ticks, end_ticks, earlier)
        found.count.tags = len(numbers)
        delivered = await self._pass(numbers, found)
        if differing := found.differing():
            closer = Audited(start_ticks, end_ticks, earlier, keeps_gone=True)
            await self._pass(differing, closer)
            found.look_closer(closer)
        found.settle(self._archive.now())
        if at_rest:
            for name, seqs in delivered.items():
                await self._look_at_rest(name, seqs, found)
        return found

    async def _pass(self, numbers: Sequence[int], found: Audited) -> dict[str, MutableSequence[int]]:
        """Go through the time once; give the positions of what was delivered, by sink."""
        delivered: dict[str, MutableSequence[int]] = {}
        for start in range(found.start_ticks, found.end_ticks + 1, _SLICE_TICKS):
            end = min(found.end_ticks, start + _SLICE_TICKS - 1)
            counts = await self._do(self._journaled.counts, start, end)
            for group in _groups(numbers, counts):
                part = await self._part(group, start, end, found)
                for name, seqs in part.items():
                    delivered.setdefault(name, array("q")).extend(seqs)
        return delivered

    async def _do(self, work: Callable[[*_Given], _Result], *given: *_Given) -> _Result:
        return await asyncio.get_running_loop().run_in_executor(self._thread, work, *given)

    def _refresh(self) -> None:
        self._records.refresh()
        self._journaled.refresh()
        self._newest = self._reader.newest()

    async def _part(
        self, numbers: Sequence[int], start: int, end: int, found: Audited
    ) -> dict[str, MutableSequence[int]]:
        """Audit some tags; give the positions of what was delivered, by sink.

        PI is asked first: what it has has arrived by the time that the journal is read.
        """
        state = await self._do(self._state)
        tags = {number: self._records.book.tag(number, _LATEST) for number in numbers}
        owed = {number: tag for number, tag in tags.items() if state.coverage.spans_within(number, start, end)}
        asked = {number: tag.web_id for number, tag in owed.items() if tag.mode is not Mode.INTERPOLATED}
        archives = await self._archive.read(asked, start, end)
        read = await self._do(self._journaled.read, frozenset(numbers), start, end)
        found.take_sinks(read.sinks)
        state = state.until(await self._do(self._state))
        sides = Sides(owed, archives, read.seen, state, (start, end))
        compared = await self._do(compared_of, sides, found.looked_at)
        uncompressed = [
            number
            for number, each in compared.items()
            if len(each.gone) > len(each.deleted) and not await self._compresses(owed[number])
        ]
        if uncompressed:
            compared |= await self._do(compared_of, sides, found.looked_at, uncompressed)
        await self._do(self._take, sides, compared, found)
        return read.delivered

    def _take(self, sides: Sides, compared: Mapping[int, Compared], found: Audited) -> None:
        for number, tag in sides.tags.items():
            archive = sides.archive_of(number)
            gaps = sides.state.gaps.get(number, ())
            if isinstance(archive, PIBridgeError):
                found.take_unread(number, tag, archive, is_expected=has_no_history(archive))
            elif not sides.is_kept(number):
                found.take_archive_alone(number, tag, archive)
            elif archive is None:
                self._count_instants(tag, number, sides.seen_of(number), sides.spans_of(number), gaps, found)
            else:
                found.take(number, tag, archive, compared[number], gaps)

    async def _compresses(self, tag: Tag) -> bool:
        """Tell whether PI may discard values of a tag before it archives them."""
        known = self._is_compressed.get(tag.web_id)
        if known is None:
            known = self._is_compressed[tag.web_id] = await self._archive.is_compressed(tag.web_id) is not False
        return known

    def _count_instants(  # noqa: PLR0913, PLR0917 - an instant, and what it is judged by
        self,
        tag: Tag,
        number: int,
        seen: Sequence[Sighting],
        spans: Sequence[Span],
        gaps: Sequence[Gap],
        found: Audited,
    ) -> None:
        """Compare what was sampled with the instants at which it should have been."""
        stream = self._configuration.streams.get(tag.stream)
        if stream is None:
            return
        spacing = ticks.from_seconds(stream.interval)
        there = {each.event.ticks for each in seen}
        if any(moment % spacing for moment in there):
            found.note(f"{tag.name}: was sampled at other times than its stream says now; its instants are not counted")
            return
        owed = [
            moment
            for start, end in spans
            for moment in range(-(-start // spacing) * spacing, latest(end, spacing) + 1, spacing)
        ]
        lacking = [Event(number, moment, None) for moment in owed if moment not in there]
        found.take_instants(number, tag, len(owed), len(there), lacking, gaps)

    async def _look_at_rest(self, name: str, seqs: Sequence[int], found: Audited) -> None:
        settings = self._configuration.sinks[name]
        if isinstance(settings, FileSettings):
            lacking, problems = await self._do(absent, settings.path, seqs)
            for line in problems:
                found.note(line)
            found.take_absent(name, await self._do(self._journaled.records, lacking))

    def _state(self) -> State:
        coverage, unpaid = covered(self._reader)
        under_way = self._archive.now() - _UNDER_WAY_TICKS if self._is_read else 0
        gaps = {number: [self._ahead(number, since, under_way)] for number, since in coverage.joined.items()}
        for gap in unpaid:
            gaps.setdefault(gap.tag, []).append(gap)
        return State(coverage, gaps, coverage.trimmed_ticks)

    def _ahead(self, number: int, joined_ticks: int, since_ticks: int) -> Gap:
        """Give what is still to be read behind the newest event of a tag and since then."""
        last = self._newest.last(number)
        heard = joined_ticks - 1 if last is None else min(last.ticks, last.arrived_ticks)
        return Gap(0, number, max(heard + 1, since_ticks), None, "not read yet", 0)


def _groups(numbers: Sequence[int], counts: Counter[int]) -> Iterator[list[int]]:
    """Give the tags in groups that have few enough events to be compared in memory."""
    group: list[int] = []
    events = 0
    for number in numbers:
        if group and (events + counts[number] > _EVENTS_AT_ONCE or len(group) == _TAGS_AT_ONCE):
            yield group
            group, events = [], 0
        group.append(number)
        events += counts[number]
    if group:
        yield group
