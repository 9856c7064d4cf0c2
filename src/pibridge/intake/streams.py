"""The configured streams: which tags they read now, over which channels, followed as PI changes."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NoReturn

import structlog

from pibridge.context.choice import Choice, of_tag
from pibridge.context.surroundings import Surroundings
from pibridge.errors import ConfigurationError, RejectedError, UnauthorizedError, UnavailableError
from pibridge.intake.backfilling import Backfilling
from pibridge.intake.catalogue import Catalogue
from pibridge.intake.channels import Channels
from pibridge.intake.history import History
from pibridge.intake.mending import mend_damage
from pibridge.intake.reception import missed
from pibridge.intake.remembered import Remembered
from pibridge.intake.reread import Reread
from pibridge.intake.settings import RereadSettings, ShardSettings, StreamSettings
from pibridge.intake.shard import has_tag
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
        shard: ShardSettings | None = None,
    ) -> None:
        self._streams = dict(sorted(streams.items()))
        self._refresh_s = refresh_s
        self._client = client
        self._journal = journal
        self._counters = counters
        self._catalogue = Catalogue()
        self._history = History(client, journal, self._catalogue, counters, limits.items_per_request)
        self._backfilling = Backfilling(client, journal, self._history, self._meant, self._reach_for)
        self._remembered = Remembered(journal, client.settings.url)
        self._selections: dict[str, Selection] = {}
        self._arranged_streams: set[str] = set()
        self._tags: dict[str, dict[int, Tag]] = {name: {} for name in streams}
        self._look_again = asyncio.Event()
        self._surroundings = surroundings
        self._reach = reach
        self._lose = lose
        self._shard = shard
        self._leaving: set[int] = set()
        self._wanted: tuple[Mapping[str, StreamSettings], float, Surroundings, ShardSettings | None] | None = None
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
            mending = mend_damage(self._client, self._journal, self._lose, self._history.recoverable)
            tasks.create_task(mending, name="mend")
            tasks.create_task(self._let_go(), name="let go")
            tasks.create_task(self._backfilling.run(), name="backfills")
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

    def change(
        self,
        streams: Mapping[str, StreamSettings],
        refresh_s: float,
        surroundings: Surroundings,
        shard: ShardSettings | None = None,
    ) -> None:
        """Read other streams, or the same ones otherwise, from now on; what did not change notices nothing."""
        self._wanted = streams, refresh_s, surroundings, shard
        self._has_changed.set()
        self._look_again.set()

    def reading(self) -> set[int]:
        """Give the numbers of the tags that are read now, those that PI refuses among them."""
        return set().union(*self._tags.values())

    def refused(self) -> dict[int, str]:
        """Give why each tag that is set aside is."""
        return self._channels.refused()

    async def _follow(
        self,
        streams: Mapping[str, StreamSettings],
        refresh_s: float,
        surroundings: Surroundings,
        shard: ShardSettings | None,
    ) -> None:
        """Do what `change` asked for: between two rounds, and while nobody opens or closes channels."""
        async with self._channels.arranging:
            self._wanted = None
            self._has_changed.clear()
            self._refresh_s = refresh_s
            self._surroundings = surroundings
            self._shard = shard
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
        wanted = self._owners(owing={gap.tag for gap in await self._journal.gaps()} if self._shard else set())
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
        self._arranged_streams = set(self._selections)
        for name in self._selections:
            self._counters.stream(name).is_resolved = True
        for name in self._tags.keys() - self._streams.keys():
            del self._tags[name]
        await self._part()
        self._history.recoverable()

    def _owners(self, owing: Collection[int]) -> dict[str, list[Tag]]:
        """Give the tags that each stream reads; every tag in one stream of a mode only.

        Those of another shard are left to it, but for what this one still owes of them.
        """
        taken: set[str] = set()
        owners: dict[str, list[Tag]] = {}
        self._leaving = set()
        for name, selection in sorted(self._selections.items()):
            owners[name] = []
            for tag in selection.tags:
                if tag.key not in taken:
                    taken.add(tag.key)
                    if has_tag(self._shard, tag) or self._stays(tag, owing):
                        owners[name].append(tag)
        return owners

    def _stays(self, tag: Tag, owing: Collection[int]) -> bool:
        """Tell whether a tag of another shard is still read here: until all is paid that this one missed of it."""
        number = self._journal.number(tag.key)
        if number is None or self._journal.joined(number) is None:
            return False
        self._leaving.add(number)
        return number in owing or number not in self._tags.get(tag.stream, ())

    async def _part(self) -> None:
        """Owe nothing any more of tags that have left for another shard."""
        left = self._leaving.difference(*self._tags.values())
        if left:
            await self._journal.part(sorted(left))
            self._leaving -= left
            self._log.info("tags are left to other shards", tags=len(left))

    async def _let_go(self) -> NoReturn:
        """Let tags of other shards leave once nothing is owed of them."""
        while True:
            await asyncio.sleep(_SOON_S)
            if self._leaving and not self._leaving <= {gap.tag for gap in await self._journal.gaps()}:
                async with self._channels.arranging:
                    await self._arrange()

    async def _owe(self, name: str, numbers: Sequence[int]) -> None:
        """Write down what tags are owed before they are read: what was missed since, or the backfill of new ones."""
        now = self._client.server_ticks()
        backfill_from = self._streams[name].backfill_from_ticks(now)
        joined = {number: since for number in numbers if (since := self._journal.joined(number)) is not None}
        new = [number for number in numbers if number not in joined]
        gaps = missed(self._journal, list(joined), "not running")
        since, reason = (now, "new") if backfill_from is None else (backfill_from, "backfill")
        if self._shard is not None:
            # Another core may have read the tag until it came here.
            since = min(since, now - ticks.from_seconds(self._shard.overlap))
        # What is sampled begins with the next instant.
        is_sampled = self._streams[name].mode is Mode.INTERPOLATED
        start = since + 1 if is_sampled and since == now else since
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
        await self._journal.join(new, since)
        if backfill_from is not None:
            await self._journal.join(list(joined), backfill_from)

    def _meant(self, choice: Choice) -> list[int] | None:
        """Give the tags of a choice that are read now; None: a stream that may have some is not resolved yet."""
        names = self._streams.keys() & set(choice.streams or self._streams)
        if not names <= self._arranged_streams:
            return None
        is_meant = of_tag(choice, self._surroundings.assets)
        everything = [(number, tag) for tags in self._tags.values() for number, tag in tags.items()]
        return [number for number, tag in everything if number in self._catalogue and not tag.static and is_meant(tag)]

    def _reach_for(self, since_ticks: int, numbers: Collection[int]) -> None:
        """See to it that batches are known since then if events of these tags have any."""
        if any(self._surroundings.sources(self._catalogue.tag(number)) for number in numbers):
            self._reach(since_ticks)


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
