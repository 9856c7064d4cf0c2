"""What the archive says against what the journal has: late values, edits and deletions. Pure."""

from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from typing import Any

import msgspec

from pibridge.model.event import BAD, DELETE, QUESTIONABLE, UPDATE, Event

Place = tuple[int, int]
"""A tag and a time."""


def differences(
    archive: Iterable[Event], journaled: Iterable[Event], archived_before: Collection[Place] = ()
) -> list[Event]:
    """Give the events that bring the journal in line with the archive, by tag and time.

    `archive`: all that PI has of some tags and a range of time. `journaled`: the journal's events of these, in the
    order of their positions. A value that the journal lacks is new; where PI has another value in place of the
    journal's, it is an update. What the journal has and PI has not may never have been archived (compression discards
    it), and counts as deleted only at a place of `archived_before`, where the archive had it.
    """
    had = as_it_stands(journaled)
    has: dict[Place, list[Event]] = {}
    found: list[Event] = []
    for event in archive:
        place = place_of(event)
        if place in had:
            has.setdefault(place, []).append(event)
        else:
            found.append(event)
    for place, events in has.items():
        before = had[place]
        lacking = lacking_of(events, before)
        if lacking and lacking_of(before, events):
            # An update stands for all that the tag had at this time: what stays is told again behind it.
            lacking = [lacking[0], *(event for event in events if event is not lacking[0])]
            lacking[0].status |= UPDATE
        found += lacking
    for place in archived_before:
        removed = had.get(place)
        if place not in has and removed:
            found.append(Event(*place, None, DELETE | removed[-1].status & (BAD | QUESTIONABLE)))
    found.sort(key=lambda event: (event.tag, event.ticks))
    return found


def place_of(event: Event) -> Place:
    """Give the tag and time of an event."""
    return event.tag, event.ticks


def content(event: Event) -> Any:
    """Give the event's value so that equal ones are equal and can be counted."""
    value = event.value
    return msgspec.json.encode(value, order="deterministic") if isinstance(value, (dict, list)) else value


def lacking_of(events: Sequence[Event], others: Sequence[Event]) -> list[Event]:
    """Give those of `events` that have no equal in `others`, counting: equal events can be genuine."""
    there = Counter(map(content, others))
    lacking = []
    for event in events:
        key = content(event)
        if there[key]:
            there[key] -= 1
        else:
            lacking.append(event)
    return lacking


def as_it_stands(journaled: Iterable[Event]) -> dict[Place, list[Event]]:
    """Give what counts at each place after all updates and deletions."""
    places: dict[Place, list[Event]] = {}
    for event in journaled:
        if event.status & DELETE:
            places.pop(place_of(event), None)
        elif event.status & UPDATE:
            places[place_of(event)] = [event]
        else:
            places.setdefault(place_of(event), []).append(event)
    return places
