"""The daemon: one screen of named tasks."""

import asyncio
from collections.abc import Callable
from contextlib import AsyncExitStack
from typing import Any, NoReturn

import structlog

from pibridge import __version__
from pibridge.config.loaded import Loaded
from pibridge.config.settings import Configuration
from pibridge.config.watch import Watch
from pibridge.daemon.auditing import Auditing
from pibridge.daemon.delivery import Delivery
from pibridge.daemon.intake import Intake
from pibridge.daemon.known import WhatIsKnown
from pibridge.daemon.mailbox import Mailbox
from pibridge.daemon.orders import KNOWN, Orders
from pibridge.daemon.parts import Parts
from pibridge.daemon.reload import Reload
from pibridge.daemon.remote import Remote
from pibridge.daemon.report import Report
from pibridge.daemon.systemd import Systemd
from pibridge.daemon.tasks import Tasks, cancel
from pibridge.errors import JournalFullError
from pibridge.journal.journal import Journal
from pibridge.pi.client import PiClient
from pibridge.status.counters import Counters

DRAIN_S = 2.0
"""How long sinks take more of the backlog once we stop; then they complete what they have begun."""

STOP_S = 3.5
"""How long a stop takes at most; what is not acknowledged then stays owed on disk."""


async def run(  # noqa: PLR0913 - what a daemon has around it
    configuration: Configuration | Loaded,
    stop: asyncio.Event,
    started: Callable[[Report], None] = lambda _: None,
    *,
    watch: Watch | None = None,
    hang_up: asyncio.Event | None = None,
    systemd: Systemd | None = None,
) -> None:
    """Run until `stop` is set, then stop intake, drain the sinks, and leave the rest on disk.

    Raises PIBridgeError when a part cannot start or fails beyond repair. `started` gets what tells how it goes.
    `watch`: where a new configuration may come from; `hang_up`: set to look there at once.
    `systemd`: who is told how it goes, if anybody.
    """
    log = structlog.get_logger()
    loaded = configuration if isinstance(configuration, Loaded) else Loaded.of(configuration)
    systemd = systemd or Systemd({})
    counters, tasks = Counters(), Tasks()
    async with AsyncExitStack() as open_parts:
        journal = await Journal.open(loaded.configuration.journal)
        open_parts.push_async_callback(journal.close)
        client = PiClient(loaded.configuration.pi)
        report = Report(loaded, counters, journal, client)
        intake = Intake(client, journal, counters, tasks)
        delivery = Delivery(journal, counters, tasks, intake.now, intake.reach)
        hang_up = hang_up or asyncio.Event()
        remote = Remote(journal, report, tasks, hang_up)
        known = WhatIsKnown(journal, intake, counters)
        parts = Parts(loaded, journal, report, intake, delivery, remote, known)
        open_parts.push_async_callback(parts.close)
        await parts.start()
        reload = tasks.start(Reload(watch, parts, hang_up, systemd).run(), "reload")
        mailbox = Mailbox(loaded.configuration.journal.path)
        orders = tasks.start(Orders(journal, mailbox, more={KNOWN: known.order}).run(), "orders")
        auditing = Auditing(journal, lambda: parts.loaded, lambda: intake.client, counters.audit, remote.report)
        audits = tasks.start(auditing.run(), "audit")
        signs_of_life = tasks.start(systemd.keep_informed(journal, report), "signs of life")
        stopping = asyncio.create_task(stop.wait(), name="stop")
        log.info("started", version=__version__, site=loaded.configuration.site)
        systemd.started()
        started(report)
        try:
            ends: list[asyncio.Future[Any]] = [stopping, journal.failed, tasks.died]
            await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
            if stop.is_set():
                log.info("stopping", step="intake stops, sinks drain")
        finally:
            systemd.stopping()
            begun = asyncio.get_running_loop().time()
            await cancel(reload, orders, audits, signs_of_life, stopping)
            await asyncio.gather(intake.end(), remote.stop())
            await _flush(journal)
            # A server that does not answer holds up intake's end: sinks have what is left of the time.
            spent_s = asyncio.get_running_loop().time() - begun
            await delivery.end(max(0.0, DRAIN_S - spent_s), max(0.0, STOP_S - spent_s))
        _raise_first(journal.failed, tasks.died)
    log.info("stopped", waiting={name: sink.lag_events for name, sink in report.snapshot().sinks.items()})


async def _flush(journal: Journal) -> None:
    if journal.failed.done():
        return
    try:
        await journal.flush()
    except JournalFullError as error:
        structlog.get_logger().warning(
            "not all was written down; it is read from PI at the next start", error=str(error)
        )


def _raise_first(*ended: asyncio.Future[NoReturn]) -> None:
    """Raise why a part died: that stops the process."""
    for part in ended:
        if part.done() and not part.cancelled() and (error := part.exception()) is not None:
            raise error
