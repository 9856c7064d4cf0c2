"""What a deadband keeps back: changes of a number too small against the last value of the tag that was delivered. Pure.

Last means by the time of events, in both lanes of the sink. Only so much is remembered that the answer is mostly known;
where it is not, the value passes: a deadband may let through more than it must, never less than it should. So it does
where the other lane has a value of the tag on its way that may come to lie in between.
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


class Times(Struct, gc=False):
    """When the values of a tag are that a lane has on its way: from `first` to `last`, in ticks.

    None lies between `quiet_from` and `quiet_to`: the longest such stretch.
    """

    first: int
    last: int
    quiet_from: int
    quiet_to: int

    def add(self, time: int) -> None:
        """Take a time in."""
        if time > self.last:
            self._is_quiet(self.last, time)
            self.last = time
        elif time < self.first:
            self._is_quiet(time, self.first)
            self.first = time
        elif self.quiet_from < time < self.quiet_to:
            start, end = self.quiet_from, self.quiet_to
            self.quiet_from, self.quiet_to = start, time
            self._is_quiet(time, end)

    def may_meet(self, start: int, end: int) -> bool:
        """Tell whether one of them may lie within this time, both ends included."""
        is_quiet = self.quiet_from < start and end < self.quiet_to
        return start <= self.last and self.first <= end and not is_quiet

    def _is_quiet(self, start: int, end: int) -> None:
        if end - start > self.quiet_to - self.quiet_from:
            self.quiet_from, self.quiet_to = start, end


Marks = Mapping[int, Mark]
"""By the journal's number of the tag."""

OTHER: Final = {Lane.LIVE: Lane.HISTORY, Lane.HISTORY: Lane.LIVE}


class Deadband:
    """The deadband of one sink. `heartbeat_s`: a value passes when the last one is at least this old.

    What a lane delivers is tentative until it is acknowledged, and is compared with in the other lane only then. What
    lies between is on its way: it may be judged anew, and is not relied on.

    `passed_unsure`: by lane, position of the latest record that passed only because of what the other lane may yet
    deliver.
    """

    def __init__(self, width: Width, heartbeat_s: float | None) -> None:
        self.width = width
        self._heartbeat_ticks = None if heartbeat_s is None else ticks.from_seconds(heartbeat_s)
        self._acknowledged: dict[Lane, dict[int, Mark]] = {lane: {} for lane in Lane}
        self._tentative: dict[Lane, dict[int, Mark]] = {lane: {} for lane in Lane}
        self._on_its_way: dict[Lane, dict[int, Times]] = {lane: {} for lane in Lane}
        self.passed_unsure: dict[Lane, int] = {}

    def keeps_back(self, record: Record, ahead: tuple[int, int] | None = None) -> bool:
        """Tell whether a record is kept back; if not, it counts as delivered.

        `ahead`: from when to when (ticks) all is that the other lane has yet to ask about; None: there is nothing.
        """
        last = self._compared_with(record)
        if last is not None:
            is_ahead = ahead is not None and last.ticks <= ahead[1] and ahead[0] <= record.event.ticks
            if not is_ahead and not self._may_come_between(record, last):
                self._note(record)
                return True
            self.passed_unsure[record.context.lane] = record.seq
        self.take(record)
        return False

    def take(self, record: Record) -> None:
        """Note that a record is delivered."""
        self._note(record)
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
        self.rollback(lane)

    def rollback(self, lane: Lane) -> None:
        """Forget what a lane was asked about since it was last acknowledged."""
        self._tentative[lane].clear()
        self._on_its_way[lane].clear()

    def restore(self, marks: Mapping[Lane, Marks]) -> None:
        """Go on from what was acknowledged earlier."""
        for lane in Lane:
            self._acknowledged[lane] = dict(marks.get(lane, {}))
            self.rollback(lane)

    def _compared_with(self, record: Record) -> Mark | None:
        """Give the last that was delivered, if the record is a small change of it."""
        event, tag = record.event, record.context.tag
        if event.status & (UPDATE | DELETE) or not _is_number(event.value):
            return None
        last = self._last(record.context.lane, event.tag, event.ticks)
        if last is None or last.value is None or abs(event.value - last.value) >= self.width.of(tag.span):
            return None
        if self._heartbeat_ticks is not None and event.ticks - last.ticks >= self._heartbeat_ticks:
            return None
        return last if last.quality == quality(event, text=tag.text) else None

    def _may_come_between(self, record: Record, last: Mark) -> bool:
        """Tell whether the other lane has something on its way that may be later than what was delivered last."""
        others = self._on_its_way[OTHER[record.context.lane]].get(record.event.tag)
        return others is not None and others.may_meet(last.ticks, record.event.ticks)

    def _note(self, record: Record) -> None:
        """Note that a record is on its way, also one that is kept back: another try may let it pass."""
        known, number, time = self._on_its_way[record.context.lane], record.event.tag, record.event.ticks
        times = known.get(number)
        if times is None:
            known[number] = Times(time, time, time, time)
        else:
            times.add(time)

    def _last(self, lane: Lane, number: int, time: int) -> Mark | None:
        """Give what was last delivered of a tag at or before this time. None: nothing, or it is not known."""
        own = self._own(lane, number)
        other = self._acknowledged[OTHER[lane]].get(number)
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
        other = self._acknowledged[OTHER[lane]].get(number)

        def ahead(quiet: tuple[int, int]) -> int:
            start, end = quiet
            return end - start if other is None else end - max(start, other.ticks)

        return max(two, one, key=ahead)


def build(settings: FilterSettings) -> Deadband | None:
    """Make the deadband of one sink. None: it has none."""
    return Deadband(settings.deadband, settings.heartbeat) if settings.deadband.amount else None


def _is_number(value: object) -> bool:
    return type(value) is float or type(value) is int
