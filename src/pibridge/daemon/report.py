"""What the daemon says of itself: the state of all parts at one moment."""

import time

from msgspec.structs import replace

from pibridge import __version__
from pibridge.config.loaded import Loaded
from pibridge.journal.journal import Journal
from pibridge.journal.letters import Count
from pibridge.journal.stat import JournalStat
from pibridge.model import ticks
from pibridge.model.event import Lane
from pibridge.pi.client import PiClient
from pibridge.status.counters import Counters
from pibridge.status.redaction import redacted
from pibridge.status.snapshot import (
    AuditStatus,
    ConfigurationStatus,
    HistoryStatus,
    JournalStatus,
    PIStatus,
    SinkStatus,
    Snapshot,
    StreamStatus,
)


class Report:
    """Gathers the snapshot from the counters and the journal; cheap enough to be asked every second.

    `refused`: what is wrong with a configuration that is newer than the one that runs, a line each.
    """

    def __init__(self, loaded: Loaded, counters: Counters, journal: Journal, client: PiClient) -> None:
        self._counters = counters
        self._journal = journal
        self._started_ticks = ticks.from_seconds(time.time())
        self.follow(loaded, client)

    def follow(self, loaded: Loaded, client: PiClient) -> None:
        """Tell of these from now on."""
        self._hash, self._configuration, self._client = loaded.hash, loaded.configuration, client
        self._loaded_ticks = ticks.from_seconds(time.time())
        self.refused: list[str] = []

    def snapshot(self) -> Snapshot:
        """Give the state now."""
        snapshot = self._counted()
        return replace(snapshot, reasons=self._reasons(snapshot))

    def not_ready(self) -> list[str]:
        """Give why not all is well, a line each; nothing if it is."""
        return self.snapshot().reasons

    def _counted(self) -> Snapshot:
        stat = self._journal.stat()
        history = self._counters.history
        return Snapshot(
            version=__version__,
            site=self._configuration.site,
            started=ticks.render(self._started_ticks),
            pi=self._pi(),
            streams={name: StreamStatus.of(self._counters.stream(name)) for name in self._configuration.streams},
            sinks={name: self._sink(name, stat) for name in self._configuration.sinks},
            journal=JournalStatus(
                events=stat.events,
                bytes=stat.used_bytes,
                max_bytes=stat.max_bytes,
                reserved_bytes=stat.reserved_bytes,
                oldest_seq=stat.oldest_seq,
                newest_seq=stat.newest_seq,
                gaps=stat.gaps,
                dead_letters=sum(count.kept for count in stat.letters.values()),
                damaged=stat.damaged_chunks,
                dropped=stat.dropped_events,
                held=stat.held,
            ),
            history=HistoryStatus.of(history),
            audit=AuditStatus.of(self._counters.audit),
            configuration=ConfigurationStatus(
                hash=self._hash, loaded=ticks.render(self._loaded_ticks), refused=self.refused
            ),
        )

    def _reasons(self, snapshot: Snapshot) -> list[str]:
        reasons = [f"pi: {snapshot.pi.last_error or snapshot.pi.state}"] if snapshot.pi.state != "connected" else []
        reasons += [
            f"stream {name}: {stream.channels_open} of {stream.channels} channels open, {stream.tags} tags"
            for name, stream in snapshot.streams.items()
            if stream.channels_open < stream.channels or not self._counters.stream(name).is_resolved
        ]
        reasons += [
            f"stream {name}: PI refuses all of its {stream.quarantined} tags; the log says why"
            for name, stream in snapshot.streams.items()
            if stream.quarantined and not stream.channels
        ]
        reasons += [
            f"sink {name}: {sink.last_error or sink.state}"
            for name, sink in snapshot.sinks.items()
            if sink.state != "delivering"
        ]
        if self._journal.stat().full:
            reasons.append("journal: full")
        return reasons

    def _pi(self) -> PIStatus:
        streams = [self._counters.stream(name) for name in self._configuration.streams]
        connected = any(stream.channels_open for stream in streams)
        refused = not self._client.gate.is_open
        state = "refused" if refused else "connected" if connected else "connecting"
        error = "" if connected else next((stream.last_error for stream in streams if stream.last_error), "")
        return PIStatus(url=self._configuration.pi.url, state=state, last_error=redacted("", error))

    def _sink(self, name: str, stat: JournalStat) -> SinkStatus:
        counters = self._counters.sink(name)
        lag_events = sum(stat.lag.get((name, lane), 0) for lane in Lane)
        since = counters.last_ticks or self._started_ticks
        lag_s = max(0.0, (self._client.server_ticks() - since) / ticks.PER_SECOND) if lag_events else 0.0
        letters = stat.letters.get(name, Count())
        return SinkStatus.of(counters, letters, lag_events=lag_events, lag_s=lag_s)
