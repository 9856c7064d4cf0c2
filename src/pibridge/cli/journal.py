"""`pibridge journal`: how the journal is, what is in it, whether it is whole."""

import asyncio
import os
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Annotated, Any, Final

import msgspec
import typer
from rich.console import Console

from pibridge.cli.choice import chosen
from pibridge.cli.journal_view import area_line, megabytes, overview_table, told
from pibridge.cli.options import CONFIG
from pibridge.cli.past import choice_of
from pibridge.cli.signals import interrupts
from pibridge.config.loaded import Loaded
from pibridge.context.choice import Choice
from pibridge.context.record import json_lines
from pibridge.daemon import logs
from pibridge.daemon.orders import COMPACT, Nothing, have_done
from pibridge.inspection.export import write_file, write_lines
from pibridge.inspection.records import Passage, Records
from pibridge.journal.reader import JournalReader
from pibridge.journal.verify import verify as verified
from pibridge.model import ticks
from pibridge.model.event import Lane

_PROGRESS_S: Final = 1.0

app = typer.Typer(help="Look into the journal, beside the daemon or without it.", no_args_is_help=True)

_TAG: Final = typer.Option(help="Name or PI path of tags, * and ? as wildcards; repeatable.", show_default=False)
_STREAM: Final = typer.Option(help="Of this stream; repeatable.", show_default=False)
_JSON: Final = typer.Option("--json", help="Print JSON.")


@app.command()
def stat(
    context: typer.Context,
    config: Annotated[str | None, CONFIG] = None,
    as_json: Annotated[bool, _JSON] = False,
) -> None:
    """Tell how large it is, how far each sink is, what is owed, and how long it can take data without sinks."""
    with _reading(context, config) as (loaded, reader):
        now_s = time.time()
        overview = reader.overview(loaded.configuration.journal.max_size, now_s)
    if as_json:
        typer.echo(msgspec.json.encode(told(overview, now_s)))
    else:
        Console(soft_wrap=True).print(overview_table(overview, now_s))


@app.command()
def tail(  # noqa: PLR0913, PLR0917 - one parameter for each thing that can be chosen
    context: typer.Context,
    config: Annotated[str | None, CONFIG] = None,
    count: Annotated[int, typer.Option("-n", min=0, help="So many of the newest.")] = 10,
    follow: Annotated[bool, typer.Option("-f", "--follow", help="Go on with what comes, until Ctrl-C.")] = False,
    tag: Annotated[list[str] | None, _TAG] = None,
    stream: Annotated[list[str] | None, _STREAM] = None,
) -> None:
    """Print the newest records as JSON lines, in the order of the journal, with the context that sinks get."""
    interrupts()
    with _reading(context, config) as (loaded, reader):
        records = Records(loaded, reader)
        passage = Passage(records, reader, Choice(streams=tuple(stream or ()), tags=tuple(tag or ())))
        newest, end = passage.newest(count)
        with _out() as out:
            out.write(json_lines(newest))
            for coming in passage.follow(end) if follow else ():
                out.write(json_lines(coming))
                out.flush()
    _say_damage(passage)


@app.command()
def verify(
    context: typer.Context,
    config: Annotated[str | None, CONFIG] = None,
    as_json: Annotated[bool, _JSON] = False,
) -> None:
    """Look for damage: pages, chunks, positions, cursors, tags. Changes nothing. Exit code 0: whole, 1: damaged."""
    loaded = _loaded(context, config)
    is_whole = True
    last_s = time.monotonic()

    def progress(name: str, done: int, count: int) -> None:
        nonlocal last_s
        if time.monotonic() - last_s > _PROGRESS_S:
            last_s = time.monotonic()
            typer.echo(f"{name}: {done} of {count}", err=True)

    for area in verified(loaded.configuration.journal.path, progress):
        is_whole = is_whole and not area.faults
        typer.echo(msgspec.json.encode(area) if as_json else area_line(area))
    if not is_whole:
        raise typer.Exit(1)


@app.command()
def export(  # noqa: PLR0913, PLR0917 - one parameter for each thing that can be chosen
    context: typer.Context,
    config: Annotated[str | None, CONFIG] = None,
    output: Annotated[
        Path | None,
        typer.Option(help="A new file: .jsonl, .jsonl.gz, .jsonl.zst or .parquet. Else standard output, as lines."),
    ] = None,
    start: Annotated[str | None, typer.Option("--from", help="Events of this time and later; 7d: so long ago.")] = None,
    end: Annotated[str | None, typer.Option("--to", help="Events up to this time.")] = None,
    tag: Annotated[list[str] | None, _TAG] = None,
    asset: Annotated[list[str] | None, typer.Option(help="Path of assets, ** crosses levels; repeatable.")] = None,
    stream: Annotated[list[str] | None, _STREAM] = None,
    lane: Annotated[Lane | None, typer.Option(help="Only this lane.")] = None,
) -> None:
    """Write records as sinks get them, of what the journal still keeps. No filter of a sink is applied."""
    now_ticks = ticks.from_seconds(time.time())
    choice = choice_of(now_ticks, start, end, tag, asset, stream, lane=None if lane is None else [lane])
    with _reading(context, config) as (loaded, reader):
        passage = Passage(Records(loaded, reader), reader, choice)
        if output is None:
            with _out() as out:
                _show_progress(passage, write_lines(passage, out))
        else:
            _show_progress(passage, write_file(passage, output))
    typer.echo(f"wrote {passage.records} records to {output or 'standard output'}", err=True)
    _say_damage(passage)


@app.command()
def compact(context: typer.Context, config: Annotated[str | None, CONFIG] = None) -> None:
    """Give empty pages of the file back to the disk: by the daemon, between its commits, or alone if none runs."""
    settings = _loaded(context, config).configuration.journal
    given_back_bytes, left_bytes, why = 0, 1, ""
    while left_bytes and not why:
        done: Any = asyncio.run(have_done(settings, COMPACT, Nothing()))
        given_back_bytes += done["given_back_bytes"]
        left_bytes, why = done["left_bytes"], done["why"]
        typer.echo(f"given back {megabytes(given_back_bytes)}, {megabytes(left_bytes)} left", err=True)
    typer.echo(f"the file is smaller by {megabytes(given_back_bytes)}")
    if why:
        typer.echo(f"{megabytes(left_bytes)} stay for now: {why}", err=True)
        raise typer.Exit(1)


def _loaded(context: typer.Context, config: str | None) -> Loaded:
    loaded = Loaded.of(chosen(context, config))
    logs.configure(loaded.configuration.log.model_copy(update={"level": "error"}))
    return loaded


@contextmanager
def _reading(context: typer.Context, config: str | None) -> Iterator[tuple[Loaded, JournalReader]]:
    loaded = _loaded(context, config)
    with closing(JournalReader.open(loaded.configuration.journal.path)) as reader:
        yield loaded, reader


@contextmanager
def _out() -> Iterator[Any]:
    """Give standard output for bytes. Who reads it may stop early, and Ctrl-C ends it."""
    try:
        yield sys.stdout.buffer
        sys.stdout.flush()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except KeyboardInterrupt:
        pass


def _show_progress(passage: Passage, steps: Iterator[None]) -> None:
    last_s = time.monotonic()
    for _ in steps:
        if time.monotonic() - last_s > _PROGRESS_S:
            last_s = time.monotonic()
            typer.echo(f"{passage.looked_at} of {passage.chunks} chunks, {passage.records} records", err=True)


def _say_damage(passage: Passage) -> None:
    for damaged in passage.damaged:
        events = f"events {damaged.first_seq} to {damaged.last_seq} of {damaged.lane}"
        typer.echo(f"{events} cannot be read and are left out: {damaged.reason}", err=True)
    if passage.damaged:
        raise typer.Exit(1)
