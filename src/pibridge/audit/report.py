"""An audit of any stretch of time, hour by hour."""

from typing import Any

import msgspec
from msgspec import Struct

from pibridge.audit.audited import Audited
from pibridge.audit.findings import Count, Finding, Mend
from pibridge.model import ticks

_MOST_FINDINGS = 1000


class Hour(Struct, frozen=True):
    """An hour, or the part of it that was asked for."""

    start_ticks: int
    end_ticks: int
    count: Count


class AuditReport:
    """`count`: of all hours together. `repaired`: how many values were mended. `is_ordered`: mending was asked for."""

    def __init__(self, start_ticks: int, end_ticks: int) -> None:
        self.start_ticks = start_ticks
        self.end_ticks = end_ticks
        self.count = Count()
        self.hours: list[Hour] = []
        self.findings: list[Finding] = []
        self.notes: list[str] = []
        self.mend = Mend()
        self.repaired = 0
        self.is_ordered = False

    def add(self, found: Audited) -> None:
        """Take the next hour in."""
        self.hours.append(Hour(found.start_ticks, found.end_ticks, found.count))
        self.count.add(found.count)
        self.findings += found.findings[: _MOST_FINDINGS - len(self.findings)]
        self.notes += [note for note in found.notes if note not in self.notes]
        self.mend.add(found.mend)

    def told(self) -> dict[str, Any]:
        """Give it for programs."""
        return {
            "from": ticks.render(self.start_ticks),
            "to": ticks.render(self.end_ticks),
            "unexplained": self.count.unexplained,
            "repaired": self.repaired,
            "count": msgspec.to_builtins(self.count),
            "hours": [
                {"from": ticks.render(hour.start_ticks), "count": msgspec.to_builtins(hour.count)}
                for hour in self.hours
            ],
            "findings": msgspec.to_builtins(self.findings),
            "notes": self.notes,
        }
