"""PI's clock, as far as its answers tell it."""

import sys
import time
from collections.abc import Callable
from email.utils import parsedate_to_datetime
from functools import partial

from pibridge.model import ticks

_DATE_RESOLUTION_S = 1.0


since_boot: Callable[[], float] = (
    partial(time.clock_gettime, time.CLOCK_BOOTTIME) if sys.platform == "linux" else time.monotonic
)
"""Our monotonic clock, which also counts the time that the machine slept; in seconds."""


class ServerClock:
    """Learns PI's time from the `Date` of its answers, and carries it on with our monotonic clock.

    A `Date` is cut to whole seconds and was written between sending and receiving, so each answer gives bounds; those
    of many answers together are tighter. Bounds that contradict mean that PI's clock was set: they start anew.
    """

    def __init__(self, monotonic: Callable[[], float] = since_boot, our_time: Callable[[], float] = time.time) -> None:
        self._monotonic = monotonic
        self._our_time = our_time
        self._bounds_s: tuple[float, float] | None = None  # of PI's Unix time minus our monotonic clock

    def observe(self, date: str, sent: float, received: float) -> None:
        """Learn from the `Date` header of an answer; `sent`, `received`: our monotonic clock. Nonsense is ignored."""
        try:
            written_s = parsedate_to_datetime(date).timestamp()
        except ValueError:
            return
        lowest, highest = written_s - received, written_s + _DATE_RESOLUTION_S - sent
        if self._bounds_s is not None:
            low, high = max(lowest, self._bounds_s[0]), min(highest, self._bounds_s[1])
            if low <= high:
                lowest, highest = low, high
        self._bounds_s = lowest, highest

    def ticks(self) -> int:
        """Give PI's present time, right to about a second; before the first answer, ours."""
        if self._bounds_s is None:
            return ticks.from_seconds(self._our_time())
        low, high = self._bounds_s
        return ticks.from_seconds((low + high) / 2 + self._monotonic())
