"""What a replay would send: read from the journal beside the daemon, counted, sent nowhere."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from pibridge.context.choice import Choice, Chooser
from pibridge.context.filters import Filter
from pibridge.context.record import Record, json_lines
from pibridge.journal.chunks import Chunk
from pibridge.journal.reader import JournalReader
from pibridge.model.event import Event, Lane

_LAST_SEQ = 1 << 62


@dataclass(frozen=True)
class Run:
    """Events of one chunk that may be meant, each with its place."""

    lane: Lane
    first_seq: int
    events: Sequence[tuple[int, Event]]


@dataclass
class Outcome:
    """What a sink's filter would do: let so many pass, and withhold others, by its key."""

    admitted: int = 0
    withheld: Counter[str] = field(default_factory=Counter)

    def take(self, reason: str) -> None:
        """Count one record."""
        if reason:
            self.withheld[reason] += 1
        else:
            self.admitted += 1


@dataclass
class Preview:
    """Records, counted. `bytes`: as lines of JSON. `times`: of the first and the last, in ticks."""

    events: int = 0
    bytes: int = 0
    times: tuple[int, int] | None = None
    tags: Counter[str] = field(default_factory=Counter)
    sinks: dict[str, Outcome] = field(default_factory=dict)


def runs(reader: JournalReader, choice: Choice, chooser: Chooser) -> Iterator[Run]:
    """Give what the journal holds of a choice, chunk by chunk in the order of places; the batch is not looked at."""
    for seq in reader.spanning(choice.start_ticks, choice.end_ticks, 0, _LAST_SEQ):
        chunk = reader.chunk(seq)
        if isinstance(chunk, Chunk) and (meant := chooser.events(chunk.lane, seq, chunk.events)):
            yield Run(chunk.lane, seq, meant)


def chosen(reader: JournalReader, choice: Choice, chooser: Chooser) -> Iterator[list[Record]]:
    """Give the records that are meant, in the order of their places."""
    for run in runs(reader, choice, chooser):
        if records := chooser.records(run.lane, run.first_seq, run.events):
            yield records


def preview(parts: Iterable[Sequence[Record]], admit: Mapping[str, Filter]) -> Preview:
    """Count records. `admit`: the filters of the sinks that would get them."""
    found = Preview(sinks={name: Outcome() for name in admit})
    for records in parts:
        found.events += len(records)
        found.bytes += len(json_lines(records))
        found.tags.update(record.context.tag.name for record in records)
        times = [record.event.ticks for record in records]
        earliest, latest = found.times or (times[0], times[0])
        found.times = min(earliest, *times), max(latest, *times)
        for name, admits in admit.items():
            for record in records:
                found.sinks[name].take(admits(record))
    return found
