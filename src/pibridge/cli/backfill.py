"""`pibridge backfill` and `pibridge reread`: more history read from PI, or compared with what was read."""

import asyncio
from typing import Annotated, Final

import msgspec
import typer
from rich.console import Console

from pibridge.cli.backfill_view import backfills_table, days, preview_of
from pibridge.cli.options import ASSET, CONFIG, FROM, ID, JSON, STREAM, TAG, TO, YES
from pibridge.cli.past import Past, choice_of, looking_back
from pibridge.cli.replay import turn
from pibridge.context.choice import Choice
from pibridge.daemon.orders import (
    BACKFILL,
    CANCEL_BACKFILL,
    PAUSE_BACKFILL,
    REREAD,
    RESUME_BACKFILL,
    have_done,
)
from pibridge.errors import ConfigurationError
from pibridge.journal.backfill import Kind, WantedHistory, told
from pibridge.journal.opening import is_locked

_ORDERS: Final = {"backfill": BACKFILL, "reread": REREAD}
_ELEMENT: Final = typer.Option("--element", "--asset", help=ASSET.help, show_default=False)

app = typer.Typer(
    help="Read more of PI's history; list, pause, resume or cancel what is being read.", invoke_without_command=True
)


@app.callback()
def backfill(  # noqa: PLR0913, PLR0917 - one parameter for each thing that can be chosen
    context: typer.Context,
    config: Annotated[str | None, CONFIG] = None,
    from_: Annotated[str | None, FROM] = None,
    to: Annotated[str | None, TO] = None,
    tag: Annotated[list[str] | None, TAG] = None,
    asset: Annotated[list[str] | None, _ELEMENT] = None,
    stream: Annotated[list[str] | None, STREAM] = None,
    again: Annotated[bool, typer.Option("--again", help="Also what was read once and is no longer kept.")] = False,
    yes: Annotated[bool, YES] = False,
) -> None:
    """Read history of tags that are read: say first what that would be, and do it with --yes.

    The daemon does it, beside its live work; without one it begins at the next start. What was read before is not read
    again.
    """
    if context.invoked_subcommand is not None:
        context.obj = config or context.obj
        return
    with looking_back(context, config) as past:
        wanted = WantedHistory(choice=_choice(past, from_, to, tag, asset, stream), again=again)
        found = preview_of(past.coverage(), wanted, past.meant(wanted.choice), past.now_ticks)
        typer.echo(found.text())
        _order(past, "backfill", wanted, is_something=bool(found.owed_ticks), is_meant=yes)


def reread(  # noqa: PLR0913, PLR0917 - one parameter for each thing that can be chosen
    context: typer.Context,
    config: Annotated[str | None, CONFIG] = None,
    from_: Annotated[str | None, FROM] = None,
    to: Annotated[str | None, TO] = None,
    tag: Annotated[list[str] | None, TAG] = None,
    asset: Annotated[list[str] | None, _ELEMENT] = None,
    stream: Annotated[list[str] | None, STREAM] = None,
    yes: Annotated[bool, YES] = False,
) -> None:
    """Compare PI's archive with the journal and mend: late, edited and deleted values become records after all.

    `pibridge backfill list` shows how it goes.
    """
    with looking_back(context, config) as past:
        wanted = WantedHistory(choice=_choice(past, from_, to, tag, asset, stream))
        numbers = past.meant(wanted.choice)
        start, end = wanted.choice.start_ticks, min(wanted.choice.end_ticks, past.now_ticks)
        typer.echo(f"{len(numbers)} tags, {days(start, end)} of each to be compared")
        _order(past, "reread", wanted, is_something=bool(numbers), is_meant=yes)


@app.command("list")
def list_(
    context: typer.Context, config: Annotated[str | None, CONFIG] = None, as_json: Annotated[bool, JSON] = False
) -> None:
    """Show backfills and rereads and how far they have got, the newest last. Changes nothing."""
    with looking_back(context, config) as past:
        gaps = past.reader.gaps()
        found = [told(each, gaps) for each in past.reader.backfills()]
    if as_json:
        typer.echo(msgspec.json.encode({"backfills": found}))
    else:
        Console(soft_wrap=True).print(backfills_table(found))


@app.command()
def pause(
    context: typer.Context, backfill_id: Annotated[str, ID], config: Annotated[str | None, CONFIG] = None
) -> None:
    """Read no more of it until it is resumed."""
    turn(context, config, PAUSE_BACKFILL, f"backfill {backfill_id}", "paused")


@app.command()
def resume(
    context: typer.Context, backfill_id: Annotated[str, ID], config: Annotated[str | None, CONFIG] = None
) -> None:
    """Go on where it was paused."""
    turn(context, config, RESUME_BACKFILL, f"backfill {backfill_id}", "resumed")


@app.command()
def cancel(
    context: typer.Context, backfill_id: Annotated[str, ID], config: Annotated[str | None, CONFIG] = None
) -> None:
    """Read no more of it, for good. What was read is delivered."""
    turn(context, config, CANCEL_BACKFILL, f"backfill {backfill_id}", "cancelled")


def _choice(  # noqa: PLR0913, PLR0917 - the options
    past: Past,
    from_: str | None,
    to: str | None,
    tag: list[str] | None,
    asset: list[str] | None,
    stream: list[str] | None,
) -> Choice:
    if from_ is None:
        raise ConfigurationError(["--from: is missing; say from when on: 2026-03-01, or 7d ago"])
    past.require_streams(stream or ())
    return choice_of(past.now_ticks, from_, to, tag, asset, stream)


def _order(past: Past, kind: Kind, wanted: WantedHistory, *, is_something: bool, is_meant: bool) -> None:
    if not is_something:
        return
    if not is_meant:
        typer.echo("nothing done; add --yes to have it read", err=True)
        return
    settings = past.configuration.journal
    is_running = is_locked(settings.path)
    found = asyncio.run(have_done(settings, _ORDERS[kind], wanted))
    when = "the daemon is at it" if is_running else "no daemon runs; it begins at the next start"
    typer.echo(f"{kind} {found}: {when}; pibridge backfill list shows how it goes")
