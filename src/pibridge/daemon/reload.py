"""Follows the configuration while the daemon runs: a new one is taken as a whole, or refused as a whole."""

import asyncio
import contextlib
from functools import partial
from typing import Final, NoReturn

import structlog

from pibridge.config.watch import Watch
from pibridge.daemon.parts import Parts
from pibridge.daemon.systemd import Systemd
from pibridge.errors import ConfigurationError, JournalError, PIBridgeError
from pibridge.pi.aside import aside

_LOOK_EVERY_S: Final = 1.0


class Reload:
    """`watch`: where the configuration comes from. None: it stays as it is.

    `hang_up`: set by who wants it read at once, and PI asked at once if it refused us.
    `systemd`: is told when a new configuration is looked at.
    """

    def __init__(self, watch: Watch | None, parts: Parts, hang_up: asyncio.Event, systemd: Systemd) -> None:
        self._watch = watch
        self._parts = parts
        self._hang_up = hang_up
        self._systemd = systemd
        self._unreadable = ""
        self._log = structlog.get_logger()

    async def run(self) -> NoReturn:
        """Look every second, and apply what changed."""
        while True:
            asked = await self._is_asked()
            if asked:
                self._parts.intake.client.try_now()
            if self._watch is not None and (asked or await self._has_news(self._watch)):
                self._systemd.reloading()
                await self._take(self._watch)
                self._systemd.reloaded()

    async def _is_asked(self) -> bool:
        """Wait until the next look is due, or somebody asks for it."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(None if self._watch is None else _LOOK_EVERY_S):
                await self._hang_up.wait()
        asked = self._hang_up.is_set()
        self._hang_up.clear()
        return asked

    async def _has_news(self, watch: Watch) -> bool:
        try:
            news = await aside(partial(watch.look, asyncio.get_running_loop().time()))
        except PIBridgeError as error:
            self._note_unreadable(error)
            return False
        self._unreadable = ""
        return news

    async def _take(self, watch: Watch) -> None:
        try:
            new = await aside(watch.load)
        except ConfigurationError as error:
            self._refuse(error.problems)
            return
        except PIBridgeError as error:
            self._note_unreadable(error)
            return
        self._unreadable = ""
        try:
            await self._parts.change(new)
        except JournalError:
            raise
        except ConfigurationError as error:
            self._refuse(error.problems)
        except PIBridgeError as error:
            self._refuse([str(error)])

    def _refuse(self, problems: list[str]) -> None:
        self._parts.report.refused = problems
        for problem in problems:
            self._log.error("configuration refused, the old one runs on", problem=problem)

    def _note_unreadable(self, error: PIBridgeError) -> None:
        if self._unreadable != str(error):
            self._unreadable = str(error)
            self._log.warning("configuration cannot be read now, the old one runs on", error=str(error))
