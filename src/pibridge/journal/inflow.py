"""Live events on their way to the writer: gathered for a moment, then sealed. What is held goes by itself."""

import sys
from collections import Counter
from collections.abc import Collection, Sequence
from typing import Final

from pibridge.journal.jobs import Store
from pibridge.model.event import Event, Lane

_SEAL_EVENTS: Final = 1000
_EVENT_BYTES: Final = 150
"""What an event takes in memory, without its value."""


class Inflow:
    """`bytes`: about what all takes in memory that was taken and has not landed. `holding`: tags that are held."""

    def __init__(self) -> None:
        self.bytes = 0
        self.holding: frozenset[int] = frozenset()
        self._events: list[Event] = []
        self._held: list[Event] = []
        self._to_hold: Counter[int] = Counter()
        self._value_bytes = 0
        self._arrived_ticks = 0

    def __bool__(self) -> bool:
        return bool(self._events or self._held)

    def hold(self, numbers: Collection[int]) -> None:
        """Hold the events of these tags, and no others, from the next on."""
        self.holding = frozenset(numbers)

    @property
    def held_tags(self) -> set[int]:
        """The tags of events that are to be held and have not landed."""
        return {tag for tag, events in self._to_hold.items() if events}

    def take(self, events: Sequence[Event], arrived_ticks: int) -> bool:
        """Take events in. True: there are enough to be sealed."""
        if self.holding:
            holding = self.holding
            self._events += [event for event in events if event.tag not in holding]
            held = [event for event in events if event.tag in holding]
            self._to_hold.update(event.tag for event in held)
            self._held += held
        else:
            self._events += events
        self._value_bytes += len(events) * (_EVENT_BYTES + sys.getsizeof(events[-1].value))
        self._arrived_ticks = arrived_ticks
        return len(self._events) + len(self._held) >= _SEAL_EVENTS

    def seal(self) -> list[Store]:
        """Give what was taken, in its order, to be stored."""
        size_bytes, self._value_bytes = self._value_bytes, 0
        self.bytes += size_bytes
        taken = len(self._events) + len(self._held)
        stores = [
            Store(Lane.LIVE, events, self._arrived_ticks, memory_bytes=size_bytes * len(events) // taken, holds=is_held)
            for events, is_held in ((self._events, False), (self._held, True))
            if events
        ]
        if stores:
            stores[0].memory_bytes += size_bytes - sum(store.memory_bytes for store in stores)
        self._events, self._held = [], []
        return stores

    def land(self, store: Store) -> None:
        """Note that a store is on disk."""
        self.bytes -= store.memory_bytes
        if store.holds:
            self._to_hold.subtract(event.tag for event in store.events)
