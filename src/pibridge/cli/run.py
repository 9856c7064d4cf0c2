"""`pibridge run`: the daemon."""

import asyncio
import signal
from pathlib import Path
from typing import Annotated

import typer

from pibridge.cli.choice import CONFIG, chosen
from pibridge.config.settings import Configuration
from pibridge.daemon import logs
from pibridge.daemon.run import run as run_daemon


def run(context: typer.Context, config: Annotated[Path | None, CONFIG] = None) -> None:
    """Read PI and deliver until SIGTERM or Ctrl-C; then drain for a few seconds, and leave the rest on disk.

    SIGHUP: if PI refused our login, try again at once.
    """
    configuration = chosen(context, config)
    logs.configure(configuration.log)
    asyncio.run(_until_signalled(configuration))


async def _until_signalled(configuration: Configuration) -> None:
    stop, retry = asyncio.Event(), asyncio.Event()
    _on("SIGINT", stop)
    _on("SIGTERM", stop)
    _on("SIGHUP", retry)
    await run_daemon(configuration, stop, retry=retry)


def _on(name: str, event: asyncio.Event) -> None:
    """Set the event when the signal comes. Windows has no SIGHUP, and no handlers of the loop itself."""
    loop = asyncio.get_running_loop()
    number = getattr(signal, name, None)
    if number is not None:
        signal.signal(number, lambda *_: loop.call_soon_threadsafe(event.set))
