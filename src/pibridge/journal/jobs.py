"""What the writer is asked to do, and what it answers."""

from asyncio import Future
from collections.abc import Callable, Sequence
from typing import Any, Final

from msgspec import Struct, field

from pibridge.errors import JournalFullError
from pibridge.journal.codec import Packed
from pibridge.journal.facts import Fact, FactChange
from pibridge.journal.gaps import GapChange
from pibridge.journal.held import DropHeld
from pibridge.journal.newest import Snapshot
from pibridge.journal.quota import stored_bytes
from pibridge.journal.schema import PAGE_BYTES
from pibridge.journal.tally import Ledger
from pibridge.model.event import Event, Lane

_FACT_BYTES: Final = 64

Change = GapChange | FactChange | DropHeld
"""What is changed in the transaction that stores events."""


class Store(Struct, eq=False):
    """Events to be stored, with what else changes. Without `future` (live) they wait when the journal is full.

    `holds`: they are held, and get no place yet. `memory_bytes`: about what they take while they wait. The writer fills
    in `packed`, and once stored `first_seq`, or `held_ids` of what is held.
    """

    lane: Lane
    events: list[Event]
    arrived_ticks: int
    memory_bytes: int = 0
    changes: Sequence[Change] = ()
    future: Future[Any] | None = None
    holds: bool = False
    packed: list[Packed] = field(default_factory=list)
    first_seq: int = 0
    held_ids: list[int] = field(default_factory=list)

    @property
    def size_bytes(self) -> int:
        """About what it takes on disk."""
        facts_bytes = sum(_FACT_BYTES + len(item.content) for item in self.changes if isinstance(item, Fact))
        return stored_bytes(sum(len(part.payload) for part in self.packed), len(self.packed)) + facts_bytes

    def parts(self) -> "list[Store]":
        """Give it, once packed, as one store a chunk: each fits a commit. For what need not go together."""
        if len(self.packed) <= 1:
            return [self]
        share_bytes, rest_bytes = divmod(self.memory_bytes, len(self.packed))
        stores = [
            Store(self.lane, part.events, self.arrived_ticks, share_bytes, holds=self.holds, packed=[part])
            for part in self.packed
        ]
        stores[0].memory_bytes += rest_bytes
        return stores


class Call(Struct, eq=False):
    """Any other change. `size_bytes`: about what it writes."""

    run: Callable[[Ledger], object]
    future: Future[Any]
    size_bytes: int = PAGE_BYTES


class Remember(Struct, eq=False):
    """The newest event of each tag, all stored before it. `ahead`: stores in flight that are not in it."""

    snapshot: Snapshot
    ahead: Sequence[Store]
    size_bytes: int = PAGE_BYTES


Job = Store | Call | Remember


class Settled(Struct, eq=False):
    """What one commit made durable, what it refused, and the answers to who waits."""

    stored: list[Store] = field(default_factory=list)
    refused: list[Store] = field(default_factory=list)
    answers: list[tuple[Future[Any], object]] = field(default_factory=list)

    def add(self, other: "Settled") -> None:
        """Take another one in."""
        self.stored += other.stored
        self.refused += other.refused
        self.answers += other.answers


def full_error() -> JournalFullError:
    """Give the error for who wants to write into a full journal."""
    return JournalFullError(
        "the journal is full", hint="make the sinks take their backlog, raise journal.max_size, or free the disk"
    )
