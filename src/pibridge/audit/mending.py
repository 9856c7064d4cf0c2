"""Brings all in line, by the normal road: what an audit found is read from PI again, told, or sent again."""

from collections.abc import Iterable

import structlog

from pibridge.audit.findings import Mend
from pibridge.context.choice import Choice
from pibridge.journal.backfill import WantedRepair
from pibridge.journal.journal import Journal
from pibridge.journal.replay import WantedReplay
from pibridge.model.event import Lane


def repair_of(found: Mend) -> WantedRepair | None:
    """Give what is to be asked of the journal; None: nothing."""
    if not found.spans and not found.deletions:
        return None
    return WantedRepair(spans=found.spans, deletions=tuple(found.deletions))


def replays_of(found: Mend) -> list[WantedReplay]:
    """Give what is to be sent again: exactly what sinks do not have."""
    return [
        WantedReplay(
            choice=Choice(start_ticks=min(times.values()), end_ticks=max(times.values()), places=_runs(times)),
            sinks=(name,),
        )
        for name, times in sorted(found.absent.items())
    ]


async def mend(journal: Journal, wanted: WantedRepair, now_ticks: int) -> str:
    """Write down what is to be done; give the id of what is read again, empty if nothing is. `now_ticks`: PI's time.

    Durable on return. Raises JournalError, JournalFullError.
    """
    if wanted.deletions:
        # Where PI has it after all, reading the place again tells it anew.
        await journal.commit(Lane.HISTORY, wanted.deletions, now_ticks)
    repair_id = await journal.backfills.repair(wanted.spans) if wanted.spans else ""
    structlog.get_logger().warning(
        "an audit found what the journal lacked, it is mended",
        repair=repair_id,
        tags=len(wanted.spans),
        deletions=len(wanted.deletions),
        hint="pibridge backfill list shows how it goes",
    )
    return repair_id


def _runs(seqs: Iterable[int]) -> tuple[tuple[int, int], ...]:
    """Give positions as runs, both ends included, in order."""
    runs: list[tuple[int, int]] = []
    for seq in sorted(seqs):
        if runs and seq <= runs[-1][1] + 1:
            runs[-1] = runs[-1][0], seq
        else:
            runs.append((seq, seq))
    return tuple(runs)
