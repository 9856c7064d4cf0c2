"""The side of PI: one client, and the streams that are read with it."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from pibridge.config.settings import Configuration
from pibridge.daemon.tasks import Tasks, cancel
from pibridge.intake.settings import StreamSettings
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
        self._task: asyncio.Task[None] | None = None

    async def start(self, client: PiClient, configuration: Configuration) -> None:
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
        )
        self._task = self._tasks.start(self._streams.run(), "intake")

    def change(self, streams: Mapping[str, StreamSettings], refresh_s: float) -> None:
        """Read other streams with the same client; channels whose tags did not change stay open."""
        if self._streams is not None:
            self._streams.change(streams, refresh_s)

    async def end(self) -> None:
        """Stop reading and let go of PI."""
        if self._task is not None:
            await cancel(self._task)
            self._task = None
        await self.client.close()
