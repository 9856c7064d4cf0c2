"""Which configuration a command works with."""

import typer

from pibridge.config.load import load
from pibridge.config.settings import Configuration
from pibridge.errors import ConfigurationError


def named(context: typer.Context, config: str | None) -> str:
    """Give the name of the configuration that the command or, before it, `pibridge` was given."""
    name = config or context.obj
    if name is None:
        raise ConfigurationError(["no configuration; say which: --config FILE"])
    return str(name)


def chosen(context: typer.Context, config: str | None) -> Configuration:
    """Load that configuration. Raises ConfigurationError, UnavailableError."""
    return load(named(context, config))
