"""What systemd is told, by its notification protocol (sd_notify(3)): a datagram of lines `NAME=value`."""

import asyncio
import os
import socket
import time
from collections.abc import Mapping
from typing import Final

import structlog

from pibridge.daemon.report import Report
from pibridge.journal.journal import Journal

_STATUS_EVERY_S: Final = 2.0


class Systemd:
    """`environment`: NOTIFY_SOCKET names who listens, WATCHDOG_USEC how often it wants a sign of life.

    Without NOTIFY_SOCKET, and on Windows, nothing is told.
    """

    def __init__(self, environment: Mapping[str, str]) -> None:
        address = environment.get("NOTIFY_SOCKET", "") if hasattr(socket, "AF_UNIX") else ""
        self._address = "\0" + address[1:] if address.startswith("@") else address
        self._every_s = min(_STATUS_EVERY_S, _watchdog_s(environment) / 2)
        self._is_heard = True

    def started(self) -> None:
        """Tell that all parts are started."""
        self._tell("READY=1")

    def reloading(self) -> None:
        """Tell that a new configuration is looked at; to be followed by `reloaded`."""
        self._tell("RELOADING=1", f"MONOTONIC_USEC={time.monotonic_ns() // 1000}")

    def reloaded(self) -> None:
        """Tell that the configuration was taken, or refused."""
        self._tell("READY=1")

    def stopping(self) -> None:
        """Tell that the end has begun."""
        self._tell("STOPPING=1", "STATUS=stopping")

    async def keep_informed(self, journal: Journal, report: Report) -> None:
        """Give signs of life, with a line on how it goes, while this loop runs and the journal's writer answers.

        Raises JournalError when the disk failed.
        """
        while self._address:
            await journal.answer()
            self._tell("WATCHDOG=1", f"STATUS={status_line(report)}")
            await asyncio.sleep(self._every_s)

    def _tell(self, *lines: str) -> None:
        if not self._address:
            return
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
                sender.settimeout(0)
                sender.sendto("\n".join(lines).encode(), self._address)
        except OSError as error:
            if self._is_heard:
                structlog.get_logger().warning(
                    "systemd cannot be told how it goes",
                    error=str(error),
                    hint="if the service has a watchdog, systemd will start pibridge again: see NOTIFY_SOCKET",
                )
            self._is_heard = False
        else:
            self._is_heard = True


def status_line(report: Report) -> str:
    """Give how it goes in one line: what is not well, or how many tags are read and how many events wait."""
    if reasons := report.not_ready():
        return " ".join("; ".join(reasons).split())
    snapshot = report.snapshot()
    tags = sum(stream.tags for stream in snapshot.streams.values())
    waiting = sum(sink.lag_events for sink in snapshot.sinks.values())
    return f"{tags:,} tags are read, {waiting:,} events wait for sinks"


def _watchdog_s(environment: Mapping[str, str]) -> float:
    """Give after how long without a sign of life this process is taken for dead; infinite if nobody looks."""
    is_ours = environment.get("WATCHDOG_PID", str(os.getpid())) == str(os.getpid())
    usec = environment.get("WATCHDOG_USEC", "")
    return int(usec) / 1e6 if is_ours and usec.isdigit() else float("inf")
