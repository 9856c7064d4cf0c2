"""A day in one record: what was audited, and that nothing is missing. Pure."""

from collections.abc import Mapping
from typing import Any

import msgspec

from pibridge.audit.findings import Count
from pibridge.audit.ledger import Page


def summary_of(site: str, day: str, pages: Mapping[str, Page]) -> dict[str, Any]:
    """Give the record of a day. `pages`: its hours, as far as they were audited."""
    count = Count()
    for page in pages.values():
        count.add(page.count)
    return {
        "v": 1,
        "kind": "audit",
        "site": site,
        "day": day,
        "hours": len(pages),
        "looks": min((page.looks for page in pages.values()), default=0),
        "tags": count.tags,
        "events": count.journaled,
        "unexplained": count.unexplained,
        "repaired": sum(page.repaired for page in pages.values()),
        "count": msgspec.to_builtins(count),
    }
