"""The parts of a running daemon, and how they follow its configuration."""

from dataclasses import dataclass

import structlog

from pibridge.config.loaded import Loaded
from pibridge.context.surroundings import Surroundings
from pibridge.daemon import logs
from pibridge.daemon.delivery import Delivery, sinks_of
from pibridge.daemon.explaining import Explaining, explain_endpoint
from pibridge.daemon.intake import Intake
from pibridge.daemon.known import WhatIsKnown
from pibridge.daemon.plan import in_need_of_a_restart, plan
from pibridge.daemon.remote import Remote, line_of
from pibridge.daemon.report import Report
from pibridge.daemon.showing import Showing
from pibridge.errors import ConfigurationError, PIBridgeError
from pibridge.intake.frames import recall
from pibridge.journal.journal import Journal
from pibridge.pi.client import PiClient
from pibridge.status.server import StatusServer
from pibridge.status.settings import StatusSettings


@dataclass
class Parts:
    """All that is started from the configuration. `loaded`: what runs now."""

    loaded: Loaded
    journal: Journal
    report: Report
    intake: Intake
    delivery: Delivery
    remote: Remote
    known: WhatIsKnown
    page: StatusServer | None = None
    surroundings: Surroundings | None = None

    async def start(self) -> None:
        """Start all. Raises PIBridgeError: a part cannot start."""
        configuration = self.loaded.configuration
        sinks, line = sinks_of(configuration.sinks, self.loaded), line_of(configuration)
        await self._open_page(configuration.status)
        await self.delivery.forget_all_but(configuration.sinks)
        # Sinks first: from their cursors on the journal keeps what they are owed.
        surroundings = self.surroundings = await self._surroundings(self.loaded)
        await self.delivery.start(sinks, self.loaded, surroundings)
        await self.intake.start(self.intake.client, configuration, surroundings)
        await self.remote.start(line, self.loaded)

    async def change(self, new: Loaded) -> None:
        """Follow a new configuration; what did not change notices nothing.

        Raises PIBridgeError if that cannot be: then all is as before.
        """
        todo, configuration = plan(self.loaded, new), new.configuration
        if reasons := in_need_of_a_restart(self.loaded, new):
            raise ConfigurationError(reasons)
        client = PiClient(configuration.pi) if todo.intake else self.intake.client
        sinks, line = sinks_of(todo.begun, new), line_of(configuration)
        if todo.status:
            await self._move_page(configuration.status)
        self.loaded = new
        surroundings = self.surroundings
        if surroundings is None or todo.context:
            surroundings = self.surroundings = await self._surroundings(new)
        if todo.intake:
            await self.intake.start(client, configuration, surroundings)
        elif todo.streams or todo.context:
            await self.intake.change(configuration, surroundings)
        await self.delivery.stop(todo.ended)
        await self.delivery.forget_all_but(configuration.sinks)
        await self.delivery.start(sinks, new, surroundings)
        if todo.log:
            logs.configure(configuration.log)
        self.report.follow(new, client)
        if todo.remote:
            await self.remote.start(line, new)
        log = structlog.get_logger()
        if todo.changes:
            log.info("configuration changed", **todo.changes)
        else:
            log.info("configuration read again, it says the same")

    async def close(self) -> None:
        """End what still runs, and let go of PI and of the status page."""
        await self.remote.end()
        await self.intake.end()
        await self.delivery.end(0.0, 0.0)
        if self.page is not None:
            await self.page.close()

    async def _surroundings(self, loaded: Loaded) -> Surroundings:
        """Give the surroundings of events as they are configured, with what the journal knows of them."""
        surroundings = Surroundings(loaded.configuration.context, loaded.assets)
        await recall(self.journal, surroundings)
        return surroundings

    async def _move_page(self, settings: StatusSettings | None) -> None:
        """Close the page before the new one opens: both may want the same port."""
        before = self.loaded.configuration.status
        if self.page is not None:
            await self.page.close()
        try:
            await self._open_page(settings)
        except PIBridgeError:
            await self._open_page(before)
            raise

    async def _open_page(self, settings: StatusSettings | None) -> None:
        self.page = None
        if settings is not None:
            folder = self.loaded.configuration.journal.path
            showing = Showing(self.report, self.journal, folder, self.intake, lambda: self.surroundings)
            explaining = Explaining(lambda: self.loaded, self.known)
            page = StatusServer(settings, showing, logs.RECENT, more=[explain_endpoint(explaining.ask)])
            await page.start()
            self.page = page
