"""The side of whoever watches from afar: what is told there, and which requests are done."""

import asyncio
import os
import time
from collections.abc import Mapping
from typing import Any, Final

import msgspec
import structlog
from msgspec import Raw, Struct

from pibridge import __version__
from pibridge.config.loaded import Loaded
from pibridge.config.settings import Configuration
from pibridge.daemon.from_afar import ORDERS, particulars
from pibridge.daemon.mailbox import Request
from pibridge.daemon.orders import carry_out
from pibridge.daemon.report import Report
from pibridge.daemon.tasks import Tasks, cancel
from pibridge.errors import PIBridgeError
from pibridge.journal.journal import Journal
from pibridge.model import ticks
from pibridge.remote.health import Health, Reading, health_of, lost, state_of
from pibridge.remote.line import Line, line_to
from pibridge.remote.station import Command, Station

_AGAIN_S: Final = 60.0


class _Nothing(Struct, forbid_unknown_fields=True):
    """No particulars."""


class Remote:
    """Tells and answers from `start` to `end`. `hang_up`: set to have the configuration read again at once."""

    def __init__(self, journal: Journal, report: Report, tasks: Tasks, hang_up: asyncio.Event) -> None:
        self._journal = journal
        self._report = report
        self._tasks = tasks
        self._hang_up = hang_up
        self._shard: dict[str, int] | None = None
        self._station: Station | None = None
        self._task: asyncio.Task[None] | None = None
        self._was_well = False
        self._before = Reading(time.monotonic(), 0)

    async def start(self, line: Line | None, loaded: Loaded) -> None:
        """Use this line, and the one before no longer."""
        await self.end()
        configuration = loaded.configuration
        if line is None or configuration.remote is None:
            return
        shard = configuration.shard
        self._shard = {"index": shard.index, "of": shard.of} if shard else None
        will = lost(configuration.site, __version__, loaded.hash)
        self._station = Station(configuration.remote, configuration.site, line, self.health, will, self.commands())
        self._task = self._tasks.start(_kept_up(self._station), "remote")

    def commands(self) -> dict[str, Command]:
        """Give all that can be asked for from afar: nothing that takes code, paths or settings."""
        return {"status": self._status, "reload": self._reload, **{order: self._order(order) for order in ORDERS}}

    def report(self, record: Mapping[str, Any]) -> None:
        """Tell this record beside those of health, if there is a line."""
        if self._station is not None:
            self._station.report(record)

    def health(self) -> Health:
        """Give the record of now."""
        snapshot, reasons = self._report.snapshot(), self._report.not_ready()
        now = Reading.of(snapshot, time.monotonic())
        events_per_s, self._before = now.per_s(self._before), now
        started = ticks.parse(snapshot.started)
        now_ticks = ticks.from_seconds(time.time())
        state = state_of(reasons, (now_ticks - started) / ticks.PER_SECOND, was_well=self._was_well)
        self._was_well = self._was_well or not reasons
        problems = [f"configuration refused: {line}" for line in snapshot.configuration.refused] + reasons
        return health_of(snapshot, state, problems, events_per_s=events_per_s, now_ticks=now_ticks, shard=self._shard)

    async def stop(self) -> None:
        """Say that the daemon stops, and let go of the line."""
        if self._station is not None:
            await self._station.farewell()
        await self.end()

    async def end(self) -> None:
        """Let go of the line, once what was done is answered, if that is possible at once."""
        if self._station is not None:
            await self._station.settle()
        if self._task is not None:
            await cancel(self._task)
        self._station = self._task = None

    async def _status(self, having: Raw) -> Any:
        msgspec.json.decode(having, type=_Nothing)
        return self._report.snapshot()

    async def _reload(self, having: Raw) -> Any:
        msgspec.json.decode(having, type=_Nothing)
        self._hang_up.set()
        return {"reads": "the configuration, now; status says under configuration what became of it"}

    def _order(self, order: str) -> Command:
        async def command(having: Raw) -> Any:
            try:
                wanted = particulars(order, having, ticks.from_seconds(time.time()))
            except (msgspec.MsgspecError, ValueError) as error:
                raise PIBridgeError(f"{order}: {error}") from error
            answer = await carry_out(self._journal, Request(do=order, having=wanted, until_s=time.time()))
            if answer.refused:
                raise PIBridgeError(answer.refused)
            return answer.done

        return command


def line_of(configuration: Configuration) -> Line | None:
    """Make the line that is configured, without connecting it; None: there is none. Raises ConfigurationError."""
    remote = configuration.remote
    if remote is None:
        return None
    return line_to(remote.via, configuration.sinks[remote.via], configuration.site, os.environ)


async def _kept_up(station: Station) -> None:
    """Run it. What it fails of is logged and ends nothing else."""
    while True:
        try:
            await station.run()
        except Exception:  # noqa: BLE001 - here a task ends, and goes on
            structlog.get_logger().exception(
                "remote has failed, it begins anew", hint="reading and delivering go on; report this with its traceback"
            )
            await asyncio.sleep(_AGAIN_S)
