"""One lane in order, for any number of sinks: from memory for who has caught up, else from disk."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final

from pibridge.journal.chunks import Chunk, Damaged
from pibridge.journal.handoff import Handoff
from pibridge.journal.spans import Span, Spans

_AHEAD_CHUNKS: Final = 32
"""Kept after being read from disk, for all sinks together."""


class Feed:
    """`end`: behind this position there is nothing yet. `floor`: the same, for both lanes.

    `read`: gives the next chunks behind a position from disk. `set_aside`: notes one that cannot be read.
    """

    def __init__(
        self,
        floor: int,
        end: int,
        read: Callable[[int], Awaitable[list[Chunk | Damaged]]],
        set_aside: Callable[[Damaged], Awaitable[None]],
    ) -> None:
        self._spans = Spans(end)
        self._handoff = Handoff(floor)
        self._read = read
        self._set_aside = set_aside
        self._ahead: dict[int, Chunk] = {}
        self._news = asyncio.Event()
        self._failure: Exception | None = None

    def add(self, chunk: Chunk, raw_bytes: int, span: Span) -> None:
        """Take a committed chunk in."""
        self._handoff.add(chunk, raw_bytes)
        self._spans.add(chunk.last_seq, span)

    def announce(self) -> None:
        """Wake who waits for what was added."""
        self._news.set()
        self._news = asyncio.Event()

    def fail(self, error: Exception) -> None:
        """Raise this to who waits and who asks from now on."""
        self._failure = error
        self.announce()

    async def after(self, seq: int) -> Chunk:
        """Give the next events behind position `seq`; wait until there are any."""
        asked = seq
        while True:
            if self._failure is not None:
                raise self._failure
            chunk = self.at_hand(seq)
            if chunk is not None:
                return chunk
            floor = self._handoff.floor
            if seq < floor:
                seq = await self._look_ahead(seq, floor)
                continue
            self._spans.end(asked)
            await self._news.wait()

    def at_hand(self, seq: int) -> Chunk | None:
        """Give the next events behind position `seq` if they are in memory."""
        return self._handoff.after(seq) if seq >= self._handoff.floor else self._ahead.pop(seq, None)

    def ahead(self, seq: int) -> Span | None:
        """Give from when to when all durable events behind a position are, at the most. None: there are none.

        Of what the journal had when it was opened, and of what is far back, no time is known: it may be any.
        """
        return self._spans.behind(seq)

    async def _look_ahead(self, seq: int, floor: int) -> int:
        """Read on behind `seq`; give the position behind which the next events are now at hand."""
        found = await self._read(seq)
        if not found:
            return floor  # up to here nothing is left on disk
        start = position = seq
        for item in found:
            if isinstance(item, Chunk):
                self._ahead[position] = item
            else:
                await self._set_aside(item)
                if position == start:
                    start = item.last_seq
            position = item.last_seq
        while len(self._ahead) > _AHEAD_CHUNKS:
            del self._ahead[next(iter(self._ahead))]
        return start
