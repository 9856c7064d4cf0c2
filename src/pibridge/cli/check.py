"""`pibridge check`: is the configuration right, does PI answer, can every sink be written to."""

import asyncio
import json
from dataclasses import asdict
from typing import Annotated

import typer

from pibridge.cli.choice import chosen, named
from pibridge.cli.options import CONFIG
from pibridge.config import elsewhere
from pibridge.config.settings import Configuration
from pibridge.config.text import Tree
from pibridge.daemon import logs
from pibridge.daemon.checks import Finding, checks


def check(
    context: typer.Context,
    config: Annotated[str | None, CONFIG] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, one finding a line.")] = False,
    offline: Annotated[
        bool, typer.Option("--offline", help="Only the configuration, which another machine will run: nobody is asked.")
    ] = False,
) -> None:
    """Check the configuration, PI and every sink, a line each. Exit code 0: well, 1: not, 2: wrong configuration."""
    if offline:
        typer.echo(_said(_named_parts(elsewhere.look(named(context, config))), as_json=as_json))
        return
    configuration = chosen(context, config)
    logs.configure(configuration.log.model_copy(update={"level": "error"}))
    if not asyncio.run(_print(configuration, as_json=as_json)):
        raise typer.Exit(1)


async def _print(configuration: Configuration, *, as_json: bool) -> bool:
    well = True
    async for finding in checks(configuration):
        well = well and finding.level != "wrong"
        typer.echo(_said(finding, as_json=as_json))
    return well


def _named_parts(tree: Tree) -> Finding:
    streams, sinks = ", ".join(sorted(tree["streams"])), ", ".join(sorted(tree["sinks"]))
    return Finding("fine", "configuration", f"streams {streams}; sinks {sinks}")


def _said(finding: Finding, *, as_json: bool) -> str:
    return json.dumps(asdict(finding)) if as_json else _line(finding)


def _line(finding: Finding) -> str:
    mark = {"fine": "ok   ", "doubt": "look ", "wrong": "WRONG"}[finding.level]
    hint = f"\n      -> {finding.hint}" if finding.hint else ""
    return f"{mark} {finding.about}: {finding.found}{hint}"
