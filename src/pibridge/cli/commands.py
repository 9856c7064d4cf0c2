"""The commands, each loaded when it is asked for: the daemon does without what only the others need."""

from collections.abc import Iterator, Mapping
from importlib import import_module
from typing import Any, Final

from typer import Typer
from typer.core import TyperGroup
from typer.main import get_command, get_group

_PLACES: Final = {
    "run": "run.run",
    "demo": "demo.demo",
    "status": "status.status",
    "check": "check.check",
    "discover": "discover.discover",
    "tags": "tags.tags",
    "dead-letters": "dead_letters.app",
    "replay": "replay.app",
    "backfill": "backfill.app",
    "reread": "backfill.reread",
    "journal": "journal.app",
    "audit": "audit.audit",
    "explain": "explain.explain",
    "schema": "schema.schema",
    "simulate": "simulate.simulate",
    "sitewise": "sitewise.app",
}
"""By the name of the command, in the order of the help: the file here, and what in it."""


class Commands(TyperGroup):
    """The group of them."""

    def __init__(self, **given: Any) -> None:
        super().__init__(**given)
        self.commands: Any = _OnDemand()


class _OnDemand(Mapping[str, Any]):
    """Loads a command, not all of them."""

    def __getitem__(self, name: str) -> Any:
        file, _, what = _PLACES[name].partition(".")
        found = getattr(import_module(f"pibridge.cli.{file}"), what)
        if isinstance(found, Typer):
            command: Any = get_group(found)
        else:
            alone = Typer(add_completion=False)
            alone.command(name)(found)
            command = get_command(alone)
        command.name = name
        return command

    def __iter__(self) -> Iterator[str]:
        return iter(_PLACES)

    def __len__(self) -> int:
        return len(_PLACES)
