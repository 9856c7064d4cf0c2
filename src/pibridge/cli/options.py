"""Options that many commands have."""

from typing import Final

import typer

CONFIG: Final = typer.Option(
    "--config", "-c", help="The configuration: a file, YAML or JSON, or s3://bucket/key.", show_default=False
)
FROM: Final = typer.Option("--from", help="Events from this time on: 2026-03-01, T12:00Z, or 7d ago.")
TO: Final = typer.Option("--to", help="Events up to this time.")
TAG: Final = typer.Option(help="Name or PI path, * and ? as wildcards; repeatable.", show_default=False)
ASSET: Final = typer.Option(help="Path of an asset, * within a level, ** across; repeatable.", show_default=False)
STREAM: Final = typer.Option(help="Name of a stream; repeatable.", show_default=False)
YES: Final = typer.Option("--yes", help="Do it. Without, only say what would be done.")
JSON: Final = typer.Option("--json", help="Print one JSON object.")
ID: Final = typer.Argument(help="As `list` shows it.", show_default=False)
