"""What was written after the fact: late values, replacements, deletions, over what the signals made."""

from bisect import bisect_left, bisect_right, insort
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from pibridge.simulator.samples import Sample


class Action(StrEnum):
    """What happened to a value."""

    INSERT = "insert"
    REPLACE = "replace"
    DELETE = "delete"


@dataclass(frozen=True)
class Edit:
    """One change. `sample`: the value inserted or put in place, or the one removed. `at_ticks`: when it was made."""

    number: int
    at_ticks: int
    action: Action
    sample: Sample


@dataclass
class _Moment:
    snapshots: list[Sample]
    archived: list[Sample]


@dataclass
class Edits:
    """The changes of one point, in the order in which they were made."""

    log: list[Edit] = field(default_factory=list)
    _moments: dict[int, _Moment] = field(default_factory=dict)
    _times: list[int] = field(default_factory=list)

    @property
    def last_ticks(self) -> int:
        """The latest time that was changed; 0 if none."""
        return self._times[-1] if self._times else 0

    @property
    def first_ticks(self) -> int | None:
        """The earliest time that was changed."""
        return self._times[0] if self._times else None

    def apply(self, edit: Edit, snapshots: Sequence[Sample], archived: Sequence[Sample]) -> None:
        """Take a change on. `snapshots`, `archived`: what both views hold at its time when it is the first there."""
        ticks = edit.sample.ticks
        moment = self._moments.get(ticks)
        if moment is None:
            moment = self._moments[ticks] = _Moment(list(snapshots), list(archived))
            insort(self._times, ticks)
        if edit.action is Action.DELETE:
            moment.snapshots, moment.archived = [], []
        elif edit.action is Action.REPLACE:
            moment.snapshots, moment.archived = [edit.sample], [edit.sample]
        else:
            moment.snapshots.append(edit.sample)
            moment.archived.append(edit.sample)
        self.log.append(edit)

    def over(self, samples: Sequence[Sample], start: int, end: int, *, archived: bool) -> list[Sample]:
        """Give one view of a range, both ends included, from the untouched samples of that range."""
        times = self._times[bisect_left(self._times, start) : bisect_right(self._times, end)]
        if not times:
            return list(samples)
        result = [sample for sample in samples if sample.ticks not in self._moments]
        for ticks in times:
            moment = self._moments[ticks]
            result += moment.archived if archived else moment.snapshots
        result.sort(key=lambda sample: sample.ticks)
        return result

    def after(self, number: int) -> list[Edit]:
        """Give the changes made after the one of that number."""
        return self.log[bisect_right(self.log, number, key=lambda edit: edit.number) :]
