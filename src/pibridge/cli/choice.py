"""Which configuration a command works with."""

from pathlib import Path

import typer

from pibridge.config.load import load
from pibridge.config.settings import Configuration
from pibridge.errors import ConfigurationError

CONFIG = typer.Option("--config", "-c", help="The configuration: YAML or JSON.", show_default=False)


def chosen(context: typer.Context, config: Path | None) -> Configuration:
    """Load the configuration that the command or, before it, `pibridge` was given. Raises ConfigurationError."""
    source = config or context.obj
    if source is None:
        raise ConfigurationError(["no configuration; say which: --config FILE"])
    return load(str(source))
