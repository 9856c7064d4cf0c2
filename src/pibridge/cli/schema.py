"""`pibridge schema`: the JSON schema of the configuration."""

import json

import typer

from pibridge.config.json_schema import json_schema


def schema() -> None:
    """Print the JSON schema of the configuration, for editors."""
    typer.echo(json.dumps(json_schema(), indent=2))
