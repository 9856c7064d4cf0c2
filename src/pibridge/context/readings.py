"""How far the sources of batch context (databases with event frames, batch tags) have been read."""

from collections.abc import Iterable

from msgspec import Struct

from pibridge.model import ticks


class Reading(Struct):
    """All frames, or values, of a source are known that were there at `at_ticks`, back to `since_ticks`."""

    since_ticks: int = ticks.FOREVER
    at_ticks: int = 0


class Readings:
    """The readings of all sources, by the keys of `Timeline.sources`."""

    def __init__(self) -> None:
        self._readings: dict[str, Reading] = {}

    def note(self, source: str, since_ticks: int, at_ticks: int) -> None:
        """Note that a source was read. `at_ticks`: when the reading began. Earlier ones reach on to this one."""
        reading = self._readings.setdefault(source, Reading())
        reading.since_ticks = min(reading.since_ticks, since_ticks)
        reading.at_ticks = max(reading.at_ticks, at_ticks)

    def know(self, sources: Iterable[str], first_ticks: int, at_ticks: int) -> bool:
        """Tell whether all of these were read at or after `at_ticks`, at least back to `first_ticks`."""
        readings = [self._readings.get(source) for source in sources]
        return all(
            reading is not None and reading.since_ticks <= first_ticks and reading.at_ticks >= at_ticks
            for reading in readings
        )
