"""`pibridge audit`: PI's archive, the journal and the sinks compared; what differs mended on request."""

import asyncio
import sys
from collections.abc import Iterator
from contextlib import closing
from typing import Annotated, Final

import msgspec
import typer

from pibridge.audit.auditor import Auditor
from pibridge.audit.findings import Mend
from pibridge.audit.ledger import HOUR_TICKS
from pibridge.audit.mending import repair_of, replays_of
from pibridge.audit.report import AuditReport
from pibridge.cli.audit_view import audit_text
from pibridge.cli.options import ASSET, CONFIG, FROM, JSON, STREAM, TAG, TO
from pibridge.cli.past import Past, choice_of, looking_back
from pibridge.config.loaded import Loaded
from pibridge.context.choice import BEGINNING, Choice
from pibridge.daemon.orders import REPAIR, REPLAY, have_done
from pibridge.errors import ConfigurationError
from pibridge.journal.opening import is_locked
from pibridge.journal.reader import JournalReader
from pibridge.model import ticks
from pibridge.pi.client import PiClient

_SETTLED_TICKS: Final = 120 * ticks.PER_SECOND
_ARRIVED_TICKS: Final = 10 * ticks.PER_SECOND
_DAY_TICKS: Final = 86_400 * ticks.PER_SECOND
_MENDED_S: Final = 600.0
_LOOK_S: Final = 0.5


def audit(  # noqa: PLR0913, PLR0917 - one parameter for each thing that can be chosen
    context: typer.Context,
    config: Annotated[str | None, CONFIG] = None,
    from_: Annotated[str | None, FROM] = None,
    to: Annotated[str | None, TO] = None,
    tag: Annotated[list[str] | None, TAG] = None,
    asset: Annotated[list[str] | None, ASSET] = None,
    stream: Annotated[list[str] | None, STREAM] = None,
    repair: Annotated[
        bool, typer.Option("--repair", help="Have what differs read from PI again, told, or sent again.")
    ] = False,
    as_json: Annotated[bool, JSON] = False,
) -> None:
    """Compare PI's archive, the journal and each sink: prove that nothing is lost, or name what is.

    Without --from the last day, without --to up to two minutes ago. Exit code 1: something has no explanation, or
    could not be compared.
    """
    with looking_back(context, config) as past:
        choice = _choice(past, choice_of(past.now_ticks, from_, to, tag, asset, stream))
        loaded = Loaded.of(past.configuration)
        report = asyncio.run(_audit(loaded, choice))
        if repair and report.mend:
            before = report
            is_mended = asyncio.run(_mend(past, report.mend))
            if is_mended:
                report = asyncio.run(_audit(loaded, choice))
                report.repaired = max(0, before.count.unexplained - report.count.unexplained)
            report.is_ordered = True
    typer.echo(msgspec.json.encode(report.told()) if as_json else audit_text(report), nl=as_json)
    if report.count.unexplained or report.count.unread:
        raise typer.Exit(1)


def _choice(past: Past, choice: Choice) -> Choice:
    past.require_streams(choice.streams)
    settled = past.now_ticks - (_SETTLED_TICKS if choice.end_ticks == ticks.FOREVER else _ARRIVED_TICKS)
    end = min(choice.end_ticks, settled)
    start = end - _DAY_TICKS if choice.start_ticks == BEGINNING else choice.start_ticks
    if start > end:
        raise ConfigurationError([f"--from: that time has not settled yet; it has up to {ticks.render(end)}"])
    return msgspec.structs.replace(choice, start_ticks=start, end_ticks=end)


async def _audit(loaded: Loaded, choice: Choice) -> AuditReport:
    is_read = is_locked(loaded.configuration.journal.path)
    report = AuditReport(choice.start_ticks, choice.end_ticks)
    async with PiClient(loaded.configuration.pi) as client, Auditor.open(loaded, client, is_read=is_read) as auditor:
        numbers = auditor.tags(choice)
        for start, end in _hours(choice.start_ticks, choice.end_ticks):
            _show(start, choice)
            report.add(await auditor.audit(numbers, start, end, await auditor.earlier(start, end), at_rest=True))
        _show(None, choice)
    return report


def _hours(start: int, end: int) -> Iterator[tuple[int, int]]:
    """Give the time in pieces that end with the hours."""
    while start <= end:
        until = min(end, start // HOUR_TICKS * HOUR_TICKS + HOUR_TICKS - 1)
        yield start, until
        start = until + 1


async def _mend(past: Past, found: Mend) -> bool:
    """Have it mended, and wait until it is. False: it is not yet."""
    settings = past.configuration.journal
    repair, ids = repair_of(found), set()
    if repair is not None:
        ids.add(await have_done(settings, REPAIR, repair))
    for replay in replays_of(found):
        ids.add(await have_done(settings, REPLAY, replay))
    if not is_locked(settings.path):
        return False
    try:
        async with asyncio.timeout(_MENDED_S):
            while _is_under_way(past, ids):  # noqa: ASYNC110 - another process does it
                await asyncio.sleep(_LOOK_S)
    except TimeoutError:
        return False  # it goes on
    return True


def _is_under_way(past: Past, ids: set[str]) -> bool:
    with closing(JournalReader.open(past.configuration.journal.path)) as reader:
        states = {each.id: each.state for each in reader.backfills()}
        states |= {each.id: each.state for each in reader.replays()}
    return any(states.get(each) == "running" for each in ids)


def _show(start: int | None, choice: Choice) -> None:
    """Show how far it has got, where somebody looks."""
    if not sys.stderr.isatty():
        return
    if start is None:
        sys.stderr.write("\r\033[K")
    else:
        share = (start - choice.start_ticks) / max(1, choice.end_ticks - choice.start_ticks)
        sys.stderr.write(f"\r\033[K{ticks.render(start)[:16]}Z {share:.0%}")
    sys.stderr.flush()
