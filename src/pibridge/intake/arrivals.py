"""What arrives on a channel becomes events: of known tags, each one once. Pure."""

from collections.abc import Iterable, Mapping

from msgspec import Struct

from pibridge.model import ticks
from pibridge.model.event import ANNOTATED, BAD, ERROR, QUESTIONABLE, SUBSTITUTED, UPDATE, Event
from pibridge.pi.webid import identity
from pibridge.pi.wire import StreamItem, TimedValue

EXPECTED_LATE_TICKS = 600 * ticks.PER_SECOND
"""How much later than others PI may still send an event over a channel."""

Latest = tuple[Event, Event | None, Event | None]


class Arrived(Struct):
    """What one message brought. `events` are new. `edited` are new too, but replace something older than we remember."""

    events: list[Event]
    edited: list[Event]
    duplicates: int = 0
    unknown: int = 0


class Arrivals:
    """Remembers the last three events of each tag: PI repeats current values and swaps neighbours, not more.

    `numbers`: the journal's number of each WebID that is read (identity form). `latest`: newest journaled event of a tag.
    """

    def __init__(self, numbers: Mapping[str, int], latest: Iterable[Event]) -> None:
        self._numbers = dict(numbers)
        self._latest: dict[int, Latest] = {}
        self._recovered: dict[tuple[int, int], list[Event]] = {}
        self._recovered_until_ticks = 0
        self.rewind(latest)

    def rewind(self, latest: Iterable[Event]) -> None:
        """Go back to what the journal has, forgetting what was taken but not written down."""
        self._latest = {event.tag: (event, None, None) for event in latest}

    def take(self, items: Iterable[StreamItem]) -> Arrived:
        """Give what is new in a message. ValueError: a time that is none."""
        arrived = Arrived([], [])
        for item in items:
            number = self._numbers.get(item.web_id)
            if number is None:
                number = self._numbers.get(identity(item.web_id))
                if number is None:
                    arrived.unknown += len(item.items)
                    continue
                self._numbers[item.web_id] = number
            for value in item.items:
                self._take(event_of(number, value, ticks.parse(value.timestamp)), arrived)
        return arrived

    def claim(self, events: Iterable[Event], expect_from_ticks: int) -> list[Event]:
        """Of events that history read, give those that have not arrived live meanwhile.

        They may still arrive live if they are of `expect_from_ticks` or later, and are not taken then.
        """
        fresh = []
        for event in events:
            if any(known is not None and same(event, known) for known in self._latest.get(event.tag, ())):
                continue
            fresh.append(event)
            if event.ticks >= expect_from_ticks:
                self._recovered.setdefault((event.tag, event.ticks), []).append(event)
                self._recovered_until_ticks = max(self._recovered_until_ticks, event.ticks)
        return fresh

    def _take(self, event: Event, arrived: Arrived) -> None:
        if self._recovered and self._is_recovered(event):
            arrived.duplicates += 1
            return
        latest = self._latest.get(event.tag)
        if latest is None:
            self._latest[event.tag] = (event, None, None)
            arrived.events.append(event)
            return
        for known in latest:
            if known is not None and known.ticks == event.ticks:
                if known.value == event.value:
                    arrived.duplicates += 1
                    return
                if event.status & SUBSTITUTED:
                    event.status |= UPDATE
        self._latest[event.tag] = (event, latest[0], latest[1])
        if event.status & SUBSTITUTED and not event.status & UPDATE:
            arrived.edited.append(event)
        arrived.events.append(event)

    def _is_recovered(self, event: Event) -> bool:
        if event.ticks > self._recovered_until_ticks + EXPECTED_LATE_TICKS:
            self._recovered.clear()
            return False
        return any(same(event, known) for known in self._recovered.get((event.tag, event.ticks), ()))


def event_of(number: int, value: TimedValue, moment_ticks: int) -> Event:
    """Give PI's value as an event of the tag."""
    status = 0
    if not value.good:
        status = BAD
    if value.questionable:
        status |= QUESTIONABLE
    if value.substituted:
        status |= SUBSTITUTED
    if value.annotated:
        status |= ANNOTATED
    if value.errors or value.web_exception is not None:
        return Event(number, moment_ticks, value.error(), status | ERROR | BAD)
    return Event(number, moment_ticks, value.value, status)


def same(one: Event, other: Event) -> bool:
    """Tell whether two events of a tag are the same to PI: time and value."""
    return one.ticks == other.ticks and one.value == other.value
