"""The configured streams: which tags they read now, over which channels, followed as PI changes."""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NoReturn

import structlog

from pibridge.errors import ConfigurationError, RejectedError, UnauthorizedError, UnavailableError
from pibridge.intake.arrivals import Arrivals
from pibridge.intake.catalogue import Catalogue
from pibridge.intake.history import History
from pibridge.intake.live import LiveChannel, missed, newest
from pibridge.intake.settings import StreamSettings
from pibridge.journal.gaps import NewGap
from pibridge.journal.journal import Journal
from pibridge.model.tag import Tag
from pibridge.pi.channel import plan_channels
from pibridge.pi.client import PiClient
from pibridge.pi.selection import Selection, resolve
from pibridge.pi.settings import LimitSettings
from pibridge.pi.webid import identity
from pibridge.status.counters import Counters

_RETRY_S = 10.0


@dataclass(frozen=True)
class _Change:
    """How the tags of a stream differ from before, by number. `moved`: known, under a new WebID."""

    stream: str
    now: dict[int, Tag]
    added: list[int]
    removed: list[int]
    moved: list[int]


class Streams:
    """Reads all streams until cancelled.

    Of several streams with the same mode that select a tag, the first name in alphabetical order reads it.
    """

    def __init__(  # noqa: PLR0913, PLR0917 - the parts of intake; only the daemon makes one
        self,
        streams: Mapping[str, StreamSettings],
        refresh_s: float,
        limits: LimitSettings,
        client: PiClient,
        journal: Journal,
        counters: Counters,
    ) -> None:
        self._streams = dict(sorted(streams.items()))
        self._refresh_s = refresh_s
        self._limits = limits
        self._client = client
        self._journal = journal
        self._counters = counters
        self._catalogue = Catalogue()
        self._history = History(client, journal, self._catalogue, counters, limits.items_per_request)
        self._selections: dict[str, Selection] = {}
        self._tags: dict[str, dict[int, Tag]] = {name: {} for name in streams}
        self._channels: dict[LiveChannel, asyncio.Task[NoReturn]] = {}
        self._log = structlog.get_logger()

    async def run(self) -> None:
        """Resolve the selections, read what they give, and look again every `refresh`."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._history.run(), name="history")
            while True:
                unresolved = await self._resolve(self._streams)
                await self._apply(tasks)
                while unresolved:
                    # While PI refuses us, the gate sets the pace, and notices a changed secret.
                    await asyncio.sleep(_RETRY_S if self._client.gate.is_open else 0)
                    unresolved = await self._resolve(unresolved)
                    await self._apply(tasks)
                await asyncio.sleep(self._refresh_s)

    async def _resolve(self, names: Iterable[str]) -> list[str]:
        """Ask PI what these selections hold now; give those that could not be asked and stay as they were."""
        unresolved = []
        for name in names:
            counters = self._counters.stream(name)
            try:
                selection = await resolve(self._client, name, self._streams[name].mode, self._streams[name].select)
            except (UnavailableError, UnauthorizedError, RejectedError, ConfigurationError) as error:
                unresolved.append(name)
                if counters.last_error != str(error):
                    self._log.warning("selection cannot be resolved, tried again", stream=name, error=str(error))
                counters.last_error = str(error)
                continue
            before = self._selections.get(name)
            self._selections[name] = selection
            counters.problems = len(selection.problems)
            for problem in selection.problems:
                if before is None or problem not in before.problems:
                    self._log.warning(
                        "left out", stream=name, path=problem.path, reason=problem.reason, hint=problem.hint
                    )
        return unresolved

    async def _apply(self, tasks: asyncio.TaskGroup) -> None:
        """Bring what is read in line with the selections: only channels whose tags changed are touched."""
        changes = []
        for name, tags in self._owners().items():
            now = dict(zip(await self._journal.describe(tags), tags, strict=True))
            if now != self._tags[name]:
                changes.append(_change(name, self._tags[name], now))
        # A tag that goes from one stream to another leaves the one before it joins the other.
        left = {}
        for change in changes:
            self._catalogue.remove(change.removed)
            left[change.stream] = await self._close_channels({*change.removed, *change.moved})
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
            self._catalogue.add(change.now)
            self._counters.stream(name).tags = len(change.now)
            await self._owe(name, change.added)
            self._open_channels(tasks, name, [*left[name], *change.added, *change.moved])
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
        new = [number for number in numbers if self._journal.joined(number) is None]
        gaps = missed(self._journal, [number for number in numbers if number not in set(new)], "not running")
        # Until the first message arrives nobody hears what PI says.
        since, reason = (now, "new") if backfill_from is None else (backfill_from, "backfill")
        gaps += [NewGap(number, since, None, reason) for number in new]
        await self._journal.open_gaps(gaps)
        await self._journal.join(new, now)

    async def _close_channels(self, numbers: set[int]) -> list[int]:
        """Close the channels that carry any of these tags; give their other tags, whose gap is written down."""
        left = []
        for channel in [channel for channel in self._channels if not numbers.isdisjoint(channel.numbers)]:
            task = self._channels.pop(channel)
            task.cancel()
            await asyncio.wait({task})
            left += [number for number in channel.numbers if number not in numbers]
        await self._journal.open_gaps(missed(self._journal, [*left, *numbers], "channels arranged anew"))
        return left

    def _open_channels(self, tasks: asyncio.TaskGroup, name: str, numbers: Sequence[int]) -> None:
        counters = self._counters.stream(name)
        by_web_id = {self._catalogue.tag(number).web_id: number for number in numbers}
        for web_ids in plan_channels(list(by_web_id), self._limits.streams_per_channel):
            group = [by_web_id[web_id] for web_id in web_ids]
            arrivals = Arrivals(
                {identity(web_id): by_web_id[web_id] for web_id in web_ids}, newest(self._journal, group)
            )
            self._catalogue.hear(group, arrivals)
            channel = LiveChannel(
                name, web_ids, group, arrivals, self._client, self._journal, counters, self._history.recoverable
            )
            self._channels[channel] = tasks.create_task(channel.run(), name=f"channel {name}")
        counters.channels = sum(1 for channel in self._channels if channel.stream == name)


def _change(stream: str, before: Mapping[int, Tag], now: dict[int, Tag]) -> _Change:
    return _Change(
        stream,
        now,
        added=[number for number in now if number not in before],
        removed=[number for number in before if number not in now],
        moved=[number for number, tag in now.items() if number in before and before[number].web_id != tag.web_id],
    )
