"""`pibridge discover`: what there is in PI, and a configuration for what is chosen of it."""

import asyncio
import json
import os
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any, Final

import typer
from rich.prompt import Prompt

from pibridge.cli.choice import named
from pibridge.cli.discover_view import asked, shown
from pibridge.cli.options import CONFIG
from pibridge.config.choices import elements_chosen, frames_chosen, points_chosen, site_of
from pibridge.config.load import connection, tree_of
from pibridge.config.settings import LogSettings
from pibridge.config.source import source_of
from pibridge.config.written import Chosen, written
from pibridge.daemon import logs
from pibridge.errors import ConfigurationError
from pibridge.pi.client import PiClient
from pibridge.pi.discovery import Discovery
from pibridge.pi.discovery import discover as look
from pibridge.pi.settings import PiSettings

_FILE: Final = Path("pibridge.yaml")
_PASSWORD: Final = "PI_PASSWORD"  # noqa: S105 - where it is, not what


def discover(  # noqa: PLR0913, PLR0917 - one parameter for each thing that can be chosen
    context: typer.Context,
    url: Annotated[str | None, typer.Option(help="PI Web API: https://pi.example.com/piwebapi.")] = None,
    user: Annotated[str | None, typer.Option(help=r"Windows account, DOMAIN\user; none: anonymous.")] = None,
    password_env: Annotated[str, typer.Option(help="Environment variable with its password.")] = _PASSWORD,
    ca_file: Annotated[Path | None, typer.Option(help="PEM bundle of the plant's own CA.")] = None,
    config: Annotated[str | None, CONFIG] = None,
    element: Annotated[list[str] | None, typer.Option(help="AF element or database to read; repeatable.")] = None,
    template: Annotated[list[str] | None, typer.Option(help="Element template to read; repeatable.")] = None,
    points: Annotated[list[str] | None, typer.Option(help="Point, or wildcard for many, to read; repeatable.")] = None,
    frames: Annotated[list[str] | None, typer.Option(help="Event frames: DATABASE[:TEMPLATE]; repeatable.")] = None,
    site: Annotated[str | None, typer.Option(help="Name of the site; default: from the URL.")] = None,
    output: Annotated[Path | None, typer.Option(help="Write the configuration to this new file.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print what was found as JSON.")] = False,
) -> None:
    """List what PI has, and write a configuration for what is chosen: with options, or asked on a terminal.

    Where PI is comes from --url, or from `pi` of the configuration that --config names.
    """
    logs.configure(LogSettings(level="error", format="console"))
    settings, pi = _connection(context, config, url, user, password_env, ca_file)
    found = asyncio.run(_found(settings))
    if as_json:
        typer.echo(json.dumps(asdict(found)))
    has_choices = any((element, template, points, frames))
    if not as_json and not (has_choices and output is None):
        for line in shown(found):
            typer.echo(line)
    if has_choices:
        chosen = Chosen(
            site or site_of(settings.url),
            pi,
            points_chosen(found, points or ()),
            elements_chosen(found, element or (), template or ()),
            frames_chosen(found, frames or ()),
        )
    elif not as_json and sys.stdin.isatty() and sys.stdout.isatty():
        chosen = Chosen(
            site or _asked("Name of the site", site_of(settings.url)), pi, *asked(found, _asked, typer.echo)
        )
        output = output or Path(_asked("Write the configuration to", str(_FILE)))
    else:
        return
    _write(chosen, output)


def _connection(  # noqa: PLR0913, PLR0917 - the options that say where PI is
    context: typer.Context,
    config: str | None,
    url: str | None,
    user: str | None,
    password_env: str,
    ca_file: Path | None,
) -> tuple[PiSettings, dict[str, Any]]:
    if url is None:
        if config is None and context.obj is None:
            raise ConfigurationError(["PI is not named; give --url https://…/piwebapi, or --config FILE"])
        name = named(context, config)
        tree, problems = tree_of(name, source_of(name).read()[0])
        if problems:
            raise ConfigurationError(problems)
        return connection(tree.get("pi"), os.environ)
    pi: dict[str, Any] = {"url": url}
    if user is not None:
        pi["auth"] = {"method": "basic", "username": user, "password": f"${{env:{password_env}}}"}
    if ca_file is not None:
        pi["tls"] = {"ca_file": str(ca_file)}
    return connection(pi, os.environ)


async def _found(settings: PiSettings) -> Discovery:
    async with PiClient(settings) as client:
        return await look(client)


def _write(chosen: Chosen, output: Path | None) -> None:
    if not (chosen.points or chosen.elements or chosen.frames):
        typer.echo("nothing chosen, nothing written", err=True)
        return
    text = written(chosen)
    if output is None:
        typer.echo(text, nl=False)
        return
    try:
        with output.open("x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError as error:
        raise ConfigurationError([f"{output} is there already; name a new file with --output"]) from error
    except OSError as error:
        raise ConfigurationError([f"{output} cannot be written: {error.strerror}; name another file"]) from error
    typer.echo(f"wrote {output}; next: pibridge check --config {output}", err=True)


def _asked(question: str, default: str = "") -> str:
    return Prompt.ask(question, default=default, show_default=bool(default))
