"""`pibridge run`: the daemon."""

import asyncio
import signal
from typing import Annotated

import typer

from pibridge.cli.choice import CONFIG, named
from pibridge.config.loaded import Loaded
from pibridge.config.source import source_of
from pibridge.config.watch import Watch
from pibridge.daemon import logs
from pibridge.daemon.run import run as run_daemon


def run(context: typer.Context, config: Annotated[str | None, CONFIG] = None) -> None:
    """Read PI and deliver until SIGTERM or Ctrl-C; then drain for a few seconds, and leave the rest on disk.

    A changed configuration is followed while it runs. SIGHUP: at once; if PI refused our login, it is tried again.
    """
    watch = Watch(source_of(named(context, config)))
    loaded = watch.load()
    logs.configure(loaded.configuration.log)
    asyncio.run(_until_signalled(loaded, watch))


async def _until_signalled(loaded: Loaded, watch: Watch) -> None:
    stop, hang_up = asyncio.Event(), asyncio.Event()
    _on("SIGINT", stop)
    _on("SIGTERM", stop)
    _on("SIGHUP", hang_up)
    await run_daemon(loaded, stop, watch=watch, hang_up=hang_up)


def _on(name: str, event: asyncio.Event) -> None:
    """Set the event when the signal comes. Windows has no SIGHUP, and no handlers of the loop itself."""
    loop = asyncio.get_running_loop()
    number = getattr(signal, name, None)
    if number is not None:
        signal.signal(number, lambda *_: loop.call_soon_threadsafe(event.set))
