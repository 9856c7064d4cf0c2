"""What a sink promises, and what it is given."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable

from pibridge.context.record import Record
from pibridge.model.event import Lane


@dataclass(frozen=True)
class Bounds:
    """Which part of the journal one batch covers, fixed on disk before the batch leaves.

    `first`, `last`: journal positions of its first and last record. `day`: UTC day of the first record, YYYY-MM-DD.
    `replay`: id of the replay that sends them once more; such a batch may hold records of both lanes.
    """

    lane: Lane
    first: int
    last: int
    day: str
    replay: str = ""


@dataclass(frozen=True)
class Refusal:
    """A record that the far side will never take. `reason`: in its words."""

    record: Record
    reason: str


@dataclass(frozen=True)
class Receipt:
    """The batch is durable on the far side, but for what it refused for good."""

    refused: Sequence[Refusal] = field(default=())


class Batch(Protocol):
    """Records of one lane in order, as parts of at most about a thousand; open until it is full, old or stopped.

    Iterating waits for more records and ends when the batch has reached its age, or the daemon stops, or the bounds
    that an earlier try has sealed. A sink that has enough may leave the loop earlier, unless the batch came sealed.
    The first part is never empty.
    """

    lane: Lane
    first: int
    """Journal position of the first record, known from the start."""
    day: str
    """UTC day of the first record, YYYY-MM-DD."""
    sealed: Bounds | None
    """The bounds once they are fixed. Set from the start: by an earlier try, and the sink takes every part."""

    def __aiter__(self) -> AsyncIterator[Sequence[Record]]:
        """Give the parts."""
        ...

    async def seal(self) -> Bounds:
        """Fix on disk what the batch holds: all parts given so far. To be called before anything leaves under a name.

        The same batch tried again after a crash or an outage ends at the same position and has the same bounds.
        """
        ...


def start_of(batch: Batch) -> tuple[int, str]:
    """Give what tells a batch from all others of its lane: its first position, and the replay that it is part of."""
    return batch.first, batch.sealed.replay if batch.sealed else ""


class Sink(Protocol):
    """Where records go.

    Building one must not connect. `open` may be called again after an error. Of one lane, calls of `write` never
    overlap.
    """

    max_age_s: float
    """How long one batch stays open."""

    async def open(self) -> None:
        """Make ready, remove what an interrupted run left unfinished. Raises UnavailableError."""
        ...

    async def write(self, batch: Batch) -> Receipt:
        """Deliver the batch; on return it is durable on the far side.

        Raises UnavailableError: it is tried again whole.
        """
        ...

    async def probe(self) -> str:
        """Try whether records could be written, and say what was done. Disturbs no daemon that writes there.

        Raises UnavailableError.
        """
        ...

    async def close(self) -> None:
        """Let go of connections. What was not acknowledged stays owed."""
        ...


@runtime_checkable
class KeepsManifests(Protocol):
    """A sink that also keeps, beside the records, a file about each batch."""

    async def keep_manifest(self, name: str, content: bytes) -> None:
        """Keep it in the place of what had that name (a path below the sink's own); durable on return.

        Raises UnavailableError.
        """
        ...
