"""What of tags only the running daemon knows: whether PI refuses them, and how their streams and the sinks go."""

from collections.abc import Sequence

import msgspec
from msgspec import Raw, Struct

from pibridge.daemon.intake import Intake
from pibridge.inspection.explain import Known
from pibridge.journal.journal import Journal
from pibridge.model import ticks
from pibridge.status.counters import Counters


class Numbers(Struct, frozen=True, forbid_unknown_fields=True):
    """The tags that are meant, by the journal's numbers."""

    numbers: tuple[int, ...]


class WhatIsKnown:
    """Answers the order KNOWN, and the status page."""

    def __init__(self, journal: Journal, intake: Intake, counters: Counters) -> None:
        self._journal = journal
        self._intake = intake
        self._counters = counters

    async def order(self, _journal: Journal, having: Raw) -> Known:
        """Do what a command asks."""
        return self.of(msgspec.json.decode(having, type=Numbers).numbers)

    def of(self, numbers: Sequence[int]) -> Known:
        """Give what is known of these tags."""
        aside = self._intake.refused()
        refused = {number: aside[number] for number in numbers if number in aside}
        streams = {self._journal.tag(number, ticks.FOREVER).stream for number in numbers}
        sinks = {name: found.last_error for name, found in sorted(self._counters.sinks.items())}
        return Known(refused, {name: self._state_of(name) for name in sorted(streams)}, sinks)

    def _state_of(self, stream: str) -> str:
        """Say what is amiss with a stream; empty: nothing."""
        counters = self._counters.streams.get(stream)
        if counters is None or (counters.is_resolved and counters.channels_open == counters.channels):
            return ""
        said = f"{counters.channels_open} of {counters.channels} channels are open"
        return f"{said}: {counters.last_error}" if counters.last_error else said
