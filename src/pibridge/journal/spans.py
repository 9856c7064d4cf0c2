"""From when to when the newest chunks of a lane are: what a reader has still ahead is told without reading it."""

from bisect import bisect_right
from typing import Final

from pibridge.model.ticks import FOREVER

Span = tuple[int, int]
"""The first and the last time, in ticks."""

ANY_TIME: Final = (-FOREVER, FOREVER)


class Spans:
    """`floor`: of chunks at or before this position nothing is known. `most`: so many are remembered."""

    def __init__(self, floor: int, most: int = 1000) -> None:
        self._floor = floor
        self._most = most
        self._last_seqs: list[int] = []
        self._spans: list[Span] = []
        self._told: tuple[int, Span | None] | None = None

    def add(self, last_seq: int, span: Span) -> None:
        """Take a new chunk in, by its last position."""
        self._last_seqs.append(last_seq)
        self._spans.append(span)
        if len(self._spans) > self._most:
            self._floor = self._last_seqs[self._most // 2]
            del self._last_seqs[: self._most // 2 + 1], self._spans[: self._most // 2 + 1]
        self._told = None

    def end(self, seq: int) -> None:
        """Note that behind this position there is nothing: it was removed, or cannot be read."""
        self._floor = min(self._floor, seq)
        gone = bisect_right(self._last_seqs, seq)
        del self._last_seqs[gone:], self._spans[gone:]
        self._told = None

    def behind(self, seq: int) -> Span | None:
        """Give from when to when all is that lies behind a position. None: nothing lies there."""
        if self._told is None or self._told[0] != seq:
            self._told = seq, self._behind(seq)
        return self._told[1]

    def _behind(self, seq: int) -> Span | None:
        if seq < self._floor:
            return ANY_TIME
        spans = self._spans[bisect_right(self._last_seqs, seq) :]
        return (min(first for first, _ in spans), max(last for _, last in spans)) if spans else None
