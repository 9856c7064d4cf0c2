"""What `pibridge journal` shows."""

from typing import Any, Final

import msgspec
from rich.console import Group
from rich.markup import escape
from rich.table import Table

from pibridge.journal.letters import Count
from pibridge.journal.overview import Overview
from pibridge.journal.verify import Area
from pibridge.model import ticks

_MIB: Final = 1 << 20
_UNITS: Final = ((86400.0, "d"), (3600.0, "h"), (60.0, "min"))


def told(overview: Overview, now_s: float) -> dict[str, Any]:
    """Give it for programs: times as text."""
    said: dict[str, Any] = msgspec.to_builtins(overview)
    for key in ("first_stored", "last_stored"):
        moment_s = said.pop(f"{key}_s")
        said[key] = None if moment_s is None else ticks.render(ticks.from_seconds(moment_s))
    first_ticks = said["gaps"].pop("first_ticks")
    said["gaps"]["first"] = None if first_ticks is None else ticks.render(first_ticks)
    for lanes in said["sinks"].values():
        for lane in lanes.values():
            since_s = lane.pop("waiting_since_s")
            lane["waiting_s"] = 0 if since_s is None else max(0, round(now_s - since_s))
    return said


def overview_table(overview: Overview, now_s: float) -> Group:
    """Give tables for people."""
    facts = _table("journal", "", "")
    size = f"{megabytes(overview.folder_bytes)} of {megabytes(overview.max_bytes)}"
    facts.add_row("size", f"{size}; {megabytes(overview.used_bytes)} in use, {megabytes(overview.free_bytes)} empty")
    place = f"seq {overview.oldest_seq} to {overview.newest_seq}, " if overview.events else ""
    facts.add_row("events", f"{overview.events} in {overview.chunks} chunks, {place}of {overview.tags} tags")
    if overview.first_stored_s is not None and overview.last_stored_s is not None:
        oldest, newest = _ago(overview.first_stored_s, now_s), _ago(overview.last_stored_s, now_s)
        facts.add_row("stored", f"the oldest {oldest}, the newest {newest}")
    facts.add_row("inflow", f"{overview.events_per_s:.1f} events/s during the last hour")
    runway = "not known" if overview.runway_s is None else f"{_duration(overview.runway_s)} if no sink took anything"
    facts.add_row("runway", runway)
    facts.add_row("held", f"{overview.held} events wait for their context")
    gaps = overview.gaps
    since = "" if gaps.first_ticks is None else f" since {ticks.render(gaps.first_ticks)}; {gaps.open} without an end"
    facts.add_row("gaps", f"{gaps.gaps} of {gaps.tags} tags{since}")
    for reason, count in gaps.reasons.items():
        facts.add_row("", f"{count}: {escape(reason)}")
    facts.add_row("damaged", f"{overview.damaged_chunks} chunks ever")
    facts.add_row("dropped", f"{overview.dropped_events} events ever")
    sinks = _table("sinks", "sink", "lane", "acknowledged to", "behind", "waiting since", "dead letters")
    for name, lanes in overview.sinks.items():
        letters = str(overview.dead_letters.get(name, Count()).kept)
        for lane, state in lanes.items():
            waiting = "" if state.waiting_since_s is None else _ago(state.waiting_since_s, now_s)
            sinks.add_row(escape(name), lane, str(state.seq), f"{state.lag_events} events", waiting, letters)
    return Group(facts, sinks)


def area_line(area: Area) -> str:
    """Give what was found of a part of the journal."""
    mark = "WRONG" if area.faults else "look " if area.left else "ok   "
    left = f"not looked at as a whole: {area.left}" if area.left else f"{area.looked_at}"
    return "\n".join([f"{mark} {area.name}: {left}", *(f"      {fault}" for fault in area.faults)])


def megabytes(size_bytes: int) -> str:
    """Give a size for people."""
    return f"{size_bytes / _MIB:.1f} MiB"


def _table(title: str, *columns: str) -> Table:
    table = Table(title=title, title_justify="left", box=None, show_header=any(columns))
    for column in columns:
        table.add_column(column, overflow="fold")
    return table


def _ago(moment_s: float, now_s: float) -> str:
    return f"{_duration(max(0.0, now_s - moment_s))} ago"


def _duration(seconds: float) -> str:
    unit_s, unit = next((each for each in _UNITS if seconds >= 2 * each[0]), (1.0, "s"))
    return f"{seconds / unit_s:.0f} {unit}"
