"""Which event frames a search finds, and in which order: search modes, time range, sorting."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from pibridge.model.ticks import FOREVER
from pibridge.simulator.frames import Frame


class Mode(StrEnum):
    """How the times of a search meet those of a frame."""

    START_INCLUSIVE = "StartInclusive"
    END_INCLUSIVE = "EndInclusive"
    INCLUSIVE = "Inclusive"
    OVERLAPPED = "Overlapped"
    IN_PROGRESS = "InProgress"
    BACKWARD_FROM_START_TIME = "BackwardFromStartTime"
    FORWARD_FROM_START_TIME = "ForwardFromStartTime"
    BACKWARD_FROM_END_TIME = "BackwardFromEndTime"
    FORWARD_FROM_END_TIME = "ForwardFromEndTime"
    BACKWARD_IN_PROGRESS = "BackwardInProgress"
    FORWARD_IN_PROGRESS = "ForwardInProgress"

    @property
    def is_directed(self) -> bool:
        """Whether it goes on from one time, in the order of time."""
        return self.is_backward or self.startswith("Forward")

    @property
    def is_backward(self) -> bool:
        """Whether it goes back from its time."""
        return self.startswith("Backward")

    @property
    def is_of_open(self) -> bool:
        """Whether it finds open frames only."""
        return self.endswith("InProgress")


MODES: Final = {mode.lower(): mode for mode in Mode}
SORT_FIELDS: Final[dict[str, Callable[[Frame], Any]]] = {
    "name": lambda frame: frame.name.upper(),
    "starttime": lambda frame: frame.start_ticks,
    "endtime": lambda frame: frame.end_ticks,
    "template": lambda frame: frame.template.upper(),
    "severity": lambda frame: frame.severity.upper(),
}


@dataclass(frozen=True)
class Search:
    """A range of time, or its start alone for a directed mode, and how frames must lie to it."""

    mode: Mode
    start: int
    end: int

    @property
    def low(self) -> int:
        """No frame is found that has ended before."""
        return 0 if self.mode.is_backward else self.start

    @property
    def high(self) -> int:
        """No frame is found that begins after."""
        if self.mode.is_directed:
            return self.start if self.mode.is_backward else FOREVER
        return self.end

    def finds(self, frame: Frame) -> bool:
        """Say whether the frame lies as it must. Ends of the range are part of it."""
        if self.mode.is_of_open and not frame.is_open:
            return False
        begins = self.low <= frame.start_ticks <= self.high
        ends = self.low <= frame.end_ticks <= self.high
        match self.mode:
            case Mode.OVERLAPPED:
                return frame.start_ticks <= self.high and frame.end_ticks >= self.low
            case Mode.INCLUSIVE:
                return begins and ends
            case Mode.END_INCLUSIVE | Mode.BACKWARD_FROM_END_TIME | Mode.FORWARD_FROM_END_TIME:
                return ends
            case _:
                return begins

    def ordered(self, frames: Iterable[Frame], field: str, *, descending: bool) -> list[Frame]:
        """Give the frames in the order of a field of SORT_FIELDS; in that of time for a directed mode."""
        if self.mode.is_directed:
            field = "endtime" if "EndTime" in self.mode else "starttime"
            descending = self.mode.is_backward
        key = SORT_FIELDS[field]
        return sorted(frames, key=lambda frame: (key(frame), frame.start_ticks, frame.id), reverse=descending)
