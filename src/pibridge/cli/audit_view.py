"""What `pibridge audit` shows."""

from collections.abc import Iterator
from typing import Final

from pibridge.audit.findings import Count, Finding, What
from pibridge.audit.report import AuditReport
from pibridge.delivery.verdict import Verdict
from pibridge.model import ticks

_MOST_FINDINGS: Final = 20
_COLUMNS: Final = ("archived", "journaled", "only_here", "owed", "missing", "edited", "deleted", "changed")
_HEADS: Final = ("in PI", "here", "only here", "owed", "missing", "edited", "deleted", "changed")


def audit_text(report: AuditReport) -> str:
    """Give it for people."""
    count = report.count
    lines = [f"{count.tags} tags from {_minute(report.start_ticks)} to {_minute(report.end_ticks)}", ""]
    lines += [_row("hour", _HEADS)]
    lines += [_row(_minute(hour.start_ticks), _numbers(hour.count)) for hour in report.hours if _is_told(hour.count)]
    lines += [_row("all", _numbers(count)), "", *_sinks(count)]
    lines += [f"note: {note}" for note in report.notes]
    if count.not_compared:
        lines.append(f"note: of {count.not_compared} tags the journal no longer has all of that time: not compared")
    unread = f"; not compared: {count.unread} tags" if count.unread else ""
    lines += ["", *_findings(report.findings), f"unexplained: {count.unexplained}{unread}"]
    if report.repaired:
        lines.append(f"repaired: {report.repaired}")
    if report.is_ordered and count.unexplained and not report.repaired:
        lines.append("what can be mended is ordered; it is done once a daemon runs, then audit again")
    elif report.mend and not report.is_ordered:
        lines.append("add --repair to have it mended")
    return "\n".join(lines) + "\n"


def _is_told(count: Count) -> bool:
    return bool(count.archived or count.journaled)


def _numbers(count: Count) -> tuple[str, ...]:
    return tuple(f"{getattr(count, name):,}" for name in _COLUMNS)


def _row(head: str, cells: tuple[str, ...]) -> str:
    return f"{head:18}" + "".join(f"{cell:>11}" for cell in cells)


def _minute(moment: int) -> str:
    return f"{ticks.render(moment)[:16]}Z"


def _sinks(count: Count) -> Iterator[str]:
    for name, sink in sorted(count.sinks.items()):
        parts = [f"{sink.verdicts[verdict]:,} {verdict}" for verdict in Verdict if verdict in sink.verdicts]
        if sink.withheld:
            parts.append("(" + ", ".join(f"{key} {number:,}" for key, number in sorted(sink.withheld.items())) + ")")
        if sink.looked_at_rest:
            parts.append(f"{sink.absent:,} absent from its files" if sink.absent else "all of these in its files")
        yield f"sink {name}: {', '.join(parts) or 'nothing of that time'}"


def _findings(findings: list[Finding]) -> Iterator[str]:
    for each in findings[:_MOST_FINDINGS]:
        yield f"  {each.what:8} {each.tag} at {each.ts}{_said(each)}"
    if len(findings) > _MOST_FINDINGS:
        yield "  … and more: --json shows up to a thousand"


def _said(found: Finding) -> str:
    match found.what:
        case What.MISSING:
            return f": PI has {found.pi}"
        case What.EDITED:
            return f": PI has {found.pi}, the journal {found.journal}"
        case What.DELETED:
            return f": the journal has {found.journal}, PI has it no more"
        case What.ABSENT:
            return f": seq {found.seq} is in no file of {found.sink}"
        case What.CHANGED:
            return ": in that hour"
