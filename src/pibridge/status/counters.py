"""What is counted while data flows: plain numbers, raised by whoever does the work, read by whoever asks."""

from collections import Counter
from dataclasses import dataclass, field


@dataclass
class StreamCounters:
    """One configured stream. Events unless said otherwise.

    `is_resolved`: PI has told what is selected, and it is read. `channels`: groups of tags that are read together, also
    by asking; open while PI answers for them. `read`: journaled from PI in both lanes; `duplicates`: dropped because
    the journal had them; `unknown`: on a channel under a WebID that was not asked for. `silent`: channels found silent
    and opened anew; `quarantined`: tags that PI refuses to read, tried again later.
    """

    is_resolved: bool = False
    tags: int = 0
    problems: int = 0
    channels: int = 0
    channels_open: int = 0
    read: int = 0
    recovered: int = 0
    duplicates: int = 0
    unknown: int = 0
    reconnects: int = 0
    silent: int = 0
    quarantined: int = 0
    last_ticks: int = 0
    last_error: str = ""


@dataclass
class SinkCounters:
    """One sink. `withheld`: records that its filter kept back, by the key of the filter that did."""

    state: str = "starting"
    delivered: int = 0
    withheld: Counter[str] = field(default_factory=Counter)
    refused: int = 0
    batches: int = 0
    retries: int = 0
    last_ticks: int = 0
    last_error: str = ""


@dataclass
class HistoryCounters:
    """Gaps (`owed`: to be read now, `paid`: closed) and events read for them (`recovered`, `duplicates`).

    `oldest_ticks`: when the oldest of those that are owed begins, 0 if there are none.
    `updates`, `deletions`: found by comparing the archive with the journal. `left_out`: times with more events than fit
    into one answer, and gaps of tags without a history. `looks`: settled ranges of time that were read again.
    """

    owed: int = 0
    oldest_ticks: int = 0
    paid: int = 0
    recovered: int = 0
    duplicates: int = 0
    updates: int = 0
    deletions: int = 0
    left_out: int = 0
    looks: int = 0


@dataclass
class AuditCounters:
    """What audits found since the start. `until_ticks`: up to here all hours were audited; 0: none was.

    `unexplained`: values that differ and could not be mended; `repaired`: that were.
    """

    until_ticks: int = 0
    unexplained: int = 0
    repaired: int = 0


@dataclass
class Counters:
    """Everything that one daemon counts, by the configured names."""

    streams: dict[str, StreamCounters] = field(default_factory=dict)
    sinks: dict[str, SinkCounters] = field(default_factory=dict)
    history: HistoryCounters = field(default_factory=HistoryCounters)
    audit: AuditCounters = field(default_factory=AuditCounters)

    def stream(self, name: str) -> StreamCounters:
        """Give the counters of a stream, made at first use."""
        return self.streams.setdefault(name, StreamCounters())

    def sink(self, name: str) -> SinkCounters:
        """Give the counters of a sink, made at first use."""
        return self.sinks.setdefault(name, SinkCounters())
