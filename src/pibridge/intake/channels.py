"""All channels: tags grouped onto them; those that PI refuses are found and set aside, so that the others go on."""

import asyncio
from collections.abc import Callable, Collection, Mapping, Sequence
from functools import partial
from typing import NoReturn

import structlog

from pibridge.errors import PIBridgeError, RejectedError, UnauthorizedError, UnavailableError
from pibridge.intake.arrivals import Arrivals
from pibridge.intake.catalogue import Catalogue
from pibridge.intake.edited import Edited
from pibridge.intake.history import History
from pibridge.intake.live import LiveChannel
from pibridge.intake.poll import Poll
from pibridge.intake.quarantine import Quarantine
from pibridge.intake.reception import Reception, missed, newest
from pibridge.intake.sampling import Sampling
from pibridge.intake.settings import StreamSettings
from pibridge.intake.updates import LiveUpdates
from pibridge.journal.journal import Journal
from pibridge.model import ticks
from pibridge.model.tag import Mode, Tag
from pibridge.pi.channel import plan_channels
from pibridge.pi.client import PiClient
from pibridge.pi.recorded import values
from pibridge.pi.webid import identity
from pibridge.status.counters import Counters

_RETRY_S = 10.0

Live = LiveChannel | LiveUpdates | Poll | Sampling


class Channels:
    """Runs the channels of all streams, be they WebSockets, Stream Updates, or groups of tags that are asked for.

    Each stream has its own.

    `settings` gives those of a stream. `arranging` is to be held by who opens and closes. `look_again` is set when
    tags should be resolved anew soon.
    """

    def __init__(  # noqa: PLR0913, PLR0917 - the parts that channels touch; only `Streams` makes one
        self,
        client: PiClient,
        journal: Journal,
        catalogue: Catalogue,
        counters: Counters,
        settings: Callable[[str], StreamSettings],
        streams_per_channel: int,
        history: History,
        look_again: asyncio.Event,
    ) -> None:
        self.arranging = asyncio.Lock()
        self._client = client
        self._journal = journal
        self._catalogue = catalogue
        self._counters = counters
        self._settings = settings
        self._streams_per_channel = streams_per_channel
        self._history = history
        self._look_again = look_again
        self._channels: dict[Live, asyncio.Task[None]] = {}
        self._waiting: list[Live] = []
        self._opened = asyncio.Event()
        self._quarantine = Quarantine()
        # Streams of which a tag was refused that REST reads: said once, until one of its channels opens.
        self._unopened: set[str] = set()
        self._edited = Edited(history)
        self._log = structlog.get_logger()

    async def run(self) -> NoReturn:
        """Run what is opened, and try now and then what was set aside."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._retry_refused(), name="quarantine")
            tasks.create_task(self._edited.run(), name="edited")
            while True:
                await self._opened.wait()
                self._opened.clear()
                for channel in self._waiting:
                    self._channels[channel] = tasks.create_task(
                        self._carry(channel), name=f"channel {channel.reception.stream}"
                    )
                self._waiting.clear()
        raise AssertionError  # the group ends only with an error

    def readable(self, tags: Mapping[int, Tag]) -> dict[int, Tag]:
        """Give those of the tags that are not set aside."""
        return {number: tag for number, tag in tags.items() if number not in self._quarantine}

    def refused(self) -> dict[int, str]:
        """Give why each tag that is set aside is."""
        return self._quarantine.reasons()

    def open(self, stream: str, numbers: Sequence[int]) -> None:
        """Read these tags of the catalogue live."""
        by_web_id = {self._catalogue.tag(number).web_id: number for number in numbers}
        for web_ids in plan_channels(list(by_web_id), self._streams_per_channel, self._client.url_bytes):
            settings = self._settings(stream)
            spacing_ticks = ticks.from_seconds(settings.interval) if settings.mode is Mode.INTERPOLATED else None
            group = [by_web_id[web_id] for web_id in web_ids]
            arrivals = Arrivals(
                {identity(web_id): by_web_id[web_id] for web_id in web_ids}, newest(self._journal, group)
            )
            self._catalogue.hear(group, arrivals, spacing_ticks)
            reception = Reception(
                stream,
                web_ids,
                group,
                arrivals,
                self._client,
                self._journal,
                self._counters.stream(stream),
                partial(self._recoverable, stream, group),
                self._look_again.set,
                self._edited.note,
            )
            self._waiting.append(self._reader(reception, settings))
        self._opened.set()
        self._count(stream)

    def _reader(self, reception: Reception, settings: StreamSettings) -> Live:
        """Give who reads a group of tags in the way of their stream."""
        set_aside = partial(self._set_aside, reception.stream)
        archived_only = settings.mode is Mode.RECORDED
        if settings.mode is Mode.INTERPOLATED:
            return Sampling(reception, ticks.from_seconds(settings.interval), settings.delay, set_aside)
        if settings.via == "poll":
            static = {number for number in reception.numbers if self._catalogue.tag(number).static}
            return Poll(reception, settings.interval, set_aside, archived_only=archived_only, static=static)
        if settings.via == "updates":
            return LiveUpdates(reception, settings.interval, set_aside, archived_only=archived_only)
        return LiveChannel(reception)

    async def close(self, stream: str, numbers: Collection[int]) -> list[int]:
        """Read these tags no longer; give the others of their channels, whose gap is written down."""
        self._quarantine.release(numbers)
        gone = [channel for channel in self._all() if not set(numbers).isdisjoint(channel.reception.numbers)]
        left = []
        for channel in gone:
            task = self._channels.pop(channel, None)
            if task is None:
                self._waiting.remove(channel)
            else:
                task.cancel()
                await asyncio.wait({task})
            left += [number for number in channel.reception.numbers if number not in numbers]
        await self._journal.open_gaps(missed(self._journal, [*left, *numbers], "channels arranged anew"))
        self._count(stream)
        return left

    async def _carry(self, channel: Live) -> None:
        """Run a channel; if PI refuses it for the sake of some tags, set those aside and go on with the others."""
        error = await channel.run()
        async with self.arranging:
            if self._channels.pop(channel, None) is None:
                return
            for numbers in await self._parted(channel, error):
                self.open(channel.reception.stream, [number for number in numbers if number in self._catalogue])
        # A point that was made anew has another WebID: it is found by its name.
        self._look_again.set()

    async def _parted(self, channel: Live, error: RejectedError | UnauthorizedError) -> list[list[int]]:
        """Give the groups in which the tags of a refused channel are tried next, without those found guilty."""
        numbers = list(channel.reception.numbers)
        try:
            present = await values(self._client, channel.reception.web_ids)
        except (UnavailableError, UnauthorizedError):
            return [numbers]
        outcomes = {number: present[web_id] for number, web_id in zip(numbers, channel.reception.web_ids, strict=True)}
        guilty: dict[int, PIBridgeError] = {
            number: outcome
            for number, outcome in outcomes.items()
            if isinstance(outcome, (RejectedError, UnauthorizedError))
        }
        stream = channel.reception.stream
        if not guilty and len(numbers) == 1:
            self._set_aside(stream, {numbers[0]: error}, is_readable=True)
            return []
        self._set_aside(stream, guilty)
        if guilty:
            return [[number for number in numbers if number not in guilty]]
        middle = len(numbers) // 2
        return [numbers[:middle], numbers[middle:]]

    def _set_aside(self, stream: str, refused: Mapping[int, PIBridgeError], *, is_readable: bool = False) -> None:
        """Try these later. `is_readable`: REST reads the tag, so that it may be any channel that is refused."""
        self._catalogue.remove(refused)
        for number, problem in refused.items():
            is_news = self._quarantine.put(number, stream, str(problem), asyncio.get_running_loop().time())
            if is_readable and is_news and stream not in self._unopened:
                self._unopened.add(stream)
                self._log.warning(
                    "PI opens no channel for a tag that it reads by REST; it is set aside and tried again",
                    stream=stream,
                    tag=self._catalogue.tag(number).path,
                    error=str(problem),
                )
            elif is_news and not is_readable:
                self._log.warning(
                    "PI refuses to read a tag; it is set aside and tried again",
                    stream=stream,
                    tag=self._catalogue.tag(number).path,
                    error=str(problem),
                    hint="check the tag in PI, and the right to read it",
                )
        self._count(stream)

    async def _retry_refused(self) -> NoReturn:
        """Try the tags that were set aside again, on channels of their own."""
        while True:
            await asyncio.sleep(_RETRY_S)
            async with self.arranging:
                for stream, numbers in self._quarantine.due(asyncio.get_running_loop().time()).items():
                    await self._journal.open_gaps(missed(self._journal, numbers, "set aside"))
                    self._catalogue.add({number: self._catalogue.tag(number) for number in numbers})
                    self.open(stream, numbers)

    def _recoverable(self, stream: str, numbers: Sequence[int]) -> None:
        """Let history look for gaps: a channel is open, and PI reads its tags."""
        self._unopened.discard(stream)
        for number in self._quarantine.release([number for number in numbers if number in self._catalogue]):
            self._log.info("PI reads a tag again", stream=stream, tag=self._catalogue.tag(number).path)
        self._history.recoverable(numbers)
        self._count(stream)

    def _all(self) -> list[Live]:
        return [*self._channels, *self._waiting]

    def _count(self, stream: str) -> None:
        counters = self._counters.stream(stream)
        counters.channels = sum(channel.reception.stream == stream for channel in self._all())
        counters.quarantined = self._quarantine.count(stream)
