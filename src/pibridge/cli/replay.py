"""`pibridge replay`: journaled events sent again, with context and filters as they are now."""

import asyncio
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import msgspec
import typer
from rich.console import Console

from pibridge.cli.options import ASSET, CONFIG, FROM, ID, JSON, STREAM, TAG, TO, YES
from pibridge.cli.past import Past, choice_of, filters_of, looking_back
from pibridge.cli.replay_view import backfill_command, difference_text, preview_text, replays_table, told_of
from pibridge.config.load import load
from pibridge.config.settings import Configuration
from pibridge.context.choice import Choice, Chooser
from pibridge.context.record import Record
from pibridge.daemon.orders import CANCEL_REPLAY, PAUSE_REPLAY, REPLAY, RESUME_REPLAY, Named, have_done
from pibridge.delivery.preview import chosen, preview, runs
from pibridge.delivery.replaying import replayed
from pibridge.delivery.what_if import difference
from pibridge.errors import ConfigurationError
from pibridge.journal.opening import is_locked
from pibridge.journal.replay import DEFAULT_RATE, WantedReplay, new_id, told
from pibridge.model.event import Lane
from pibridge.sinks.file import FileSink
from pibridge.sinks.settings import FileSettings

app = typer.Typer(
    help="Send journaled events again, marked as a replay; list, pause, resume or cancel what is on its way.",
    invoke_without_command=True,
)


@app.callback()
def replay(  # noqa: PLR0913, PLR0917 - one parameter for each thing that can be chosen
    context: typer.Context,
    config: Annotated[str | None, CONFIG] = None,
    from_: Annotated[str | None, FROM] = None,
    to: Annotated[str | None, TO] = None,
    tag: Annotated[list[str] | None, TAG] = None,
    asset: Annotated[list[str] | None, ASSET] = None,
    batch: Annotated[list[str] | None, typer.Option(help="Id of a batch, * and ? as wildcards; repeatable.")] = None,
    stream: Annotated[list[str] | None, STREAM] = None,
    lane: Annotated[list[Lane] | None, typer.Option(help="Only of this lane.")] = None,
    to_sink: Annotated[list[str] | None, typer.Option(help="Send to this sink; repeatable.")] = None,
    to_files: Annotated[Path | None, typer.Option(help="Write files of JSON lines into this new folder.")] = None,
    rate: Annotated[
        float, typer.Option(min=0.001, help="At most so many events a second to each sink.")
    ] = DEFAULT_RATE,
    what_if: Annotated[str | None, typer.Option(help="Compare with this configuration instead; send nothing.")] = None,
    yes: Annotated[bool, YES] = False,
    as_json: Annotated[bool, JSON] = False,
) -> None:
    """Send journaled events again: say first what that would be, and do it with --yes.

    The daemon does it, beside its live work; without one it begins at the next start. For dead letters:
    `pibridge dead-letters resend`.
    """
    if context.invoked_subcommand is not None:
        context.obj = config or context.obj
        return
    with looking_back(context, config) as past:
        choice = choice_of(past.now_ticks, from_, to, tag, asset, stream, batch, lane)
        if what_if is not None:
            _compare(past, choice, what_if, as_json=as_json)
            return
        sinks = sorted(set(to_sink or ()))
        _require_targets(past, sinks, to_files)
        found = _preview(past, choice, sinks, as_json=as_json)
        if not found or not (sinks or to_files):
            if found:
                typer.echo("nothing done; say where it is to go: --to-sink NAME, or --to-files FOLDER", err=True)
        elif not yes:
            typer.echo("nothing done; add --yes to have it sent", err=True)
        else:
            if to_files is not None:
                _write_files(past, choice, to_files)
            if sinks:
                _order(past, WantedReplay(choice=choice, sinks=tuple(sinks), rate=rate))


@app.command("list")
def list_(
    context: typer.Context, config: Annotated[str | None, CONFIG] = None, as_json: Annotated[bool, JSON] = False
) -> None:
    """Show replays and how far they have got, the newest last. Changes nothing, also beside the daemon."""
    with looking_back(context, config) as past:
        found = past.reader.replays()
    if as_json:
        typer.echo(msgspec.json.encode({"replays": [told(each) for each in found]}))
    else:
        Console(soft_wrap=True).print(replays_table(found))


@app.command()
def pause(context: typer.Context, replay_id: Annotated[str, ID], config: Annotated[str | None, CONFIG] = None) -> None:
    """Send no more of a replay until it is resumed."""
    turn(context, config, PAUSE_REPLAY, f"replay {replay_id}", "paused")


@app.command()
def resume(context: typer.Context, replay_id: Annotated[str, ID], config: Annotated[str | None, CONFIG] = None) -> None:
    """Go on with a replay where it was paused."""
    turn(context, config, RESUME_REPLAY, f"replay {replay_id}", "resumed")


@app.command()
def cancel(context: typer.Context, replay_id: Annotated[str, ID], config: Annotated[str | None, CONFIG] = None) -> None:
    """Send no more of a replay, for good. What was sent stays where it is."""
    turn(context, config, CANCEL_REPLAY, f"replay {replay_id}", "cancelled")


def _require_targets(past: Past, sinks: list[str], folder: Path | None) -> None:
    known = past.configuration.sinks
    problems = [f"--to-sink {name}: not configured; one of {', '.join(known)}" for name in sinks if name not in known]
    if folder is not None and folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        problems.append(f"--to-files {folder}: is there already; name a new folder")
    if problems:
        raise ConfigurationError(problems)


def _preview(past: Past, choice: Choice, sinks: list[str], *, as_json: bool) -> int:
    """Say what would be sent; give how many events are meant."""
    stamp = past.stamp(past.configuration, "preview")
    admit = {name: admits for name, admits in filters_of(past.configuration).items() if name in sinks}
    found = preview(chosen(past.reader, choice, Chooser(choice, stamp)), admit)
    missing = backfill_command(choice, past.coverage(), past.meant(choice), past.now_ticks)
    if as_json:
        typer.echo(msgspec.json.encode(told_of(found, missing)))
    else:
        typer.echo(preview_text(found, missing))
    return found.events


def _compare(past: Past, choice: Choice, name: str, *, as_json: bool) -> None:
    other = load(name)
    now, then = past.stamp(past.configuration, "now"), past.stamp(other, "then")
    chooser = Chooser(choice, now)

    def pairs() -> Iterator[tuple[list[Record], list[Record]]]:
        for run in runs(past.reader, choice, chooser):
            before = now.some(run.lane, run.first_seq, run.events)
            after = then.some(run.lane, run.first_seq, run.events)
            both = [(a, b) for a, b in zip(before, after, strict=True) if chooser.is_of_batch(a)]
            yield [a for a, _ in both], [b for _, b in both]

    found = difference(pairs(), filters_of(past.configuration), filters_of(other))
    unread = sorted(_sources(other) - _sources(past.configuration))
    typer.echo(difference_text(found, unread, as_json=as_json))


def _sources(configuration: Configuration) -> set[str]:
    """Give what the batch rules of a configuration are read from."""
    rules = configuration.context.batches.values()
    return {rule.event_frames.database.upper() if rule.event_frames else str(rule.tag).upper() for rule in rules}


def _write_files(past: Past, choice: Choice, folder: Path) -> None:
    replay_id = new_id(time.time(), ())
    stamp = past.stamp(past.configuration, replay_id)
    sink = FileSink(FileSettings(type="file", path=folder))

    records = chosen(past.reader, choice, Chooser(choice, stamp))

    async def write() -> int:
        await sink.open()
        count = 0
        for batch in replayed(records, replay_id):
            await sink.write(batch)
            count += batch.records
        await sink.close()
        return count

    count = asyncio.run(write())
    typer.echo(f"replay {replay_id}: wrote {count} events to {folder}")


def _order(past: Past, wanted: WantedReplay) -> None:
    settings = past.configuration.journal
    is_running = is_locked(settings.path)
    replay_id = asyncio.run(have_done(settings, REPLAY, wanted))
    when = "on its way" if is_running else "no daemon runs; it begins at the next start"
    typer.echo(f"replay {replay_id} to {', '.join(wanted.sinks)}: {when}; pibridge replay list shows how it goes")


def turn(context: typer.Context, config: str | None, order: str, what: str, done: str) -> None:
    """Have something that goes on turned. `what`: its kind and id; `done`: what is then done with it."""
    with looking_back(context, config) as past:
        settings = past.configuration.journal
    count = asyncio.run(have_done(settings, order, Named(what.rsplit(maxsplit=1)[-1])))
    typer.echo(f"{what}: {done}" if count else f"{what}: nothing of it to be {done}")
