"""What `pibridge status` shows."""

from typing import Final

from rich.console import Group, RenderableType
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from pibridge.status.outlook import Outlook
from pibridge.status.snapshot import AuditStatus, HistoryStatus, JournalStatus, SinkStatus, Snapshot, StreamStatus

_COLOURS: Final = {"connected": "green", "delivering": "green", "unavailable": "red", "refused": "red"}
_SIZES: Final = ("B", "KiB", "MiB", "GiB", "TiB")
_STEP: Final = 1024


def frame(snapshot: Snapshot) -> RenderableType:
    """Draw one snapshot."""
    is_well = not snapshot.reasons
    state = Text.assemble(
        (snapshot.site, "bold"),
        "  ",
        ("ready", "green") if is_well else ("not ready", "bold red"),
        f"  PI Bridge {snapshot.version}" + (f", since {_time(snapshot.started)}" if snapshot.started else ""),
    )
    lines = [Text.assemble("  ", (reason, "red")) for reason in snapshot.reasons]
    lines += [Text.assemble("  new configuration refused: ", (each, "red")) for each in snapshot.configuration.refused]
    pi = Text.assemble("PI       ", (snapshot.pi.state, _COLOURS.get(snapshot.pi.state, "")), f"  {snapshot.pi.url}")
    tables = [table for table in (_streams(snapshot.streams), _sinks(snapshot)) if table.row_count]
    return Group(
        state,
        *lines,
        pi,
        Text(f"journal  {_journal(snapshot.journal, snapshot.outlook)}"),
        Text(f"gaps     {_gaps(snapshot.history, snapshot.outlook, snapshot.journal.gaps)}"),
        Text(f"audit    {_audit(snapshot.audit)}"),
        *tables,
    )


def _streams(streams: dict[str, StreamStatus]) -> Table:
    table = _table("stream", "tags", "channels", "refused", "events", "archive", "newest")
    for name, stream in streams.items():
        is_open = stream.channels and stream.channels_open == stream.channels
        table.add_row(
            escape(name),
            f"{stream.tags:,}",
            f"[{'green' if is_open else 'red'}]{stream.channels_open} of {stream.channels}[/]",
            f"{stream.quarantined:,}",
            f"{stream.read:,}",
            f"{stream.recovered:,}",
            _time(stream.last_ts),
        )
    return table


def _sinks(snapshot: Snapshot) -> Table:
    table = _table("sink", "state", "delivered", "behind", "by", "dead letters", "caught up")
    for name, sink in snapshot.sinks.items():
        colour = _COLOURS.get(sink.state, "yellow")
        table.add_row(
            escape(name),
            f"[{colour}]{sink.state}[/]",
            f"{sink.delivered:,}",
            f"{sink.lag_events:,}",
            duration(sink.lag_s) if sink.lag_s else "",
            f"{sink.dead_letters:,}",
            _caught_up(sink, snapshot.outlook.catch_up_s.get(name)),
        )
    return table


def _caught_up(sink: SinkStatus, in_s: float | None) -> str:
    if in_s is not None:
        return f"in {duration(in_s)}"
    return "" if sink.lag_events else "yes"


def _journal(journal: JournalStatus, outlook: Outlook) -> str:
    text = f"{journal.events:,} events, {size(journal.bytes)} of {size(journal.max_bytes)}"
    if outlook.full_in_s is not None:
        text += f", full in {duration(outlook.full_in_s)} at this rate"
    elif outlook.outage_s is not None:
        text += f", lasts {duration(outlook.outage_s)} without delivery"
    if outlook.read_per_s is not None:
        text += f"; {outlook.read_per_s:,.0f} events a second"
    return text + (f"; {journal.dropped:,} dropped" if journal.dropped else "")


def _audit(audit: AuditStatus) -> str:
    if not audit.until:
        return "no hour yet"
    return f"up to {_time(audit.until)}, {audit.unexplained:,} unexplained, {audit.repaired:,} repaired"


def _gaps(history: HistoryStatus, outlook: Outlook, on_disk: int) -> str:
    text = f"{history.gaps_open:,} open, {history.gaps_paid:,} paid, {history.events_recovered:,} events recovered"
    if on_disk > history.gaps_open:
        text += f"; {on_disk:,} on disk, with those of tags that are not heard"
    if outlook.gaps_paid_share is not None:
        text += f"; {outlook.gaps_paid_share:.0%} paid"
    if outlook.gaps_paid_in_s is not None:
        text += f", done in {duration(outlook.gaps_paid_in_s)}"
    return text


def _table(*columns: str) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim")
    for column in columns:
        table.add_column(
            column, no_wrap=True, justify="left" if column in {"stream", "sink", "state", "newest"} else "right"
        )
    return table


def _time(text: str) -> str:
    return f"{text[5:10]} {text[11:19]}Z" if text else "-"


def size(number: float) -> str:
    """Give bytes in the largest unit that fits."""
    unit = 0
    while number >= _STEP and unit < len(_SIZES) - 1:
        number /= _STEP
        unit += 1
    return f"{number:.1f} {_SIZES[unit]}" if unit else f"{number:.0f} B"


def duration(seconds: float) -> str:
    """Give a duration in the unit that fits."""
    for unit, unit_s in (("d", 86400.0), ("h", 3600.0), ("min", 60.0)):
        if seconds >= unit_s:
            return f"{seconds / unit_s:.1f} {unit}"
    return f"{seconds:.1f} s"
