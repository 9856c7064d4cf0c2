"""`pibridge run`: the daemon."""

import asyncio
import os
from typing import Annotated

import typer

from pibridge.cli.choice import CONFIG, named
from pibridge.cli.signals import on
from pibridge.config.loaded import Loaded
from pibridge.config.source import source_of
from pibridge.config.watch import Watch
from pibridge.daemon import logs
from pibridge.daemon.run import run as run_daemon
from pibridge.daemon.systemd import Systemd


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
    on("SIGINT", stop.set)
    on("SIGTERM", stop.set)
    on("SIGHUP", hang_up.set)
    await run_daemon(loaded, stop, watch=watch, hang_up=hang_up, systemd=Systemd(os.environ))
