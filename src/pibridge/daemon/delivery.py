"""The side of the sinks: a pump for each, started and stopped as the configuration says, and the hold before all."""

import asyncio
from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Final

import structlog

from pibridge.config.loaded import Loaded
from pibridge.context import deadband, filters
from pibridge.context.stamp import Stamp
from pibridge.context.surroundings import Surroundings
from pibridge.daemon.tasks import Tasks, cancel
from pibridge.delivery.hold import Hold, place_held
from pibridge.delivery.manifests import Manifests
from pibridge.delivery.pump import Pump
from pibridge.delivery.stop import Stop
from pibridge.errors import ConfigurationError
from pibridge.journal.journal import Journal
from pibridge.model.event import Lane
from pibridge.model.tag import Tag
from pibridge.sinks import build
from pibridge.sinks.contract import KeepsManifests, Sink
from pibridge.sinks.settings import S3Settings
from pibridge.status.counters import Counters

_COMPLETE_S: Final = 4.0
"""How long a sink that goes or changes may complete the batch that it has begun."""
_ANY_SEQ: Final = 1 << 62


class Delivery:
    """Delivers to each sink by itself: a change of one is noticed by no other. `now`, `reach`: as `Hold` has them."""

    def __init__(
        self,
        journal: Journal,
        counters: Counters,
        tasks: Tasks,
        now: Callable[[], int],
        reach: Callable[[int], None],
    ) -> None:
        self._journal = journal
        self._counters = counters
        self._tasks = tasks
        self._now = now
        self._reach = reach
        self._pumps: dict[str, tuple[Stop, asyncio.Task[None]]] = {}
        self._surroundings: Surroundings | None = None
        self._placing: asyncio.Task[None] | None = None

    async def start(self, sinks: Mapping[str, Sink], loaded: Loaded, surroundings: Surroundings) -> None:
        """Deliver to these sinks, each from where it was, or from where its settings say if it is new."""
        configuration = loaded.configuration
        stamp = Stamp(configuration.site, surroundings, self._journal.tag)
        hold = Hold(surroundings, self._newest_tag, self._now, self._reach)
        if surroundings is not self._surroundings:
            await self._hold_with(hold)
            self._surroundings = surroundings
        admit = configuration.sink_filters()
        for name, sink in sinks.items():
            for lane in Lane:
                # From now on the journal keeps what this sink is owed, also while the sink cannot be opened.
                await self._journal.cursor(name, lane, start=configuration.sinks[name].start)
            stop, counters = Stop(), self._counters.sink(name)
            counters.state, counters.last_error = "starting", ""
            admits, thins = filters.build(admit[name]), deadband.build(admit[name])
            settings = configuration.sinks[name]
            manifests = None
            if isinstance(settings, S3Settings) and settings.per_batch and isinstance(sink, KeepsManifests):
                manifests = Manifests(configuration.site, name, sink, self._journal, surroundings, self._now)
            pump = Pump(name, sink, self._journal, stamp, admits, hold, counters, stop, thins, manifests)
            self._pumps[name] = stop, self._tasks.start(pump.run(), f"deliver {name}")

    async def stop(self, names: Collection[str]) -> None:
        """Deliver to these no longer; a batch that was begun is completed, or else waits in the journal."""
        await self._end([self._pumps[name] for name in names], 0.0, _COMPLETE_S)
        for name in names:
            del self._pumps[name]

    async def forget_all_but(self, names: Collection[str]) -> None:
        """Let no sink hold up the journal that is not among these."""
        for name in sorted({sink for sink, _ in self._journal.stat().lag} - set(names)):
            await self._journal.forget_sink(name)
            self._counters.sinks.pop(name, None)
            structlog.get_logger().info("sink forgotten: the configuration has it no longer", sink=name)

    async def end(self, drain_s: float, limit_s: float) -> None:
        """Stop all: take more of the backlog for `drain_s`, be over within `limit_s`."""
        await self._end(list(self._pumps.values()), drain_s, limit_s)
        if self._placing is not None:
            await cancel(self._placing)

    async def _hold_with(self, hold: Hold) -> None:
        if self._placing is not None:
            await cancel(self._placing)
        self._placing = self._tasks.start(place_held(self._journal, hold), "hold")

    def _newest_tag(self, number: int) -> Tag:
        return self._journal.tag(number, _ANY_SEQ)

    async def _end(self, pumps: Collection[tuple[Stop, asyncio.Task[None]]], drain_s: float, limit_s: float) -> None:
        for stop, _ in pumps:
            stop.set(drain_s)
        tasks = [task for _, task in pumps]
        if tasks:
            await asyncio.wait(tasks, timeout=limit_s)
        await cancel(*tasks)


def sinks_of(names: Iterable[str], loaded: Loaded) -> dict[str, Sink]:
    """Make these sinks, without connecting them. Raises ConfigurationError with every problem."""
    configuration = loaded.configuration
    sinks: dict[str, Sink] = {}
    problems: list[str] = []
    for name in sorted(names):
        try:
            sinks[name] = build(name, configuration.sinks[name], configuration.site)
        except ConfigurationError as error:
            problems += error.problems
    if problems:
        raise ConfigurationError(problems)
    return sinks
