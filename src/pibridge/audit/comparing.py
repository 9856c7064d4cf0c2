"""One tag, one stretch of time: what PI's archive has against what the journal has. Pure."""

from collections.abc import Container, Iterable, Sequence

from msgspec import Struct

from pibridge.audit import fingerprints
from pibridge.audit.fingerprints import NONE, Fingerprint
from pibridge.inspection.sightings import Sighting
from pibridge.intake.compare import Place, as_it_stands, differences, lacking_of, place_of
from pibridge.model.event import BAD, DELETE, QUESTIONABLE, UPDATE, Event, Lane
from pibridge.model.tag import Mode
from pibridge.model.ticks import FOREVER


class Archived(Struct, frozen=True):
    """What PI's archive has from `since_ticks` on, in the order of time.

    From `provisional_ticks` on PI may still discard it.
    """

    events: list[Event]
    since_ticks: int
    provisional_ticks: int


class Earlier(Struct, frozen=True, array_like=True):
    """What an earlier look, at PI's time `looked_ticks`, found in archive and journal alike.

    From `since_ticks` to before `until_ticks`: that was final.
    """

    both: Fingerprint
    since_ticks: int
    until_ticks: int
    looked_ticks: int

    def spans(self, event: Event) -> bool:
        """Tell whether the look was at a value of this time."""
        return self.since_ticks <= event.ticks < self.until_ticks


class Known(Struct, frozen=True, kw_only=True):
    """What else is known of a tag. `provisional_ticks`: from then on PI may still discard what it has.

    `is_compressed`: whether PI discards values before it archives them, or may. `looked_ticks`: PI's time of an earlier
    look, if there was one.
    """

    mode: Mode
    provisional_ticks: int
    is_compressed: bool = True
    looked_ticks: int = FOREVER


class Compared(Struct, frozen=True, kw_only=True):
    """`missing`, `edited`: PI's values that the journal lacks, in a new place or in place of another one, `was`.

    `gone`: the journal's that the archive has not: PI's compression discards values. `deleted`: those of them that it
    must have had. `stays`: what the archive has at times at which some of several are gone. `both`: what archive and
    journal have alike. Of that, what the journal had at the earlier look is `kept`; `replaced`: what it had then in
    places of which something else was told since.
    """

    archived: int
    journaled: int
    missing: list[Event]
    edited: list[Event]
    was: list[Event]
    gone: list[Event]
    deleted: list[Event]
    stays: dict[Place, list[Event]]
    both: list[Event]
    kept: list[Event]
    replaced: list[Event]


def compare(archive: Sequence[Event], journaled: Sequence[Sighting], known: Known) -> Compared:
    """Compare all that both have of a tag in a stretch of time. `journaled`: by position, held ones last."""
    had = as_it_stands(each.event for each in journaled)
    told = differences(archive, (each.event for each in journaled))
    edits = {place_of(event) for event in told if event.status & UPDATE}
    has: dict[Place, list[Event]] = {}
    for event in archive:
        has.setdefault(place_of(event), []).append(event)
    lost = {
        place: lacking_of(had[place], events)
        for place, events in has.items()
        if place in edits or len(had.get(place, ())) > len(events)
    }
    # What stands in for what; where there are more of one side, these are missing or gone.
    came = {place: lacking_of(has[place], had[place]) for place in edits}
    missing = [event for event in told if place_of(event) not in edits]
    missing += [event for place in edits for event in came[place][len(lost[place]) :]]
    surplus = {place: events[len(came.get(place, ())) :] for place, events in lost.items()}
    edited = [event for event in told if event.status & UPDATE]
    if known.mode is Mode.RECORDED:
        missing = [event for event in missing if event.ticks < known.provisional_ticks]
    gone = [event for place, events in had.items() for event in (surplus.get(place, ()) if place in has else events)]
    new = {place_of(event) for event in told}
    # Beside a value that is missing there may be others of its time.
    beside = [event for place in sorted(new - edits) for event in had.get(place, ())]
    both = [event for event in archive if place_of(event) not in new] + beside
    then = as_it_stands(each.event for each in journaled if each.arrived_ticks <= known.looked_ticks)
    later = {place_of(each.event) for each in journaled if each.arrived_ticks > known.looked_ticks}
    return Compared(
        archived=len(archive),
        journaled=sum(map(len, had.values())),
        missing=missing,
        edited=edited,
        was=[lost[place_of(event)][0] for event in edited],
        gone=gone,
        deleted=_deleted(gone, has, journaled, known),
        stays={place: has[place] for place, events in surplus.items() if events},
        both=both,
        kept=[event for event in both if place_of(event) not in later],
        replaced=[event for place in sorted(later | edits) for event in then.get(place, ())],
    )


def since_earlier(
    earlier: Fingerprint, kept: Fingerprint, replaced: Fingerprint, missing: Fingerprint, gone: Sequence[Event]
) -> list[Event] | None:
    """Give which of the `gone` values the archive had at an earlier look. None: it cannot be told.

    What was `replaced` may have been discarded by PI, and so not have been there; what is `missing` may have been there
    or have come since.
    """
    for there in (kept + replaced, kept, kept + replaced + missing, kept + missing):
        removed = earlier - there
        if removed == NONE:
            return []
        if removed == fingerprints.of(gone):
            return list(gone)
        named = _one_or_two(removed, gone)
        if named:
            return named
    return None


def _one_or_two(removed: Fingerprint, gone: Iterable[Event]) -> list[Event]:
    """Give one or two values that have this fingerprint; none: there are no such."""
    seen: dict[Fingerprint, Event] = {}
    for event in gone:
        its = fingerprints.of([event])
        if its == removed:
            return [event]
        other = seen.get(removed - its)
        if other is not None:
            return [other, event]
        seen[its] = event
    return []


def deletion(event: Event) -> Event:
    """Give the event that says that this one is gone."""
    return Event(event.tag, event.ticks, None, DELETE | event.status & (BAD | QUESTIONABLE))


def _deleted(
    gone: Iterable[Event], stays: Container[Place], journaled: Sequence[Sighting], known: Known
) -> list[Event]:
    final = [event for event in gone if event.ticks < known.provisional_ticks]
    if known.mode is Mode.RECORDED or not known.is_compressed:
        return final
    # What one answer of the archive brought was written down at once; but for its last one all of it was final.
    read = {place_of(each.event): each.arrived_ticks for each in journaled if each.lane is Lane.HISTORY}
    last: dict[int, int] = {}
    for (_, moment), arrived in read.items():
        last[arrived] = max(moment, last.get(arrived, moment))
    # Beside what it has still it must have had only what was read from there, and not what was told live.
    read_itself = {id(each.event) for each in journaled if each.lane is Lane.HISTORY}
    return [
        event
        for event in final
        if event.ticks < last.get(read.get(place_of(event), -1), event.ticks)
        and (place_of(event) not in stays or id(event) in read_itself)
    ]
