"""`pibridge demo`: simulator, daemon and file sink together, with a live view of what flows."""

import asyncio
import shutil
from pathlib import Path
from typing import Annotated, Any

import structlog
import typer
from rich.console import Console
from rich.live import Live

from pibridge.cli.demo_view import DemoView
from pibridge.cli.signals import until_stopped
from pibridge.config.load import configuration
from pibridge.config.settings import Configuration
from pibridge.daemon.report import Report
from pibridge.daemon.run import run
from pibridge.simulator import Simulator, SimulatorSettings

_FOLDER = Path("pibridge-demo")
_LOOKS_PER_S = 2
_PLAIN_EVERY_S = 5.0


def demo(
    seconds: Annotated[int, typer.Option(min=5, help="How long the demonstration takes.")] = 30,
) -> None:
    """Show the whole road without PI or AWS: a simulated brewery, live into files, with one lost link on the way."""
    asyncio.run(until_stopped(_demo(seconds, Console())))


async def _demo(seconds: int, console: Console) -> None:
    for leftover in ("journal", "out"):
        shutil.rmtree(_FOLDER / leftover, ignore_errors=True)
    loop = asyncio.get_running_loop()
    start = loop.time()
    view = DemoView(_FOLDER / "out", lambda: loop.time() - start)
    structlog.configure(processors=[view.note])
    # Every snapshot is archived: what the lost link cost can be counted.
    settings = SimulatorSettings(compression=False, bulk_points=200, event_rate=1.0, channel_interval_s=0.5)
    async with Simulator(settings) as simulator:
        stop = asyncio.Event()
        started: asyncio.Future[Report] = asyncio.get_running_loop().create_future()
        daemon = asyncio.create_task(run(_settings(simulator.url), stop, started.set_result))
        first: list[asyncio.Future[Any]] = [daemon, started]
        await asyncio.wait(first, return_when=asyncio.FIRST_COMPLETED)
        try:
            if started.done():
                simulator.faults.add(f"drop-channel@after={seconds / 3:.0f}s")
                await _watch(view, started.result(), seconds, console)
        finally:
            stop.set()
            await daemon
            console.print(view.ending(), soft_wrap=True)


async def _watch(view: DemoView, report: Report, seconds: int, console: Console) -> None:
    if not console.is_terminal:
        while (left_s := seconds - view.elapsed_s()) > 0:
            await asyncio.sleep(min(_PLAIN_EVERY_S, left_s))
            console.print(view.line(report.snapshot()), soft_wrap=True)
        return
    with Live(console=console, refresh_per_second=_LOOKS_PER_S) as live:
        while view.elapsed_s() < seconds:
            live.update(view.frame(report.snapshot(), seconds))
            await asyncio.sleep(1 / _LOOKS_PER_S)


def _settings(url: str) -> Configuration:
    return configuration(
        {
            "site": "brewery",
            "pi": {"url": url},
            "streams": {
                "points": {"select": {"points": [r"\\PISRV1\*"]}, "backfill": "10m"},
                "reactors": {
                    "select": {
                        "element": r"\\AF1\Plant",
                        "template": "Reactor",
                        "attributes": ["Temperature", "Pressure", "Level", "Flow*", "State"],
                    },
                    "backfill": "1h",
                },
            },
            "journal": {"path": str(_FOLDER / "journal"), "max_size": "256MiB"},
            "sinks": {"files": {"type": "file", "path": str(_FOLDER / "out"), "roll": {"size": "8MiB", "age": "10s"}}},
            "status": {"listen": "127.0.0.1:0"},
        },
        {},
    )
