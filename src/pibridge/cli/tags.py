"""`pibridge tags`: what the selections resolve to."""

import asyncio
import csv
import io
import json
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from pibridge.cli.choice import chosen
from pibridge.cli.options import CONFIG
from pibridge.config.settings import Configuration
from pibridge.daemon import logs
from pibridge.intake.shard import has_tag
from pibridge.model.tag import Tag
from pibridge.pi.client import PiClient
from pibridge.pi.selection import Selection, resolve

_SHOWN = ("stream", "tag", "path", "unit")
_COLUMNS = ("stream", "mode", "tag", "path", "unit", "asset", "template", "attribute", "web_id")


def tags(
    context: typer.Context,
    config: Annotated[str | None, CONFIG] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, one tag a line.")] = False,
    as_csv: Annotated[bool, typer.Option("--csv", help="Print CSV.")] = False,
) -> None:
    """Resolve the selections of all streams and print the tags; what is left out, with the reason, goes to stderr.

    With `shard`, the tags that this core reads.
    """
    configuration = chosen(context, config)
    logs.configure(configuration.log.model_copy(update={"level": "error"}))
    selections = asyncio.run(_resolve(configuration))
    found = [tag for selection in selections.values() for tag in selection.tags]
    rows = [_row(tag) for tag in found if has_tag(configuration.shard, tag)]
    if as_json:
        for row in rows:
            typer.echo(json.dumps(row))
    elif as_csv:
        text = io.StringIO()
        writer = csv.DictWriter(text, _COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
        typer.echo(text.getvalue(), nl=False)
    else:
        shard = configuration.shard
        title = f"{len(rows)} tags" + (f" of {len(found)}: shard {shard.index} of {shard.of}" if shard else "")
        Console(soft_wrap=True).print(_table(title, rows))
    for stream, selection in selections.items():
        for problem in selection.problems:
            hint = f"; {problem.hint}" if problem.hint else ""
            typer.echo(f"{stream}: {problem.path}: {problem.reason}{hint}", err=True)


async def _resolve(configuration: Configuration) -> dict[str, Selection]:
    async with PiClient(configuration.pi) as client:
        return {
            name: await resolve(client, name, stream.mode, stream.select, stream.via)
            for name, stream in sorted(configuration.streams.items())
        }


def _row(tag: Tag) -> dict[str, str]:
    asset = tag.asset
    return {
        "stream": tag.stream,
        "mode": tag.mode,
        "tag": tag.name,
        "path": tag.path,
        "unit": tag.unit,
        "asset": asset.path if asset else "",
        "template": asset.template if asset else "",
        "attribute": asset.attribute if asset else "",
        "web_id": tag.web_id,
    }


def _table(title: str, rows: list[dict[str, str]]) -> Table:
    table = Table(title=title, title_justify="left", box=None)
    for column in _SHOWN:
        table.add_column(column, overflow="fold")
    for row in rows:
        table.add_row(*(escape(row[column]) for column in _SHOWN))
    return table
