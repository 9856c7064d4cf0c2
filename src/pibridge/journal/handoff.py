"""The newest durable chunks of one lane, kept in memory for sinks that have caught up."""

from bisect import bisect_left
from typing import Final

from pibridge.journal.chunks import Chunk

LARGEST_BYTES: Final = 6 << 20
_EVENT_BYTES: Final = 100
_CHUNK_BYTES: Final = 500


class Handoff:
    """Everything of the lane behind position `floor` is here; bounded by what it takes in memory, roughly."""

    def __init__(self, floor: int, largest_bytes: int = LARGEST_BYTES) -> None:
        self.floor = floor
        self._largest_bytes = largest_bytes
        self._bytes = 0
        self._chunks: list[Chunk] = []
        self._sizes: list[int] = []

    def add(self, chunk: Chunk, raw_bytes: int) -> None:
        """Take a committed chunk in; the oldest leave when it is too much. `raw_bytes`: its size as msgpack."""
        size = raw_bytes + _EVENT_BYTES * len(chunk.events) + _CHUNK_BYTES
        self._chunks.append(chunk)
        self._sizes.append(size)
        self._bytes += size
        leaving = 0
        while self._bytes > self._largest_bytes:
            self._bytes -= self._sizes[leaving]
            leaving += 1
        if leaving:
            self.floor = self._chunks[leaving - 1].last_seq
            del self._chunks[:leaving], self._sizes[:leaving]

    def after(self, seq: int) -> Chunk | None:
        """Give the next events behind `seq`, which must not be below `floor`. None: there are none yet."""
        index = bisect_left(self._chunks, seq + 1, key=_last_seq)
        return self._chunks[index].after(seq) if index < len(self._chunks) else None


def _last_seq(chunk: Chunk) -> int:
    return chunk.last_seq
