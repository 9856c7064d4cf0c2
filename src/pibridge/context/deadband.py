"""What a deadband keeps back: changes of a number too small against the last value of the tag that was delivered. Pure.

Last means by the time of events, in both lanes of the sink. Only so much is remembered that the answer is mostly known;
where it is not, the value passes: a deadband may let through more than it must, never less than it should.
"""

from collections.abc import Collection, Mapping
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from pibridge.context.meaning import Quality, quality
from pibridge.context.record import Record
from pibridge.context.settings import FilterSettings, Width
from pibridge.model import ticks
from pibridge.model.event import DELETE, UPDATE, Lane


class Mark(Struct, array_like=True, frozen=True, gc=False):
    """What one lane delivered of a tag. `ticks`: the latest time. `value`: what it was then, if a number.

    The lane delivered nothing before `first_ticks`, and nothing between `quiet_from` and `quiet_to`: the longest such
    stretch that may still matter.
    """

    ticks: int
    first_ticks: int
    value: int | float | None
    quality: Quality
    quiet_from: int
    quiet_to: int


Marks = Mapping[int, Mark]
"""By the journal's number of the tag."""

_OTHER: Final = {Lane.LIVE: Lane.HISTORY, Lane.HISTORY: Lane.LIVE}


class Deadband:
    """The deadband of one sink. `heartbeat_s`: a value passes when the last one is at least this old.

    What a lane delivers is tentative until it is acknowledged, and counts for the other lane only then.
    """

    def __init__(self, width: Width, heartbeat_s: float | None) -> None:
        self.width = width
        self._heartbeat_ticks = None if heartbeat_s is None else ticks.from_seconds(heartbeat_s)
        self._acknowledged: dict[Lane, dict[int, Mark]] = {lane: {} for lane in Lane}
        self._tentative: dict[Lane, dict[int, Mark]] = {lane: {} for lane in Lane}

    def keeps_back(self, record: Record) -> bool:
        """Tell whether a record is kept back; if not, it counts as delivered."""
        if self._is_small_change(record):
            return True
        self.take(record)
        return False

    def take(self, record: Record) -> None:
        """Note that a record is delivered."""
        event, lane = record.event, record.context.lane
        number, time = event.tag, event.ticks
        own = self._own(lane, number)
        if own is not None and time < own.ticks:
            self._take_late(lane, number, own, time)
            return
        first, quiet = time, (time, time)
        if own is not None:
            first = own.first_ticks
            quiet = self._longer(lane, number, (own.quiet_from, own.quiet_to), (own.ticks, time))
        # An edit or a deletion starts anew, too; with the value that PI has now, if it has one.
        value = None if event.status & DELETE or not _is_number(event.value) else event.value
        how_good = quality(event, text=record.context.tag.text)
        self._tentative[lane][number] = Mark(time, first, value, how_good, *quiet)

    def tentative(self, lane: Lane) -> Marks:
        """Give what a lane delivered and was not acknowledged yet."""
        return self._tentative[lane]

    def acknowledged(self, lane: Lane) -> Marks:
        """Give what a lane delivered and was acknowledged."""
        return self._acknowledged[lane]

    def refuse(self, lane: Lane, numbers: Collection[int]) -> None:
        """Note that records of these tags were not taken after all: what comes next of them passes."""
        for number in numbers:
            own = self._own(lane, number)
            if own is not None:
                self._tentative[lane][number] = replace(own, value=None)

    def commit(self, lane: Lane) -> None:
        """Note that all that a lane delivered is acknowledged."""
        self._acknowledged[lane].update(self._tentative[lane])
        self._tentative[lane].clear()

    def rollback(self, lane: Lane) -> None:
        """Forget what a lane delivered since it was last acknowledged."""
        self._tentative[lane].clear()

    def restore(self, marks: Mapping[Lane, Marks]) -> None:
        """Go on from what was acknowledged earlier."""
        for lane in Lane:
            self._acknowledged[lane] = dict(marks.get(lane, {}))
            self._tentative[lane].clear()

    def _is_small_change(self, record: Record) -> bool:
        event, tag = record.event, record.context.tag
        if event.status & (UPDATE | DELETE) or not _is_number(event.value):
            return False
        last = self._last(record.context.lane, event.tag, event.ticks)
        if last is None or last.value is None or abs(event.value - last.value) >= self.width.of(tag.span):
            return False
        if self._heartbeat_ticks is not None and event.ticks - last.ticks >= self._heartbeat_ticks:
            return False
        return last.quality == quality(event, text=tag.text)

    def _last(self, lane: Lane, number: int, time: int) -> Mark | None:
        """Give what was last delivered of a tag at or before this time. None: nothing, or it is not known."""
        own = self._own(lane, number)
        other = self._acknowledged[_OTHER[lane]].get(number)
        if own is not None and time < own.ticks:
            return None
        if other is None:
            return own
        if other.ticks <= time:
            return other if own is None or own.ticks < other.ticks else own
        if own is not None and (time < other.first_ticks or other.quiet_from <= own.ticks <= time < other.quiet_to):
            return own
        return None

    def _take_late(self, lane: Lane, number: int, own: Mark, time: int) -> None:
        if time < own.first_ticks:
            self._tentative[lane][number] = replace(own, first_ticks=time)
        elif own.quiet_from < time < own.quiet_to:
            before, behind = (own.quiet_from, time), (time, own.quiet_to)
            quiet_from, quiet_to = self._longer(lane, number, before, behind)
            self._tentative[lane][number] = replace(own, quiet_from=quiet_from, quiet_to=quiet_to)

    def _own(self, lane: Lane, number: int) -> Mark | None:
        return self._tentative[lane].get(number) or self._acknowledged[lane].get(number)

    def _longer(self, lane: Lane, number: int, one: tuple[int, int], two: tuple[int, int]) -> tuple[int, int]:
        """Give the stretch of which more is still ahead of the other lane, which asks for it."""
        other = self._acknowledged[_OTHER[lane]].get(number)

        def ahead(quiet: tuple[int, int]) -> int:
            start, end = quiet
            return end - start if other is None else end - max(start, other.ticks)

        return max(two, one, key=ahead)


def build(settings: FilterSettings) -> Deadband | None:
    """Make the deadband of one sink. None: it has none."""
    return Deadband(settings.deadband, settings.heartbeat) if settings.deadband.amount else None


def _is_number(value: object) -> bool:
    return type(value) is float or type(value) is int
