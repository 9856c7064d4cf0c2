"""Which time is looked at next for event frames. Pure."""

from typing import Final

from pibridge.model import ticks

HOUR: Final = 3600 * ticks.PER_SECOND
DAY: Final = 24 * HOUR
_NARROW: Final = HOUR // 6
_FRAMES: Final = 2_000
"""As many frames are bearable in one look."""


class Sweep:
    """Each look takes in the recent past; older time is swept through slice by slice, the latest first.

    `width_ticks`: of one look, between ten minutes and an hour: the less the more frames there are.
    """

    def __init__(self) -> None:
        self.width_ticks = _NARROW
        self._reached: int | None = None
        self._since = 0

    def begin(self, looked_ticks: int, now_ticks: int) -> None:
        """Sweep through a day, back from where the look at the recent past began."""
        self._reached = looked_ticks
        self._since = now_ticks - DAY

    def extend(self, since_ticks: int) -> None:
        """Let the sweep that is under way reach back to this time."""
        self._since = min(self._since, since_ticks)

    def slice(self) -> tuple[int, int] | None:
        """Give the time to be looked at next, from and to; None: no sweep is under way."""
        return None if self._reached is None else (self._reached - self.width_ticks, self._reached)

    def swept(self, start_ticks: int) -> bool:
        """Note that all is known back to this time; tell whether the sweep is over."""
        self._reached = start_ticks if start_ticks > self._since else None
        return self._reached is None

    def learn(self, found: int) -> None:
        """Note how many frames one look found."""
        self.width_ticks = min(max(self.width_ticks * _FRAMES // max(1, found), _NARROW), HOUR)
