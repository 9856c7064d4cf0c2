"""The `pibridge` command: one thin file a command; each asks other rooms and computes nothing itself."""

import sys
from typing import Annotated

import typer

from pibridge import __version__
from pibridge.cli.commands import Commands
from pibridge.cli.options import CONFIG
from pibridge.errors import ConfigurationError, PIBridgeError

WRONG_CONFIGURATION = 2

app = typer.Typer(
    name="pibridge",
    cls=Commands,
    help="Carries data from an AVEVA PI System to AWS: live, in context, nothing lost.",
    add_completion=False,
    invoke_without_command=True,
    pretty_exceptions_enable=False,
)


@app.callback()
def start(
    context: typer.Context,
    config: Annotated[str | None, CONFIG] = None,
    version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False,
) -> None:
    """Run the daemon with `--config FILE`, or one of the commands below."""
    context.obj = config
    if version:
        typer.echo(__version__)
    elif context.invoked_subcommand is None:
        if config is None:
            typer.echo(context.get_help())
        else:
            # Loads the daemon.
            from pibridge.cli.run import run  # noqa: PLC0415

            run(context)


def main() -> None:
    """Run the command; what is understood to be wrong is said without a traceback."""
    try:
        app()
    except ConfigurationError as error:
        _say(error.problems)
        sys.exit(WRONG_CONFIGURATION)
    except PIBridgeError as error:
        _say([str(error)])
        sys.exit(1)


def _say(lines: list[str]) -> None:
    for line in lines:
        typer.echo(line, err=True)
