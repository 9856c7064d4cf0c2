"""How the daemon is, in one record. Pure."""

from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Any, Final, Self

from msgspec import Struct

from pibridge.model import ticks
from pibridge.status.snapshot import AuditStatus, JournalStatus, SinkStatus, Snapshot

STARTING_S: Final = 300.0
"""So long a daemon may take until all is well for the first time."""
_MOST_PROBLEMS: Final = 20
_MOST_CHARACTERS: Final = 200
_FEW_EVENTS: Final = 100_000
_EVENT_BYTES: Final = 64.0
"""What an event takes in a journal that holds too few to tell: more than it ever took."""


class State(StrEnum):
    """How the daemon is, in a word. Lost: its connection was, without a goodbye; the broker says so."""

    STARTING = "starting"
    RUNNING = "running"
    DEGRADED = "degraded"
    STOPPING = "stopping"
    LOST = "lost"


class PIHealth(Struct, frozen=True, kw_only=True):
    """The PI server, and the channels of all streams together."""

    state: str
    channels: int
    channels_open: int


class Rates(Struct, frozen=True, kw_only=True):
    """Since the record before."""

    events_per_s: float


class GapsHealth(Struct, frozen=True, kw_only=True):
    """Gaps that are to be read now. `oldest_s`: how long ago the oldest began, 0 if there are none."""

    open: int
    oldest_s: float


class JournalHealth(Struct, frozen=True, kw_only=True):
    """The journal on disk. `runway_s`: how long it takes what comes now if no sink takes any more; null: unknown."""

    bytes: int
    max_bytes: int
    runway_s: float | None


class SinkHealth(Struct, frozen=True, kw_only=True):
    """One sink. `refused`, `withheld`: records, since the start of the daemon, as `delivered`."""

    state: str
    lag_events: int
    lag_s: float
    delivered: int
    refused: int
    withheld: int

    @classmethod
    def of(cls, status: SinkStatus) -> Self:
        """Take what counts of its status."""
        return cls(
            state=status.state,
            lag_events=status.lag_events,
            lag_s=round(status.lag_s, 1),
            delivered=status.delivered,
            refused=status.refused,
            withheld=sum(status.withheld.values()),
        )


class Health(Struct, frozen=True, kw_only=True):
    """The record. `config`: hash of the configuration that runs. `problems`: a line each, for people."""

    v: int = 1
    kind: str = "health"
    site: str
    version: str
    config: str
    state: State
    shard: Mapping[str, int] | None = None
    up_s: int
    pi: PIHealth
    rates: Rates
    gaps: GapsHealth
    journal: JournalHealth
    sinks: dict[str, SinkHealth]
    audit: AuditStatus
    problems: list[str] = []


class Reading(Struct, frozen=True):
    """How many events had been read since the start, at a time of a clock that only goes forward."""

    at_s: float
    events: int

    @classmethod
    def of(cls, snapshot: Snapshot, at_s: float) -> Self:
        """Read it off."""
        return cls(at_s, sum(stream.read for stream in snapshot.streams.values()))

    def per_s(self, since: "Reading") -> float:
        """Give the events a second since an earlier reading."""
        return max(0, self.events - since.events) / max(0.001, self.at_s - since.at_s)


def state_of(reasons: Sequence[str], up_s: float, *, was_well: bool) -> State:
    """Say it in a word. `reasons`: why not all is well now."""
    if not reasons:
        return State.RUNNING
    return State.DEGRADED if was_well or up_s > STARTING_S else State.STARTING


def health_of(  # noqa: PLR0913 - a snapshot, and what it does not tell
    snapshot: Snapshot,
    state: State,
    problems: Sequence[str],
    *,
    events_per_s: float,
    now_ticks: int,
    shard: Mapping[str, int] | None = None,
) -> Health:
    """Give the record."""
    streams = snapshot.streams.values()
    oldest = snapshot.history.oldest_gap
    return Health(
        site=snapshot.site,
        version=snapshot.version,
        config=snapshot.configuration.hash,
        state=state,
        shard=shard,
        up_s=max(0, (now_ticks - ticks.parse(snapshot.started)) // ticks.PER_SECOND),
        pi=PIHealth(
            state=snapshot.pi.state,
            channels=sum(stream.channels for stream in streams),
            channels_open=sum(stream.channels_open for stream in streams),
        ),
        rates=Rates(events_per_s=round(events_per_s, 3)),
        gaps=GapsHealth(
            open=snapshot.history.gaps_open,
            oldest_s=round(max(0, now_ticks - ticks.parse(oldest)) / ticks.PER_SECOND, 1) if oldest else 0.0,
        ),
        journal=JournalHealth(
            bytes=snapshot.journal.bytes,
            max_bytes=snapshot.journal.max_bytes,
            runway_s=runway_s(snapshot.journal, snapshot.sinks, events_per_s),
        ),
        audit=snapshot.audit,
        sinks={name: SinkHealth.of(sink) for name, sink in snapshot.sinks.items()},
        problems=[line[:_MOST_CHARACTERS] for line in problems[:_MOST_PROBLEMS]],
    )


def runway_s(journal: JournalStatus, sinks: Mapping[str, SinkStatus], events_per_s: float) -> float | None:
    """Give how long the journal takes what comes now if no sink takes any more; None: nothing comes.

    What all sinks have makes room first.
    """
    if events_per_s <= 0:
        return None
    event_bytes = journal.bytes / journal.events if journal.events >= _FEW_EVENTS else _EVENT_BYTES
    owed = max((sink.lag_events for sink in sinks.values()), default=0)
    return round(max(0.0, journal.max_bytes - owed * event_bytes) / (events_per_s * event_bytes), 1)


def lost(site: str, version: str, config: str) -> dict[str, Any]:
    """Give the record that the broker publishes when the connection is lost."""
    return {"v": 1, "kind": "health", "site": site, "version": version, "config": config, "state": State.LOST}
