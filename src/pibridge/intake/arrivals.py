"""What arrives on a channel becomes events: of known tags, each one once. Pure."""

from bisect import insort
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final

from msgspec import Struct, field

from pibridge.errors import UnavailableError
from pibridge.model import ticks
from pibridge.model.event import ANNOTATED, BAD, DELETE, ERROR, QUESTIONABLE, SUBSTITUTED, UPDATE, Event
from pibridge.pi.webid import identity
from pibridge.pi.wire import StreamItem, TimedValue

_REMEMBERED = 6
"""How many times of a tag are remembered: PI swaps neighbours, seldom more."""

_EDITED: Final = SUBSTITUTED | UPDATE | DELETE
_NOTHING: Final = object()


class Arrived(Struct):
    """What one message brought. `events` are new, but of those `doubtful` only the journal can tell.

    `failed`: tags for which PI sent errors in place of values. `marked`: what PI marks as substituted, new or not.
    """

    events: list[Event]
    doubtful: list[Event]
    failed: list[tuple[int, StreamItem]]
    marked: list[Event] = field(default_factory=list)
    duplicates: int = 0
    unknown: int = 0


class _Known(Struct, gc=False):
    """What is remembered of a tag: its newest live event (PI repeats it at will), and the greatest times, rising.

    No event of a time from the first of `times` on is in the journal, unless its time is among them.
    """

    newest: Event
    times: list[int]

    def note(self, moment_ticks: int) -> None:
        """Put a time in its place among the greatest, if it belongs there."""
        insort(self.times, moment_ticks)
        del self.times[:-_REMEMBERED]


class Arrivals:
    """Tells new events from repeated ones.

    `numbers`: the journal's number of each WebID that is read (identity form). `latest`: newest journaled events.
    `present`: PI's present value of tags, as far as whoever reads them live keeps it. Of mode recorded it is
    provisional: it and what follows are told live, once they are archived.
    """

    def __init__(self, numbers: Mapping[str, int], latest: Iterable[Event]) -> None:
        self.present: dict[int, Event] = {}
        self._numbers = dict(numbers)
        self._known: dict[int, _Known] = {}
        self._watched: list[Event] | None = None
        self._under_way: list[Event] = []
        self.rewind(latest)

    def rewind(self, latest: Iterable[Event]) -> None:
        """Go back to what the journal has, forgetting what was taken but not written down."""
        self.present.clear()
        self._under_way = []
        self._known = {event.tag: _Known(event, [event.ticks]) for event in latest}

    def take(self, items: Iterable[StreamItem]) -> Arrived:
        """Give what is new in a message. ValueError: a time that is none."""
        arrived = Arrived([], [], [])
        return self._sorted(self._read(items, arrived), arrived)

    def sort(self, events: Iterable[Event]) -> Arrived:
        """Give what is new of events, among them updates and deletions in PI's own word."""
        return self._sorted(events, Arrived([], [], []))

    def written(self) -> None:
        """Note that what was taken last is in the journal's hands."""
        self._under_way = []

    def watch(self) -> None:
        """Keep what arrives from now on or is under way, to compare it with what history reads at the same time."""
        self._watched = list(self._under_way)

    def unwatch(self) -> None:
        """Keep it no longer."""
        self._watched = None

    def claim(self, events: Iterable[Event]) -> list[Event]:
        """Of events that history read and is about to write, give those that have not arrived live since `watch`.

        When they arrive live later, they are doubtful.
        """
        watched: dict[tuple[int, int], list[Event]] = {}
        for event in self._watched or ():
            watched.setdefault((event.tag, event.ticks), []).append(event)
        fresh = []
        for event in events:
            others = watched.get((event.tag, event.ticks))
            if others is None or not any(same(event, other) for other in others):
                fresh.append(event)
                self._remember(event)
        return fresh

    def _read(self, items: Iterable[StreamItem], arrived: Arrived) -> Iterator[Event]:
        """Give the events of a message; note what is none."""
        numbers = self._numbers
        for item in items:
            number = numbers.get(item.web_id)
            if number is None:
                number = numbers.get(identity(item.web_id))
                if number is None:
                    arrived.unknown += len(item.items)
                    continue
                numbers[item.web_id] = number
            if item.errors or item.web_exception is not None:
                arrived.failed.append((number, item))
            for value in item.items:
                yield event_of(number, value, ticks.parse(value.timestamp))

    def _sorted(self, events: Iterable[Event], arrived: Arrived) -> Arrived:
        new = arrived.events
        for event in events:
            moment = event.ticks
            known = self._known.get(event.tag)
            if known is not None and moment > known.times[-1] and not event.status & _EDITED:
                # Nearly all goes this way.
                known.newest = event
                known.times.append(moment)
                if len(known.times) > _REMEMBERED:
                    del known.times[0]
                new.append(event)
            else:
                self._judge(event, known, arrived)
        self._under_way = new
        if self._watched is not None:
            self._watched += new
        return arrived

    def _remember(self, event: Event) -> None:
        known = self._known.get(event.tag)
        if known is None:
            # Nothing equals it: whether it was written down is for the journal to say.
            self._known[event.tag] = _Known(Event(event.tag, event.ticks, _NOTHING), [event.ticks])
        elif event.ticks > known.times[0] and event.ticks not in known.times:
            # Below the first of `times` all is doubtful: to put one there would say that the journal has no others.
            known.note(event.ticks)

    def _judge(self, event: Event, known: _Known | None, arrived: Arrived) -> None:
        moment = event.ticks
        if event.status & SUBSTITUTED:
            arrived.marked.append(event)
        if event.status & (UPDATE | DELETE):
            arrived.doubtful.append(event)
            if known is not None and moment == known.newest.ticks:
                known.newest = Event(event.tag, moment, _NOTHING)
            else:
                self._remember(event)
        elif known is None:
            self._known[event.tag] = _Known(event, [moment])
        elif moment > known.times[-1]:
            known.newest = event
            known.note(moment)
        elif same(event, known.newest):
            arrived.duplicates += 1
            return
        elif moment < known.times[0] or moment in known.times:
            arrived.doubtful.append(event)
            if moment == known.newest.ticks:
                known.newest = event
        else:
            known.note(moment)
        arrived.events.append(event)


def decide(arrived: Arrived, journaled: Iterable[Event]) -> Arrived:
    """Settle what is doubtful by what the journal has of those tags and times: repeated, an edit, or new.

    An edit: PI says so, or marks the value Substituted where the tag last had another value at this time.
    """
    had: dict[tuple[int, int], list[Event]] = {}
    for event in journaled:
        had.setdefault((event.tag, event.ticks), []).append(event)
    doubtful = set(map(id, arrived.doubtful))
    events = []
    for event in arrived.events:
        others = had.setdefault((event.tag, event.ticks), [])
        if id(event) in doubtful and _is_repeated(event, others):
            continue
        if others and event.status & SUBSTITUTED and id(event) in doubtful and not event.status & DELETE:
            event.status |= UPDATE
        others.append(event)
        events.append(event)
    repeated = len(arrived.events) - len(events)
    return Arrived(events, [], [], [], arrived.duplicates + repeated, arrived.unknown)


def _is_repeated(event: Event, others: Sequence[Event]) -> bool:
    """Tell whether the journal has this. Of edits and deletions only the last counts: they may undo one another."""
    if event.status & DELETE:
        return bool(others) and bool(others[-1].status & DELETE)
    if event.status & SUBSTITUTED and not event.status & UPDATE:
        # A channel tells a deletion by the value that was removed, which brings nothing back.
        others = [other for other in others if not other.status & DELETE]
    counting = others[-1:] if event.status & (SUBSTITUTED | UPDATE) else others
    return any(same(event, other) and not other.status & DELETE for other in counting)


def event_at_its_time(number: int, value: TimedValue) -> Event:
    """Give PI's value as an event of the tag. UnavailableError: its time is none."""
    try:
        return event_of(number, value, ticks.parse(value.timestamp))
    except ValueError as error:
        raise UnavailableError(f"a value with a time that is none: {error}") from error


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


def is_provisional(event: Event, present: Event) -> bool:
    """Tell whether PI may still discard it: the present value, and what came after it. PI's edits are final.

    A deletion of the present value is none: an archive may lack what is provisional.
    """
    if event.status & DELETE:
        return event.ticks == present.ticks
    if event.status & UPDATE:
        return False
    return event.ticks > present.ticks or same(event, present)
