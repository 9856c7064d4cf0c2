"""`pibridge simulate`: a PI Web API with a small plant behind it, on this machine."""

import asyncio
from typing import Annotated

import typer

from pibridge.cli.signals import until_stopped
from pibridge.config.settings import LogSettings
from pibridge.daemon import logs
from pibridge.simulator import SimulatorSettings, serve


def simulate(  # noqa: PLR0913, PLR0917 - one parameter for each thing the simulator can be told
    port: Annotated[int, typer.Option(help="TCP port; 0 takes a free one.")] = 8080,
    seed: Annotated[int, typer.Option(help="The same seed and time give the same data.")] = 1,
    bulk_points: Annotated[int, typer.Option(help="Generic points beside the brewery's own.")] = 0,
    event_rate: Annotated[float, typer.Option(help="Events per second of each generic point.")] = 0.1,
    compression: Annotated[bool, typer.Option(help="Compress the archive, or keep every snapshot in it.")] = True,
    user: Annotated[list[str] | None, typer.Option(help="NAME:PASSWORD that Basic accepts; none: anonymous.")] = None,
    fault: Annotated[list[str] | None, typer.Option(help="Something that goes wrong; see docs/simulator.md.")] = None,
) -> None:
    """Serve a simulated PI Web API with a small brewery on http://127.0.0.1:PORT/piwebapi until Ctrl-C."""
    logs.configure(LogSettings(format="console"))
    users = {name: password for name, _, password in (each.partition(":") for each in user or ())}
    settings = SimulatorSettings(
        port=port,
        seed=seed,
        bulk_points=bulk_points,
        event_rate=event_rate,
        compression=compression,
        users=users,
        faults=tuple(fault or ()),
    )
    asyncio.run(until_stopped(serve(settings)))
