"""What the daemon says of itself at one moment. The page, `/api/status`, `/metrics` and `pibridge status` show this."""

from typing import Self

from msgspec import Struct

from pibridge.journal.letters import Count
from pibridge.model import ticks
from pibridge.status.counters import AuditCounters, HistoryCounters, SinkCounters, StreamCounters
from pibridge.status.outlook import Outlook
from pibridge.status.redaction import redacted


class PIStatus(Struct, frozen=True, kw_only=True):
    """The PI server as we see it. `url`: without credentials. `state`: one word, such as `connected`."""

    url: str
    state: str
    last_error: str = ""


class StreamStatus(Struct, frozen=True, kw_only=True):
    """One configured stream: its `StreamCounters`.

    `last_ts`: time of its newest event as text, empty before the first.
    """

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
    last_ts: str = ""
    last_error: str = ""

    @classmethod
    def of(cls, counters: StreamCounters) -> Self:
        """Copy the counters as they are now."""
        return cls(
            tags=counters.tags,
            problems=counters.problems,
            channels=counters.channels,
            channels_open=counters.channels_open,
            read=counters.read,
            recovered=counters.recovered,
            duplicates=counters.duplicates,
            unknown=counters.unknown,
            reconnects=counters.reconnects,
            silent=counters.silent,
            quarantined=counters.quarantined,
            last_ts=_text(counters.last_ticks),
            last_error=redacted("", counters.last_error),
        )


class SinkStatus(Struct, frozen=True, kw_only=True):
    """One sink: `SinkCounters`, with how far it is behind the journal.

    `lag_events`: journaled, not yet acknowledged, both lanes; `lag_s`: how old the newest acknowledged event is, 0 if
    nothing waits; `last_ts`: its time as text, empty before the first. `dead_letters`: kept, as of a second ago, and
    `last_refusal`: the reason of the newest; `resending`: those that wait to be sent again.
    """

    state: str = "starting"
    delivered: int = 0
    withheld: dict[str, int] = {}
    refused: int = 0
    batches: int = 0
    retries: int = 0
    lag_events: int = 0
    lag_s: float = 0.0
    last_ts: str = ""
    last_error: str = ""
    dead_letters: int = 0
    resending: int = 0
    last_refusal: str = ""

    @classmethod
    def of(cls, counters: SinkCounters, letters: Count, *, lag_events: int, lag_s: float) -> Self:
        """Copy the counters as they are now."""
        return cls(
            state=counters.state,
            delivered=counters.delivered,
            withheld=dict(counters.withheld),
            refused=counters.refused,
            batches=counters.batches,
            retries=counters.retries,
            lag_events=lag_events,
            lag_s=lag_s,
            last_ts=_text(counters.last_ticks),
            last_error=redacted("", counters.last_error),
            dead_letters=letters.kept,
            resending=letters.resending,
            last_refusal=redacted("", letters.newest_reason),
        )


class JournalStatus(Struct, frozen=True, kw_only=True):
    """The journal on disk.

    `events`: held now; `bytes`: used of `max_bytes`, `reserved_bytes` of them for other than events;
    `oldest_seq`, `newest_seq`: 0 if it is empty;
    `gaps`: not paid yet, also of tags that are not heard now; `dead_letters`: kept refusals;
    `damaged`: chunks set aside; `dropped`: events given up because it was full; `held`: those that wait for a batch.
    """

    events: int = 0
    bytes: int = 0
    max_bytes: int = 0
    reserved_bytes: int = 0
    oldest_seq: int = 0
    newest_seq: int = 0
    gaps: int = 0
    dead_letters: int = 0
    damaged: int = 0
    dropped: int = 0
    held: int = 0


class HistoryStatus(Struct, frozen=True, kw_only=True):
    """What was read from PI's archive since the start of the daemon: gaps paid, and settled time read again.

    `updates`, `deletions`, `left_out`, `looks`: as in `HistoryCounters`. `oldest_gap`: when the oldest open gap begins,
    as text, or empty.
    """

    gaps_open: int = 0
    oldest_gap: str = ""
    gaps_paid: int = 0
    events_recovered: int = 0
    updates: int = 0
    deletions: int = 0
    left_out: int = 0
    looks: int = 0

    @classmethod
    def of(cls, counters: HistoryCounters) -> Self:
        """Copy the counters as they are now."""
        return cls(
            gaps_open=counters.owed,
            oldest_gap=_text(counters.oldest_ticks),
            gaps_paid=counters.paid,
            events_recovered=counters.recovered,
            updates=counters.updates,
            deletions=counters.deletions,
            left_out=counters.left_out,
            looks=counters.looks,
        )


class AuditStatus(Struct, frozen=True, kw_only=True):
    """What audits found since the start of the daemon: its `AuditCounters`.

    `until`: up to when all hours were audited, as text, empty before the first.
    """

    until: str = ""
    unexplained: int = 0
    repaired: int = 0

    @classmethod
    def of(cls, counters: AuditCounters) -> Self:
        """Copy the counters as they are now."""
        return cls(until=_text(counters.until_ticks), unexplained=counters.unexplained, repaired=counters.repaired)


class ConfigurationStatus(Struct, frozen=True, kw_only=True):
    """What the daemon was told. `hash`: the beginning of the SHA-256 of its text, empty if it was read from nowhere.

    `loaded`: since when it runs, as text. `refused`: what was wrong with a newer one, a line each; empty: nothing.
    """

    hash: str = ""
    loaded: str = ""
    refused: list[str] = []


class Snapshot(Struct, frozen=True, kw_only=True):
    """Everything, at one moment. `started`: when the daemon started, as text (UTC, `Z`).

    `reasons`: why it is not ready, a line each; none: it is. `outlook`: what the page made of the last minutes.
    """

    version: str
    site: str
    started: str
    pi: PIStatus
    streams: dict[str, StreamStatus] = {}
    sinks: dict[str, SinkStatus] = {}
    journal: JournalStatus = JournalStatus()
    history: HistoryStatus = HistoryStatus()
    audit: AuditStatus = AuditStatus()
    configuration: ConfigurationStatus = ConfigurationStatus()
    reasons: list[str] = []
    outlook: Outlook = Outlook()


def _text(moment_ticks: int) -> str:
    return ticks.render(moment_ticks) if moment_ticks else ""
