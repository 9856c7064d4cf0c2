"""The snapshot as Prometheus metrics, made when somebody asks.

Labels are the version, configured names (site, streams, sinks), keys of filters and the words of a state: their number
is bounded.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping

from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector

from pibridge.model import ticks
from pibridge.status.outlook import Outlook
from pibridge.status.snapshot import SinkStatus, Snapshot, StreamStatus

Family = type[CounterMetricFamily] | type[GaugeMetricFamily]

_STREAM: Mapping[str, tuple[str, Family, str]] = {
    "tags": ("tags", GaugeMetricFamily, "Tags that the stream reads."),
    "problems": ("problems", GaugeMetricFamily, "Tags or selections of the stream that cannot be read."),
    "channels": ("channels", GaugeMetricFamily, "Channels that the stream should have."),
    "channels_open": ("channels_open", GaugeMetricFamily, "Channels of the stream that are open."),
    "read": ("events_read", CounterMetricFamily, "Events journaled from PI, live and history."),
    "recovered": ("events_recovered", CounterMetricFamily, "Events that were read from PI's archive."),
    "duplicates": ("events_duplicate", CounterMetricFamily, "Events that the journal had already."),
    "unknown": ("events_unknown", CounterMetricFamily, "Events of a tag that was not asked for."),
    "reconnects": ("reconnects", CounterMetricFamily, "Channels that were opened again."),
    "silent": ("silent_channels", CounterMetricFamily, "Channels that were open and brought nothing, opened again."),
    "quarantined": ("quarantined_tags", GaugeMetricFamily, "Tags that PI refuses to read; they are tried again."),
}
_SINK: Mapping[str, tuple[str, Family, str]] = {
    "delivered": ("records_delivered", CounterMetricFamily, "Records that the far side has confirmed."),
    "refused": ("records_refused", CounterMetricFamily, "Records that the far side refused for good."),
    "batches": ("batches", CounterMetricFamily, "Batches that the far side has confirmed."),
    "retries": ("retries", CounterMetricFamily, "Batches that were tried again."),
    "dead_letters": ("dead_letters", GaugeMetricFamily, "Records kept that the far side refused for good."),
    "resending": ("resending", GaugeMetricFamily, "Dead letters that wait to be sent again."),
    "lag_events": ("lag_events", GaugeMetricFamily, "Events journaled and not yet acknowledged by the sink."),
    "lag_s": ("lag_seconds", GaugeMetricFamily, "Age of the newest acknowledged event; 0 if nothing waits."),
}
_JOURNAL: Mapping[str, tuple[str, Family, str]] = {
    "events": ("events", GaugeMetricFamily, "Events held in the journal."),
    "bytes": ("bytes", GaugeMetricFamily, "Disk that the journal uses."),
    "max_bytes": ("max_bytes", GaugeMetricFamily, "Disk that the journal may use."),
    "reserved_bytes": ("reserved_bytes", GaugeMetricFamily, "Of that, what is reserved for other than events."),
    "oldest_seq": ("oldest_seq", GaugeMetricFamily, "Position of the oldest event held."),
    "newest_seq": ("newest_seq", GaugeMetricFamily, "Position of the newest event held."),
    "gaps": ("gaps", GaugeMetricFamily, "Gaps that are not paid yet, also those of tags that are not heard now."),
    "dead_letters": ("dead_letters", GaugeMetricFamily, "Records kept that a sink refused for good."),
    "damaged": ("damaged_chunks", GaugeMetricFamily, "Chunks set aside because they cannot be read."),
    "dropped": ("dropped_events", GaugeMetricFamily, "Events given up undelivered because the journal was full."),
    "held": ("held_events", GaugeMetricFamily, "Events that wait until their batch is known."),
}
_HISTORY: Mapping[str, tuple[str, Family, str]] = {
    "gaps_open": ("gaps_open", GaugeMetricFamily, "Gaps of tags that are read, to be paid now."),
    "gaps_paid": ("gaps_paid", CounterMetricFamily, "Gaps paid from PI's archive since the start."),
    "events_recovered": ("events_recovered", CounterMetricFamily, "Events recovered by paying gaps since the start."),
    "updates": ("updates", CounterMetricFamily, "Values found replaced in PI's archive."),
    "deletions": ("deletions", CounterMetricFamily, "Values found deleted from PI's archive."),
    "left_out": ("left_out", CounterMetricFamily, "Times with more events than fit into one answer of PI."),
    "looks": ("looks", CounterMetricFamily, "Settled ranges of time that were read again."),
}
_AUDIT: Mapping[str, tuple[str, Family, str]] = {
    "unexplained": (
        "unexplained",
        CounterMetricFamily,
        "Values that differ from PI's and could not be mended.",
    ),
    "repaired": ("repaired", CounterMetricFamily, "Values that an audit found missing or changed, and mended."),
}

_OUTLOOK: Mapping[str, tuple[str, str]] = {
    "full_in_s": ("full_in_seconds", "When the journal is full if the backlog grows on; left out if it does not."),
    "outage_s": ("outage_seconds", "How long the journal lasts if nothing is delivered; left out until it is known."),
}


def families(snapshot: Snapshot) -> Iterator[Metric]:
    """Give the metrics of one snapshot."""
    yield _one("pibridge_info", "Version and site.", {"version": snapshot.version, "site": snapshot.site})
    yield _one("pibridge_pi_state", "State of the PI server; 1 for the state it is in.", {"state": snapshot.pi.state})
    yield GaugeMetricFamily(
        "pibridge_start_time_seconds", "Unix time of the daemon's start.", value=_unix_s(snapshot.started)
    )
    yield from _by_name("stream", _STREAM, snapshot.streams)
    yield from _by_name("sink", _SINK, snapshot.sinks)
    yield from _sink_words(snapshot.sinks)
    yield from _outlook(snapshot.outlook)
    for part, table, status in (
        ("journal", _JOURNAL, snapshot.journal),
        ("history", _HISTORY, snapshot.history),
        ("audit", _AUDIT, snapshot.audit),
    ):
        for field, (name, family, text) in table.items():
            yield family(f"pibridge_{part}_{name}", text, value=getattr(status, field))


class SnapshotMetrics(Collector):
    """Asks for a snapshot at each scrape; keeps nothing."""

    def __init__(self, snapshot: Callable[[], Snapshot]) -> None:
        self._snapshot = snapshot
        self._registry = CollectorRegistry(auto_describe=False)
        self._registry.register(self)

    def collect(self) -> Iterable[Metric]:
        """Give the metrics of this moment."""
        return families(self._snapshot())

    def describe(self) -> Iterable[Metric]:
        """Name nothing ahead, so that registering takes no snapshot."""
        return ()

    def exposition(self, accept: str) -> tuple[bytes, str]:
        """Give the text in the format that the Accept header asks for, and its Content-Type."""
        encode, content_type = choose_encoder(accept)
        return encode(self._registry), content_type


def _by_name(
    part: str,
    table: Mapping[str, tuple[str, Family, str]],
    statuses: Mapping[str, StreamStatus] | Mapping[str, SinkStatus],
) -> Iterator[Metric]:
    for field, (name, family, text) in table.items():
        metric = family(f"pibridge_{part}_{name}", text, labels=[part])
        for configured, status in statuses.items():
            metric.add_metric([configured], getattr(status, field))
        yield metric
    newest = GaugeMetricFamily(
        f"pibridge_{part}_newest_event_seconds", f"Unix time of the newest event of the {part}.", labels=[part]
    )
    for configured, status in statuses.items():
        if status.last_ts:
            newest.add_metric([configured], _unix_s(status.last_ts))
    yield newest


def _sink_words(sinks: Mapping[str, SinkStatus]) -> Iterator[Metric]:
    state = GaugeMetricFamily(
        "pibridge_sink_state", "State of the sink; 1 for the state it is in.", labels=["sink", "state"]
    )
    withheld = CounterMetricFamily(
        "pibridge_sink_records_withheld", "Records that the sink's filter kept back.", labels=["sink", "reason"]
    )
    for configured, status in sinks.items():
        state.add_metric([configured, status.state], 1)
        for reason, records in status.withheld.items():
            withheld.add_metric([configured, reason], records)
    yield state
    yield withheld


def _outlook(outlook: Outlook) -> Iterator[Metric]:
    for field, (name, text) in _OUTLOOK.items():
        metric = GaugeMetricFamily(f"pibridge_journal_{name}", text)
        if (value := getattr(outlook, field)) is not None:
            metric.add_metric([], value)
        yield metric
    catch_up = GaugeMetricFamily(
        "pibridge_sink_catch_up_seconds",
        "When nothing waits any more; left out unless it draws nearer.",
        labels=["sink"],
    )
    for sink, seconds in outlook.catch_up_s.items():
        catch_up.add_metric([sink], seconds)
    yield catch_up


def _one(name: str, text: str, labels: Mapping[str, str]) -> Metric:
    metric = GaugeMetricFamily(name, text, labels=list(labels))
    metric.add_metric(list(labels.values()), 1)
    return metric


def _unix_s(moment: str) -> float:
    return ticks.parse(moment) / ticks.PER_SECOND
