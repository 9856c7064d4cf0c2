"""The daemon: one screen of named tasks."""

import asyncio
import contextlib
from collections.abc import Callable, Iterator
from contextlib import AsyncExitStack
from typing import Any, NoReturn

import structlog

from pibridge import __version__
from pibridge.config.files import asset_mappings
from pibridge.config.settings import Configuration
from pibridge.context import filters
from pibridge.context.assets import AssetMap
from pibridge.context.stamp import Stamp
from pibridge.daemon.report import Report
from pibridge.delivery.pump import Pump
from pibridge.delivery.stop import Stop
from pibridge.errors import JournalFullError
from pibridge.intake.streams import Streams
from pibridge.journal.journal import Journal
from pibridge.pi.client import PiClient
from pibridge.sinks import build
from pibridge.status.counters import Counters
from pibridge.status.server import StatusServer

DRAIN_S = 2.5
"""How long sinks take more of the backlog once we stop; then they complete what they have begun."""

STOP_S = 4.0
"""How long a stop takes at most; what is not acknowledged then stays owed on disk."""


async def run(
    configuration: Configuration,
    stop: asyncio.Event,
    started: Callable[[Report], None] = lambda _: None,
    *,
    retry: asyncio.Event | None = None,
) -> None:
    """Run until `stop` is set, then stop intake, drain the sinks, and leave the rest on disk.

    Raises PIBridgeError when a part cannot start or fails beyond repair. `started` gets what tells how it goes.
    When `retry` is set, PI is asked again at once if it refused us.
    """
    log = structlog.get_logger()
    counters = Counters()
    async with AsyncExitStack() as parts:
        journal = await Journal.open(configuration.journal)
        parts.push_async_callback(journal.close)
        client = await parts.enter_async_context(PiClient(configuration.pi))
        report = Report(configuration, counters, journal, client)
        if configuration.status is not None:
            server = StatusServer(configuration.status.listen, report.snapshot, report.not_ready)
            await server.start()
            parts.push_async_callback(server.close)
        ending = Stop()
        pumps = list(_pumps(configuration, journal, counters, ending))
        streams = Streams(
            configuration.streams, configuration.refresh, configuration.pi.limits, client, journal, counters
        )
        intake = asyncio.create_task(streams.run(), name="intake")
        delivery = [asyncio.create_task(pump.run(), name=f"deliver {name}") for name, pump in pumps]
        stopping = asyncio.create_task(stop.wait(), name="stop")
        retrying = asyncio.create_task(_retry(retry or asyncio.Event(), client), name="retry")
        log.info("started", version=__version__, site=configuration.site)
        started(report)
        try:
            parts_that_end: list[asyncio.Future[Any]] = [intake, stopping, journal.failed, *delivery]
            await asyncio.wait(parts_that_end, return_when=asyncio.FIRST_COMPLETED)
            if stop.is_set():
                log.info("stopping", step="intake stops, sinks drain")
        finally:
            begun = asyncio.get_running_loop().time()
            await _cancel(intake)
            await _flush(journal)
            # A server that does not answer holds up intake's end: sinks have what is left of the time.
            spent_s = asyncio.get_running_loop().time() - begun
            ending.set(max(0.0, DRAIN_S - spent_s))
            await asyncio.wait(delivery, timeout=max(0.0, STOP_S - spent_s))
            await _cancel(stopping, retrying, *delivery)
        _raise_first(journal.failed, intake, *delivery)
    log.info("stopped", waiting={name: sink.lag_events for name, sink in report.snapshot().sinks.items()})


def _pumps(
    configuration: Configuration, journal: Journal, counters: Counters, stop: Stop
) -> Iterator[tuple[str, Pump]]:
    """Build a pump for each sink; the filters and the mapping of assets are those of the configuration now."""
    stamp = Stamp(configuration.site, AssetMap(asset_mappings(configuration)), journal.tag)
    for name, settings in configuration.sinks.items():
        sink = build(name, settings, configuration.site)
        admits = filters.build(configuration.sink_filters()[name])
        yield name, Pump(name, sink, journal, stamp, admits, counters.sink(name), stop)


async def _retry(wanted: asyncio.Event, client: PiClient) -> NoReturn:
    while True:
        await wanted.wait()
        wanted.clear()
        client.try_now()


async def _flush(journal: Journal) -> None:
    if journal.failed.done():
        return
    try:
        await journal.flush()
    except JournalFullError as error:
        structlog.get_logger().warning(
            "not all was written down; it is read from PI at the next start", error=str(error)
        )


async def _cancel(*tasks: asyncio.Task[object]) -> None:
    for task in tasks:
        task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await asyncio.gather(*tasks, return_exceptions=True)


def _raise_first(*ended: asyncio.Future[None] | asyncio.Future[NoReturn]) -> None:
    """Raise why a part died: that stops the process."""
    for part in ended:
        if part.done() and not part.cancelled() and (error := part.exception()) is not None:
            raise error
