"""`pibridge run`: the daemon."""

import asyncio
import os
from typing import Annotated

import typer

from pibridge.cli.choice import named
from pibridge.cli.options import CONFIG
from pibridge.cli.signals import on
from pibridge.config.loaded import Loaded
from pibridge.config.source import source_of
from pibridge.config.watch import Watch
from pibridge.daemon import logs
from pibridge.daemon.run import run as run_daemon
from pibridge.daemon.systemd import Systemd
from pibridge.errors import ConfigurationError


def run(
    context: typer.Context,
    config: Annotated[str | None, CONFIG] = None,
    greengrass: Annotated[
        bool, typer.Option("--greengrass", help="Take the configuration from the Greengrass nucleus.")
    ] = False,
) -> None:
    """Read PI and deliver until SIGTERM or Ctrl-C; then drain for a few seconds, and leave the rest on disk.

    A changed configuration is followed while it runs. SIGHUP: at once; if PI refused our login, it is tried again.
    """
    if greengrass:
        if config or context.obj:
            raise ConfigurationError(["--greengrass: the configuration comes from the nucleus; leave out --config"])
        asyncio.run(_as_component())
    else:
        watch = Watch(source_of(named(context, config)))
        loaded = watch.load()
        logs.configure(loaded.configuration.log)
        asyncio.run(_by_itself(loaded, watch))


async def _by_itself(loaded: Loaded, watch: Watch) -> None:
    stop, hang_up = _signalled()
    await run_daemon(loaded, stop, watch=watch, hang_up=hang_up, systemd=Systemd(os.environ))


async def _as_component() -> None:
    # Loads the client of Greengrass IPC, which nobody else needs.
    from pibridge.daemon.component import run_component  # noqa: PLC0415

    stop, hang_up = _signalled()
    await run_component(os.environ, stop, hang_up)


def _signalled() -> tuple[asyncio.Event, asyncio.Event]:
    """Give what a signal sets: to stop, and to look at the configuration now."""
    stop, hang_up = asyncio.Event(), asyncio.Event()
    on("SIGINT", stop.set)
    on("SIGTERM", stop.set)
    on("SIGHUP", hang_up.set)
    return stop, hang_up
