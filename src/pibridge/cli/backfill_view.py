"""What `pibridge backfill` shows."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from rich.markup import escape
from rich.table import Table

from pibridge.intake.coverage import Coverage
from pibridge.journal.backfill import Backfill, WantedHistory
from pibridge.model import ticks

_DAY_TICKS: Final = 86_400 * ticks.PER_SECOND
_HOUR_TICKS: Final = 3600 * ticks.PER_SECOND


@dataclass(frozen=True)
class Reading:
    """What a backfill would read. `tags`: that are meant; `lacking`: of which something is to be read."""

    tags: int
    lacking: int
    span: tuple[int, int] | None
    owed_ticks: int
    asked_ticks: int

    def text(self) -> str:
        """Give it for people."""
        if not self.tags:
            return "no known tag is meant; pibridge tags shows those that are read"
        if self.span is None:
            return f"{self.tags} tags, and all of that time was read, or is about to be"
        first, last = map(ticks.render, self.span)
        share = f"{self.owed_ticks / self.asked_ticks:.0%} of the time asked for"
        return f"{self.lacking} of {self.tags} tags to be read, from {first} to {last}: {share}"


def preview_of(coverage: Coverage, wanted: WantedHistory, numbers: Sequence[int], now_ticks: int) -> Reading:
    """Find out what is to be read of these tags."""
    start, end = wanted.choice.start_ticks, min(wanted.choice.end_ticks, now_ticks)
    found = Backfill(id="", kind="backfill", choice=wanted.choice, made_s=0, again=wanted.again)
    gaps = coverage.gaps(found, numbers, end)
    ends = [gap.end_ticks or 0 for gap in gaps]
    return Reading(
        tags=len(numbers),
        lacking=len({gap.tag for gap in gaps}),
        span=(min(gap.start_ticks for gap in gaps), max(ends)) if gaps else None,
        owed_ticks=sum(until - gap.start_ticks + 1 for gap, until in zip(gaps, ends, strict=True)),
        asked_ticks=max(1, len(numbers) * (end - start + 1)),
    )


def backfills_table(found: Sequence[Mapping[str, Any]]) -> Table:
    """Give a row for each, as `told` gives them."""
    table = Table(title="backfills", title_justify="left", box=None)
    for column in ("id", "kind", "state", "done", "tags", "from", "to"):
        table.add_column(column, overflow="fold")
    for each in found:
        tags = "not known yet" if each["tags"] is None else each["tags"]
        cells = (each["id"], each["kind"], each["state"], f"{each['progress']:.0%}", tags, each["from"], each["to"])
        table.add_row(*(escape(str(cell)) for cell in cells))
    if not found:
        table.add_row("none")
    return table


def days(start_ticks: int, end_ticks: int) -> str:
    """Give how long it is from one time to another."""
    length = max(0, end_ticks - start_ticks)
    return f"{length / _DAY_TICKS:.1f} days" if length >= _DAY_TICKS else f"{length / _HOUR_TICKS:.1f} hours"
