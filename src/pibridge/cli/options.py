"""Options that many commands have."""

from typing import Final

import typer

CONFIG: Final = typer.Option(
    "--config", "-c", help="The configuration: a file, YAML or JSON, or s3://bucket/key.", show_default=False
)
