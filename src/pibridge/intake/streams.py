"""The configured streams: which tags they read now, over which channels, followed as PI changes."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NoReturn

import structlog

from pibridge.context.surroundings import Surroundings
from pibridge.errors import ConfigurationError, RejectedError, UnauthorizedError, UnavailableError
from pibridge.intake.catalogue import Catalogue
from pibridge.intake.channels import Channels
from pibridge.intake.history import History
from pibridge.intake.pages import MARGIN_TICKS
from pibridge.intake.reception import described, missed
from pibridge.intake.remembered import Remembered
from pibridge.intake.reread import Reread
from pibridge.intake.settings import RereadSettings, StreamSettings
from pibridge.journal.gaps import NewGap
from pibridge.journal.journal import Journal
from pibridge.model import ticks
from pibridge.model.tag import Mode, Tag
from pibridge.pi.client import PiClient
from pibridge.pi.selection import Selection, resolve
from pibridge.pi.settings import LimitSettings
from pibridge.status.counters import Counters

_RETRY_S = 10.0
_SOON_S = 5.0
_TIMES_LONGER = 10
"""Of resolving because something is amiss: so many times longer than it took, it is not repeated."""


@dataclass(frozen=True)
class _Change:
    """How the tags of a stream differ from before, by number. `moved`: known, under a new WebID or another way."""

    stream: str
    now: dict[int, Tag]
    added: list[int]
    removed: list[int]
    moved: list[int]


class Streams:
    """Reads all streams until cancelled.

    Of several streams with the same mode that select a tag, the first name in alphabetical order reads it. `reach` is
    told since when events with batches are owed, `lose` of which time records may be lost.
    """

    def __init__(  # noqa: PLR0913, PLR0917 - the parts of intake; only the daemon makes one
        self,
        streams: Mapping[str, StreamSettings],
        refresh_s: float,
        limits: LimitSettings,
        client: PiClient,
        journal: Journal,
        counters: Counters,
        surroundings: Surroundings,
        reach: Callable[[int], None],
        lose: Callable[[int, int], Awaitable[None]],
    ) -> None:
        self._streams = dict(sorted(streams.items()))
        self._refresh_s = refresh_s
        self._client = client
        self._journal = journal
        self._counters = counters
        self._catalogue = Catalogue()
        self._history = History(client, journal, self._catalogue, counters, limits.items_per_request)
        self._remembered = Remembered(journal, client.settings.url)
        self._selections: dict[str, Selection] = {}
        self._tags: dict[str, dict[int, Tag]] = {name: {} for name in streams}
        self._look_again = asyncio.Event()
        self._surroundings = surroundings
        self._reach = reach
        self._lose = lose
        self._wanted: tuple[Mapping[str, StreamSettings], float, Surroundings] | None = None
        self._has_changed = asyncio.Event()
        self._refresh_at = self._resolving_s = 0.0
        self._rereads: dict[str, tuple[RereadSettings, asyncio.Task[NoReturn]]] = {}
        self._channels = Channels(
            client,
            journal,
            self._catalogue,
            counters,
            lambda name: self._streams[name],
            limits.streams_per_channel,
            self._history,
            self._look_again,
        )
        self._log = structlog.get_logger()

    async def run(self) -> None:
        """Read what was read last, resolve the selections, read what they give, and look again every `refresh`."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._history.run(), name="history")
            tasks.create_task(self._channels.run(), name="channels")
            tasks.create_task(self._mend_damage(), name="mend")
            self._selections = await self._remembered.recall(self._streams)
            await self._arranged(tasks)
            names = list(self._streams)
            while True:
                unresolved = await self._resolve(names)
                await self._arranged(tasks)
                resolved = {name: self._streams[name] for name in self._selections if name in self._streams}
                await self._remembered.keep(resolved, self._tags)
                names = await self._rest(unresolved)
                if self._wanted is not None:
                    await self._follow(*self._wanted)
                    names = list(self._streams)

    def refusal_of(self, number: int) -> str:
        """Give why PI refuses to read a tag; empty: it does not."""
        return self._channels.refusal_of(number)

    def change(self, streams: Mapping[str, StreamSettings], refresh_s: float, surroundings: Surroundings) -> None:
        """Read other streams, or the same ones otherwise, from now on; what did not change notices nothing."""
        self._wanted = streams, refresh_s, surroundings
        self._has_changed.set()
        self._look_again.set()

    async def _follow(
        self, streams: Mapping[str, StreamSettings], refresh_s: float, surroundings: Surroundings
    ) -> None:
        """Do what `change` asked for: between two rounds, and while nobody opens or closes channels."""
        async with self._channels.arranging:
            self._wanted = None
            self._has_changed.clear()
            self._refresh_s = refresh_s
            self._surroundings = surroundings
            before, self._streams = self._streams, dict(sorted(streams.items()))
            carried_anew = set()
            for name, settings in before.items():
                now = streams.get(name)
                if now is None or (now.select, now.mode) != (settings.select, settings.mode):
                    self._selections.pop(name, None)
                    self._counters.stream(name).is_resolved = False
                elif (now.via, now.interval, now.delay) != (settings.via, settings.interval, settings.delay):
                    carried_anew.add(name)
            # What is removed ends now: it waits for no answer of PI about the others.
            await self._arrange(carried_anew)

    async def _rest(self, unresolved: list[str]) -> list[str]:
        """Wait until selections are to be resolved again; give their names."""
        loop = asyncio.get_running_loop()
        if not unresolved:
            self._refresh_at = loop.time() + self._refresh_s
        # While PI refuses us, the gate sets the pace, and notices a changed secret.
        retry_s = _RETRY_S if self._client.gate.is_open else 0.0
        try:
            wait_s = retry_s if unresolved else self._refresh_s
            async with asyncio.timeout(wait_s):
                await self._look_again.wait()
        except TimeoutError:
            if loop.time() < self._refresh_at:
                return unresolved
        else:
            # Many channels may ask for it at about the same time.
            soon_s = max(_SOON_S, _TIMES_LONGER * self._resolving_s)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(min(soon_s, self._refresh_s)):
                    await self._has_changed.wait()
        self._look_again.clear()
        return list(self._streams)

    def _arrange_rereads(self, tasks: asyncio.TaskGroup) -> None:
        """Read settled time again, of the streams that are resolved, as each is configured now."""
        for name, (settings, task) in list(self._rereads.items()):
            if name not in self._streams or self._streams[name].reread != settings:
                task.cancel()
                del self._rereads[name]
        for name, stream in self._streams.items():
            if stream.mode is Mode.INTERPOLATED or name in self._rereads:
                continue  # what PI makes of an instant is asked for once
            if stream.reread is not None and name in self._selections:
                task = tasks.create_task(self._reread(name, stream.reread), name=f"reread {name}")
                self._rereads[name] = stream.reread, task

    async def _reread(self, name: str, settings: RereadSettings) -> NoReturn:
        def numbers() -> list[int]:
            tags = self._tags.get(name, {})
            return [number for number, tag in tags.items() if number in self._catalogue and not tag.static]

        reread = Reread(name, settings, numbers, self._client, self._journal, self._history, self._counters.history)
        await reread.run()

    async def _resolve(self, names: Iterable[str]) -> list[str]:
        """Ask PI what these selections hold now; give those that could not be asked and stay as they were."""
        unresolved = []
        begin = asyncio.get_running_loop().time()
        for name in names:
            settings = self._streams.get(name)
            if settings is None:
                continue
            counters = self._counters.stream(name)
            try:
                selection = await resolve(self._client, name, settings.mode, settings.select, settings.via)
            except (UnavailableError, UnauthorizedError, RejectedError, ConfigurationError) as error:
                unresolved.append(name)
                if counters.last_error != str(error):
                    self._log.warning("selection cannot be resolved, tried again", stream=name, error=str(error))
                counters.last_error = str(error)
                continue
            before = self._selections.get(name)
            if any(problem.passing for problem in selection.problems):
                unresolved.append(name)
                selection = selection.completed(before)
            self._selections[name] = selection
            counters.problems = len(selection.problems)
            if not counters.channels or counters.channels_open == counters.channels:
                counters.last_error = ""
            for problem in selection.problems:
                if before is None or problem not in before.problems:
                    self._log.warning(
                        "left out", stream=name, path=problem.path, reason=problem.reason, hint=problem.hint
                    )
        self._resolving_s = asyncio.get_running_loop().time() - begin
        return unresolved

    async def _arranged(self, tasks: asyncio.TaskGroup) -> None:
        """Bring what is read in line with the selections: only channels whose tags changed are touched."""
        async with self._channels.arranging:
            await self._arrange()
        self._arrange_rereads(tasks)

    async def _arrange(self, carried_anew: Collection[str] = ()) -> None:
        """Open and close channels. `carried_anew`: streams whose tags are all to be read another way."""
        changes = []
        everything: dict[int, Tag] = {}
        wanted = self._owners()
        for name in self._tags.keys() - self._streams.keys():
            wanted[name] = []
        for name, tags in wanted.items():
            now = dict(zip(await self._journal.describe(tags), tags, strict=True))
            everything |= now
            before = self._tags.setdefault(name, {})
            if now != before or name in carried_anew:
                changes.append(_change(name, before, now, moves=name in carried_anew))
        self._journal.hold([number for number, tag in everything.items() if self._surroundings.holds(tag)])
        # A tag that goes from one stream to another leaves the one before it joins the other.
        left = {}
        for change in changes:
            self._catalogue.remove(change.removed)
            left[change.stream] = await self._channels.close(change.stream, {*change.removed, *change.moved})
        for change in changes:
            name = change.stream
            self._log.info(
                "tags of a stream",
                stream=name,
                tags=len(change.now),
                added=len(change.added),
                removed=len(change.removed),
            )
            self._tags[name] = change.now
            self._catalogue.add(self._channels.readable(change.now))
            self._counters.stream(name).tags = len(change.now)
            if change.added:
                await self._owe(name, change.added)
            self._channels.open(name, [*left[name], *change.added, *change.moved])
        for name in self._selections:
            self._counters.stream(name).is_resolved = True
        for name in self._tags.keys() - self._streams.keys():
            del self._tags[name]
        self._history.recoverable()

    def _owners(self) -> dict[str, list[Tag]]:
        """Give the tags that each stream reads; every tag in one stream of a mode only."""
        taken: set[str] = set()
        owners: dict[str, list[Tag]] = {}
        for name, selection in sorted(self._selections.items()):
            owners[name] = []
            for tag in selection.tags:
                if tag.key not in taken:
                    taken.add(tag.key)
                    owners[name].append(tag)
        return owners

    async def _owe(self, name: str, numbers: Sequence[int]) -> None:
        """Write down what tags are owed before they are read: what was missed since, or the backfill of new ones."""
        now = self._client.server_ticks()
        backfill_from = self._streams[name].backfill_from_ticks(now)
        joined = {number: since for number in numbers if (since := self._journal.joined(number)) is not None}
        new = [number for number in numbers if number not in joined]
        gaps = missed(self._journal, list(joined), "not running")
        since, reason = (now, "new") if backfill_from is None else (backfill_from, "backfill")
        # What is sampled begins with the next instant.
        is_sampled = self._streams[name].mode is Mode.INTERPOLATED
        start = since + 1 if is_sampled and backfill_from is None else since
        with_history = [number for number in numbers if not self._catalogue.tag(number).static]
        # Until the first message arrives nobody hears what PI says.
        gaps += [NewGap(number, start, None, reason) for number in with_history if number not in joined]
        if backfill_from is not None:
            # The configuration reaches further back than before.
            gaps += [
                NewGap(number, backfill_from, joined[number], "backfill")
                for number in with_history
                if number in joined and backfill_from < joined[number]
            ]
        covered = {number for number in numbers if self._surroundings.sources(self._tags[name][number])}
        self._reach(min((gap.start_ticks for gap in gaps if gap.tag in covered), default=ticks.FOREVER))
        await self._journal.open_gaps(gaps)
        await self._journal.join(numbers if backfill_from is not None else new, since)

    async def _mend_damage(self) -> NoReturn:
        """Let every tag owe again what a damaged chunk may have held of it."""
        while True:
            await asyncio.sleep(_RETRY_S)
            for damaged in await self._journal.damaged():
                start, end = damaged.first_ticks or 0, damaged.last_ticks or self._client.server_ticks()
                # Also of tags that are not read now: their streams may not be resolved yet. A chunk that holds first
                # values reaches far back, but nobody is owed what was before it joined.
                gaps = [
                    NewGap(number, max(start, self._owed_from(number, since)), end, "a damaged chunk")
                    for number, since in self._journal.owed().items()
                    if since <= end and not described(self._journal, number).static
                ]
                await self._lose(start, end)
                await self._journal.mend(damaged, gaps)
                self._history.recoverable()

    def _owed_from(self, number: int, joined: int) -> int:
        """Give from when on a tag is read again that joined at this time; instants before it are nobody's."""
        return joined if described(self._journal, number).mode is Mode.INTERPOLATED else joined - MARGIN_TICKS


def _change(stream: str, before: Mapping[int, Tag], now: dict[int, Tag], *, moves: bool) -> _Change:
    return _Change(
        stream,
        now,
        added=[number for number in now if number not in before],
        removed=[number for number in before if number not in now],
        moved=[
            number for number, tag in now.items() if number in before and (moves or before[number].web_id != tag.web_id)
        ],
    )
