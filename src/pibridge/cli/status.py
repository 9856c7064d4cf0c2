"""`pibridge status`: how the daemon is, or what its journal says while none runs."""

import asyncio
from typing import Annotated, Final

import msgspec
import typer
from rich.console import Console
from rich.live import Live

from pibridge.cli.choice import chosen
from pibridge.cli.options import CONFIG
from pibridge.cli.signals import until_stopped
from pibridge.cli.status_view import frame
from pibridge.config.settings import Configuration
from pibridge.daemon.at_rest import at_rest
from pibridge.errors import UnavailableError
from pibridge.status.client import ask
from pibridge.status.snapshot import Snapshot

NOT_READY: Final = 1
_EVERY_S: Final = 2.0


def status(
    context: typer.Context,
    config: Annotated[str | None, CONFIG] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object, as /api/status gives it.")] = False,
    watch: Annotated[bool, typer.Option("--watch", help="Go on every two seconds, until Ctrl-C.")] = False,
) -> None:
    """Show how the running daemon is: PI, streams, sinks, journal, gaps. Exit code 0: all is well, 1: it is not.

    It is asked over status.listen. If nobody answers there, the journal is read instead, and that is said.
    """
    configuration = chosen(context, config)
    console = Console()
    if watch:
        asyncio.run(until_stopped(_watch(configuration, console, as_json=as_json)))
        return
    snapshot = asyncio.run(_look(configuration))
    if as_json:
        typer.echo(msgspec.json.encode(snapshot))
    else:
        console.print(frame(snapshot))
    if snapshot.reasons:
        raise typer.Exit(NOT_READY)


async def _look(configuration: Configuration) -> Snapshot:
    settings = configuration.status
    if settings is None:
        return at_rest(configuration, "status: null, no daemon can be asked: this is what the journal says")
    try:
        return await ask(settings)
    except UnavailableError:
        return at_rest(configuration, f"no daemon answers on {settings.listen}: this is what the journal says")


async def _watch(configuration: Configuration, console: Console, *, as_json: bool) -> None:
    if as_json or not console.is_terminal:
        while True:
            snapshot = await _look(configuration)
            if as_json:
                typer.echo(msgspec.json.encode(snapshot))
            else:
                console.print(frame(snapshot))
            await asyncio.sleep(_EVERY_S)
    with Live(console=console, screen=True, auto_refresh=False) as live:
        while True:
            live.update(frame(await _look(configuration)), refresh=True)
            await asyncio.sleep(_EVERY_S)
