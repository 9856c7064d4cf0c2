"""What runs in the plant's units: batch after batch, as pure functions of time."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Final

from pibridge.model.ticks import PER_SECOND
from pibridge.simulator.times import on_grid

STATES: Final = ("Idle", "Filling", "Heating", "Reacting", "Cooling", "Draining", "Cleaning")
_BEGINS: Final = (0.0, 0.05, 0.15, 0.30, 0.65, 0.80, 0.90)
_RECIPES: Final = ("Ale", "Lager", "Stout", "Wheat")
_TEST_EVERY: Final = 7

Steps = Callable[[int], Sequence[tuple[int, Any]]]
"""What happens in the cycle of that number: (ticks after the cycle's slot began, value)."""
Curve = tuple[tuple[float, float], ...]
TEMPERATURE: Final[Curve] = ((0, 18), (0.15, 20), (0.30, 68), (0.65, 72), (0.80, 22), (0.90, 60), (0.95, 75), (1, 18))
PRESSURE: Final[Curve] = ((0, 1.0), (0.15, 1.0), (0.30, 1.6), (0.65, 2.1), (0.80, 1.1), (1, 1.0))
LEVEL: Final[Curve] = ((0, 0), (0.05, 0), (0.15, 85), (0.65, 83), (0.80, 82), (0.90, 2), (0.95, 15), (1, 0))
FLOW_IN: Final[Curve] = ((0, 0), (0.05, 0), (0.06, 12), (0.14, 12), (0.15, 0), (0.90, 0), (0.91, 6), (0.95, 0), (1, 0))
FLOW_OUT: Final[Curve] = ((0, 0), (0.80, 0), (0.81, 11), (0.89, 11), (0.90, 0), (1, 0))
SPEED: Final[Curve] = ((0, 0), (0.05, 0), (0.07, 40), (0.30, 60), (0.65, 120), (0.80, 30), (0.90, 0), (1, 0))


@dataclass(frozen=True)
class Unit:
    """One vessel that runs a batch in every cycle. `offset` (0 to 1) keeps the units from running in step."""

    name: str
    cycle_ticks: int
    offset: float

    def level(self, curve: Curve) -> Callable[[int], float]:
        """Give a process value that follows the curve once in a cycle."""
        shift = int(self.offset * self.cycle_ticks)
        legs = tuple(pairwise(curve))

        def at(ticks: int) -> float:
            place = (ticks - shift) % self.cycle_ticks / self.cycle_ticks
            for (begin, low), (end, high) in legs:
                if place < end:
                    return low + (high - low) * (place - begin) / (end - begin)
            return curve[-1][1]

        return at

    def states(self, number: int) -> Sequence[tuple[int, Any]]:
        """Give the phases of one cycle as digital states."""
        del number
        return [
            (self._at(begin), {"Name": name, "Value": code, "IsSystem": False})
            for code, (name, begin) in enumerate(zip(STATES, _BEGINS, strict=True))
        ]

    def batch_ids(self, number: int) -> Sequence[tuple[int, Any]]:
        """Give the batch in the vessel: one id while it is made, another while it is cleaned, empty between."""
        kind = "TEST" if number % _TEST_EVERY == 0 else "B"
        serial = number % 1_000_000
        return [(self._at(0.05), f"{kind}-{serial}"), (self._at(0.90), f"CIP-{serial}"), (self._at(0.98), "")]

    def recipes(self, number: int) -> Sequence[tuple[int, Any]]:
        """Give the recipe of the batch."""
        return [(self._at(0.05), _RECIPES[number % len(_RECIPES)])]

    def moment(self, number: int, first: float, place: float) -> int:
        """Give when the cycle of that number, as it began at its place `first`, comes to a later place."""
        begins, at = self._at(first), self._at(place)
        return on_grid(number * self.cycle_ticks + at + (self.cycle_ticks if at < begins else 0))

    def _at(self, place: float) -> int:
        # Slots are counted from 1970, cycles from the unit's own offset: the shift is part of the slot's time.
        return int((place + self.offset) % 1 * self.cycle_ticks) // PER_SECOND * PER_SECOND
