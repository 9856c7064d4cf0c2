"""Whether a deadband kept back an event that is long past it: told by what it remembers, or by asking it again. Pure.

It remembers little. Where that does not tell, the events of the tag are gone through once more, as far as the journal
has them. What cannot be known for certain is not known.
"""

from collections.abc import Iterable

from pibridge.context.deadband import Deadband, Mark
from pibridge.context.record import Record
from pibridge.context.settings import FilterSettings
from pibridge.model.event import DELETE, UPDATE
from pibridge.model.ticks import FOREVER, from_seconds


def by_marks(record: Record, mark: Mark | None, *, is_alone: bool) -> bool | None:
    """Tell whether a record was kept back. None: it is not known.

    `mark`: what the lane, which has acknowledged it, delivered of the tag; None: nothing. `is_alone`: the lane has no
    other event of the tag at that time.
    """
    time = record.event.ticks
    if mark is None or time > mark.ticks or time < mark.first_ticks or mark.quiet_from < time < mark.quiet_to:
        return True
    if time in {mark.ticks, mark.first_ticks, mark.quiet_from, mark.quiet_to} and is_alone:
        return False
    return None


def always_passes(record: Record, settings: FilterSettings) -> bool:
    """Tell whether no deadband of this width keeps such a record back, whatever was delivered before."""
    event = record.event
    is_number = type(event.value) is float or type(event.value) is int
    is_changed = bool(event.status & (UPDATE | DELETE))
    return is_changed or not is_number or settings.deadband.of(record.context.tag.span) <= 0


def asked_again(
    records: Iterable[Record], seq: int, settings: FilterSettings, *, latest_ticks: int | None
) -> bool | None:
    """Tell whether the record with this position was kept back. None: it is not known.

    `records`: those of its tag in its lane that pass the other filters, by position; the other lane delivered none, and
    none was refused: what comes behind such a one depends on where its batch ended. `latest_ticks`: no event before the
    first of these is of a later time; None: there is none before it that the deadband was asked about.
    """
    is_new = latest_ticks is None
    deadband = Deadband(settings.deadband, settings.heartbeat) if is_new else None
    latest = -FOREVER if latest_ticks is None else latest_ticks
    before: Record | None = None  # the latest by time so far; what is late changes nothing of what counts as last
    for record in records:
        is_latest = record.event.ticks >= latest
        if deadband is None and before is not None and is_latest and _surely_passes(record, before, settings):
            deadband = Deadband(settings.deadband, settings.heartbeat)
        is_kept_back = None if deadband is None else deadband.keeps_back(record)
        if record.seq == seq:
            return is_kept_back
        if is_latest:
            before, latest = record, record.event.ticks
    return None


def _surely_passes(record: Record, before: Record, settings: FilterSettings) -> bool:
    """Tell whether it passes whatever was delivered earlier. `before`: of all earlier ones the latest by time."""
    if always_passes(record, settings):
        return True
    if always_passes(before, settings):
        return False
    heartbeat = settings.heartbeat
    if heartbeat is not None and record.event.ticks - before.event.ticks >= from_seconds(heartbeat):
        return True
    # The last that was delivered is the one before, or less than a width away from it.
    difference = abs(record.event.value - before.event.value)
    return bool(difference >= 2 * settings.deadband.of(record.context.tag.span))
