"""Why the journal has no event of a tag at a time: exactly one reason, the first that explains it. Pure."""

from collections.abc import Iterator, Sequence
from enum import StrEnum

from msgspec import Struct

from pibridge.journal.chunks import Damaged, Dropped
from pibridge.journal.gaps import Gap
from pibridge.model import ticks


class Absence(StrEnum):
    """All reasons there are."""

    NO_SUCH_TAG = "no such tag"
    OWED = "owed"
    """A gap covers that time: it is still to be read."""
    DAMAGED = "damaged"
    DROPPED = "dropped"
    NOT_BEGUN = "not begun"
    """The tag is owed from a later time on, and no backfill has read that time."""
    AHEAD = "ahead"
    """Nothing that arrived is as new as that."""
    NOT_SELECTED = "not selected"
    """No stream reads the tag any more."""
    REMOVED = "removed"
    """What was acknowledged up to a later time is gone."""
    NOT_THERE = "not there"
    """That time was read, and PI had no event of it."""


class Silence(Struct, frozen=True, kw_only=True):
    """What is known of a tag around a time at which the journal has no event of it.

    `joined_ticks`: since when the tag is owed; `was_read`: by a backfill, too. `gaps`: those of the tag. `damaged`,
    `dropped`: of all tags.
    `trimmed_ticks`: up to this time of events some that were acknowledged are gone. `arrived_ticks`: PI's time when the
    newest event of any tag was read. `refused`: why PI refuses to read the tag now.
    """

    ticks: int
    joined_ticks: int | None
    was_read: bool = False
    gaps: Sequence[Gap]
    damaged: Sequence[Damaged]
    dropped: Sequence[Dropped]
    trimmed_ticks: int
    arrived_ticks: int
    is_selected: bool
    refused: str = ""


class Reason(Struct, frozen=True):
    """Why, and in words."""

    absence: Absence
    text: str


def reason(known: Silence) -> Reason:
    """Give why there is no event: the first of these that holds."""
    return next(Reason(absence, text) for absence, text in _reasons(known))


def _reasons(known: Silence) -> Iterator[tuple[Absence, str]]:
    at, joined = known.ticks, known.joined_ticks
    yield from _lost(known)
    if joined is None:
        yield Absence.NOT_BEGUN, "no stream has begun with the tag"
    elif at < joined and not known.was_read:
        yield Absence.NOT_BEGUN, f"the tag is read from {ticks.render(joined)} on; a backfill reaches further"
    if not known.is_selected:
        yield Absence.NOT_SELECTED, "no stream selects the tag any more"
    if known.refused:
        yield Absence.OWED, f"PI refuses to read the tag, which is tried again: {known.refused}"
    if at > known.arrived_ticks:
        yield Absence.AHEAD, f"the newest event of all was read at {ticks.render(known.arrived_ticks)}"
    if at <= known.trimmed_ticks:
        upto = ticks.render(known.trimmed_ticks)
        yield Absence.REMOVED, f"of what all sinks have acknowledged, some up to {upto} is gone (journal.retain)"
    yield Absence.NOT_THERE, "that time was read, and PI had no event of it"


def _lost(known: Silence) -> Iterator[tuple[Absence, str]]:
    at = known.ticks
    for gap in known.gaps:
        # Up to its overlap it was read, and is read again to be sure.
        if max(gap.start_ticks, gap.overlap_ticks) <= at and (gap.end_ticks is None or at <= gap.end_ticks):
            end = "now" if gap.end_ticks is None else ticks.render(gap.end_ticks)
            span = f"a gap from {ticks.render(gap.start_ticks)} to {end}"
            yield Absence.OWED, f"{span} ({gap.reason}) is still to be read from PI's archive"
    if any((each.first_ticks or at) <= at <= (each.last_ticks or at) for each in known.damaged):
        yield Absence.DAMAGED, "a damaged chunk may have held it; that time is about to be read from PI again"
    if any(each.first_ticks <= at <= each.last_ticks for each in known.dropped):
        yield Absence.DROPPED, "the journal was full, and events of that time had to go (journal.when_full)"
