"""`pibridge dead-letters`: what sinks refused for good, listed, exported, dropped and sent again."""

import asyncio
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Annotated, Any, Final

import msgspec
import typer
from rich.console import Console

from pibridge.cli.choice import chosen
from pibridge.cli.dead_letters_view import Summary, exported, letters_table, sinks_table, summary_of
from pibridge.cli.moments import moment
from pibridge.cli.options import CONFIG
from pibridge.config.settings import Configuration
from pibridge.daemon import logs
from pibridge.daemon.orders import DROP, RESEND, have_done
from pibridge.errors import ConfigurationError
from pibridge.journal.letters import ANY_TIME_S, Wanted
from pibridge.journal.reader import JournalReader
from pibridge.model import ticks

_DONE: Final = {DROP: "dropped", RESEND: "put on their way again"}

app = typer.Typer(help="List, export, drop or send again what sinks refused for good.", no_args_is_help=True)

_SINK: Final = typer.Option(help="Of this sink.", show_default=False)
_REASON: Final = typer.Option(help="Only those whose reason has this in it.", show_default=False)
_YES: Final = typer.Option("--yes", help="Do it. Without, only say what would be done.")


@app.command("list")
def list_(  # noqa: PLR0913, PLR0917 - one parameter for each thing that can be chosen
    context: typer.Context,
    config: Annotated[str | None, CONFIG] = None,
    sink: Annotated[str | None, _SINK] = None,
    reason: Annotated[str, _REASON] = "",
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
    limit: Annotated[int, typer.Option(min=0, help="So many single letters, the newest refusals of each sink.")] = 10,
) -> None:
    """Count dead letters by sink and reason, and show the newest ones. Changes nothing, also beside the daemon."""
    with _reading(context, config) as (_, journal):
        counts = journal.count_dead_letters()
        names = [sink] if sink is not None else sorted(counts)
        wanted = {name: Wanted(sink=name, reason=reason) for name in names}
        found = {name: summary_of(journal.dead_letters(wanted[name]), limit) for name in names}
    resending = {name: counts[name].resending for name in names if name in counts}
    if as_json:
        told = {name: {**found[name].told(), "resending": resending.get(name, 0)} for name in names}
        typer.echo(msgspec.json.encode({"sinks": told}))
        return
    console = Console(soft_wrap=True)
    console.print(sinks_table(found, resending))
    newest = [kept for name in names for kept in found[name].newest]
    if newest:
        console.print(letters_table(newest))


@app.command()
def export(
    context: typer.Context,
    sink: Annotated[str, _SINK],
    output: Annotated[Path, typer.Option(help="A new file: JSON, one letter a line.", show_default=False)],
    config: Annotated[str | None, CONFIG] = None,
) -> None:
    """Write the dead letters of a sink into a file: each record as it was to be sent, with sink, reason and time."""
    with _reading(context, config) as (_, journal), _new(output) as file:
        count = 0
        for kept in journal.dead_letters(Wanted(sink=sink)):
            file.write(exported(kept) + b"\n")
            count += 1
    typer.echo(f"wrote {count} dead letters of {sink} to {output}", err=True)


@app.command()
def drop(  # noqa: PLR0913, PLR0917 - one parameter for each thing that can be chosen
    context: typer.Context,
    sink: Annotated[str, _SINK],
    config: Annotated[str | None, CONFIG] = None,
    before: Annotated[str | None, typer.Option(help="Only those refused before: 2026-03-01, or 7d ago.")] = None,
    reason: Annotated[str, _REASON] = "",
    yes: Annotated[bool, _YES] = False,
) -> None:
    """Forget dead letters for good. Done by the daemon, if it runs."""
    now_ticks = ticks.from_seconds(time.time())
    before_s = ANY_TIME_S if before is None else moment("--before", before, now_ticks) // ticks.PER_SECOND
    with _reading(context, config) as (configuration, journal):
        wanted = Wanted(sink=sink, reason=reason, before_s=before_s)
        preview = summary_of(journal.dead_letters(wanted))
    _do(configuration, DROP, wanted, preview, is_meant=yes)


@app.command()
def resend(  # noqa: PLR0913, PLR0917 - one parameter for each thing that can be chosen
    context: typer.Context,
    sink: Annotated[str, _SINK],
    config: Annotated[str | None, CONFIG] = None,
    reason: Annotated[str, _REASON] = "",
    seq: Annotated[list[int] | None, typer.Option(help="Only this one; repeatable.")] = None,
    yes: Annotated[bool, _YES] = False,
) -> None:
    """Send dead letters again, with context and filters as they are now. Done by the daemon, at once or at its start.

    What the sink refuses again is a dead letter again.
    """
    with _reading(context, config) as (configuration, journal):
        wanted = Wanted(sink=sink, reason=reason, seqs=tuple(seq or ()))
        preview = summary_of(kept for kept in journal.dead_letters(wanted) if kept.letter.event is not None)
    _do(configuration, RESEND, wanted, preview, is_meant=yes)


@contextmanager
def _reading(context: typer.Context, config: str | None) -> Iterator[tuple[Configuration, JournalReader]]:
    configuration = chosen(context, config)
    logs.configure(configuration.log.model_copy(update={"level": "error"}))
    with closing(JournalReader.open(configuration.journal.path)) as journal:
        yield configuration, journal


def _do(configuration: Configuration, order: str, wanted: Wanted, preview: Summary, *, is_meant: bool) -> None:
    """Say what is meant, and have that done."""
    typer.echo(f"{wanted.sink}: {preview.text()}")
    if not preview.letters:
        return
    if not is_meant:
        typer.echo(f"nothing done; add --yes to have them {_DONE[order]}", err=True)
        return
    # What is refused from now on was not seen, and is not meant.
    wanted = msgspec.structs.replace(wanted, upto=preview.last_id)
    count: Any = asyncio.run(have_done(configuration.journal, order, wanted))
    typer.echo(f"{count} dead letters {_DONE[order]}")


@contextmanager
def _new(path: Path) -> Iterator[Any]:
    try:
        with path.open("xb") as file:
            yield file
    except FileExistsError as error:
        raise ConfigurationError([f"{path} is there already; name a new file with --output"]) from error
    except OSError as error:
        raise ConfigurationError([f"{path} cannot be written: {error.strerror}; name another file"]) from error
