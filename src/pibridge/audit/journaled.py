"""What the journal has of some tags and a time, and what became of it at each sink. Blocks."""

from array import array
from collections import Counter, deque
from collections.abc import Collection, Iterator, MutableSequence, Sequence

from msgspec import Struct

from pibridge.audit.at_sinks import AtSinks
from pibridge.audit.findings import SinkCount
from pibridge.config.loaded import Loaded
from pibridge.context.record import Record
from pibridge.inspection.records import Records
from pibridge.inspection.sightings import Sighting
from pibridge.journal.chunks import Chunk
from pibridge.journal.reader import JournalReader
from pibridge.model.event import Event, Lane


class Read(Struct, frozen=True):
    """`seen`: by tag, in the order of positions, held ones last.

    `sinks`: what became of all; `delivered`: positions of what was.
    """

    seen: dict[int, list[Sighting]]
    sinks: dict[str, SinkCount]
    delivered: dict[str, MutableSequence[int]]


class Journaled:
    """Reads in short steps. All calls raise JournalError."""

    def __init__(self, loaded: Loaded, reader: JournalReader, records: Records) -> None:
        self._loaded = loaded
        self._reader = reader
        self._records = records
        self.refresh()

    def refresh(self) -> None:
        """Learn how far each sink has got."""
        self._sinks = AtSinks(self._loaded, self._reader)

    def counts(self, start_ticks: int, end_ticks: int) -> Counter[int]:
        """Count the events of each tag."""
        found: Counter[int] = Counter()
        for chunk in self._chunks(start_ticks, end_ticks):
            found.update(event.tag for event in chunk.events if start_ticks <= event.ticks <= end_ticks)
        return found

    def read(self, numbers: Collection[int], start_ticks: int, end_ticks: int) -> Read:
        """Read the events of some tags."""
        found = Read({}, {}, {})
        # What leaves them meanwhile is in a chunk by then: it is seen twice, not never.
        waiting = self._reader.held()

        def see(event: Event, seq: int | None, lane: Lane, arrived_ticks: int) -> None:
            found.seen.setdefault(event.tag, []).append(Sighting(seq, lane, arrived_ticks, event))

        def is_meant(event: Event) -> bool:
            return event.tag in numbers and start_ticks <= event.ticks <= end_ticks

        for chunk in self._chunks(start_ticks, end_ticks):
            numbered = [each for each in enumerate(chunk.events, chunk.first_seq) if is_meant(each[1])]
            for seq, event in numbered:
                see(event, seq, chunk.lane, chunk.arrived_ticks)
            for name, judged in self._sinks.judged(self._records.some(chunk, numbered)).items():
                found.sinks.setdefault(name, SinkCount()).add(judged.counted)
                found.delivered.setdefault(name, array("q")).extend(judged.delivered)
        for held in waiting:
            for event in filter(is_meant, held.events):
                see(event, None, Lane.LIVE, held.arrived_ticks)
        return found

    def records(self, seqs: Sequence[int]) -> list[Record]:
        """Give the records at these positions, which ascend, but for those that are kept no longer."""
        found: list[Record] = []
        wanted = deque(seqs)
        while wanted:
            starts = self._reader.before(wanted[0] + 1, 1)
            chunk = self._reader.chunk(starts[0]) if starts else None
            if not isinstance(chunk, Chunk) or chunk.last_seq < wanted[0]:
                wanted.popleft()
                continue
            while wanted and wanted[0] <= chunk.last_seq:
                seq = wanted.popleft()
                found.append(self._records.one(chunk.lane, seq, chunk.events[seq - chunk.first_seq]))
        return found

    def _chunks(self, start_ticks: int, end_ticks: int) -> Iterator[Chunk]:
        for seq in self._reader.spanning(start_ticks, end_ticks):
            chunk = self._reader.chunk(seq)
            if isinstance(chunk, Chunk):
                yield chunk
