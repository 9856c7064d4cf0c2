"""The side of PI: one client, the streams and the event frames that are read with it."""

from typing import TYPE_CHECKING

from pibridge.config.settings import Configuration
from pibridge.context.surroundings import Surroundings
from pibridge.daemon.tasks import Tasks, cancel
from pibridge.intake.frames import Frames
from pibridge.intake.streams import Streams
from pibridge.journal.journal import Journal
from pibridge.pi.client import PiClient
from pibridge.status.counters import Counters

if TYPE_CHECKING:
    import asyncio


class Intake:
    """Reads PI from `start` to `end`. A new start reads the same streams otherwise: gaps cover the time between."""

    def __init__(self, client: PiClient, journal: Journal, counters: Counters, tasks: Tasks) -> None:
        self.client = client
        self._journal = journal
        self._counters = counters
        self._tasks = tasks
        self._streams: Streams | None = None
        self._frames: Frames | None = None
        self._task: asyncio.Task[None] | None = None
        self._frames_task: asyncio.Task[None] | None = None

    async def start(self, client: PiClient, configuration: Configuration, surroundings: Surroundings) -> None:
        """Read with this client, and with the one before no longer."""
        await self.end()
        self.client = await client.__aenter__()
        self._streams = Streams(
            configuration.streams,
            configuration.refresh,
            configuration.pi.limits,
            client,
            self._journal,
            self._counters,
            surroundings,
            self.reach,
            self._lose,
        )
        await self._read_frames(configuration, surroundings)
        self._task = self._tasks.start(self._streams.run(), "intake")

    def now(self) -> int:
        """Give PI's time."""
        return self.client.server_ticks()

    async def change(self, configuration: Configuration, surroundings: Surroundings) -> None:
        """Read other streams with the same client; channels whose tags did not change stay open."""
        if self._streams is not None:
            self._streams.change(configuration.streams, configuration.refresh, surroundings)
            await self._read_frames(configuration, surroundings)

    async def end(self) -> None:
        """Stop reading and let go of PI."""
        tasks = [task for task in (self._task, self._frames_task) if task is not None]
        await cancel(*tasks)
        self._task = self._frames_task = None
        await self.client.close()

    def refusal_of(self, number: int) -> str:
        """Give why PI refuses to read a tag; empty: it does not."""
        return "" if self._streams is None else self._streams.refusal_of(number)

    async def _read_frames(self, configuration: Configuration, surroundings: Surroundings) -> None:
        """Begin anew with event frames: what was told of them is in the journal."""
        if self._frames_task is not None:
            await cancel(self._frames_task)
        retain_s = configuration.journal.retain
        self._frames = Frames(configuration.streams, surroundings, retain_s, self.client, self._journal, self._counters)
        self._frames_task = self._tasks.start(self._frames.run(), "frames")

    async def _lose(self, start_ticks: int, end_ticks: int) -> None:
        if self._frames is not None:
            await self._frames.lose(start_ticks, end_ticks)

    def reach(self, since_ticks: int) -> None:
        """See to it that batches are known since then."""
        if self._frames is not None:
            self._frames.reach(since_ticks)
