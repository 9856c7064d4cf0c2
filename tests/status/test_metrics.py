import re
from pathlib import Path
from typing import TypeVar

import msgspec
import pytest
from msgspec.structs import replace
from prometheus_client.parser import text_string_to_metric_families

from pibridge.status.metrics import SnapshotMetrics, families
from pibridge.status.outlook import Outlook
from pibridge.status.snapshot import HistoryStatus, JournalStatus, SinkStatus, Snapshot, StreamStatus
from status.moments import BUSY, FRESH, NEWEST_UNIX_S

Part = TypeVar("Part", bound=msgspec.Struct)
Sample = tuple[str, frozenset[tuple[str, str]]]


def scraped(snapshot: Snapshot) -> dict[Sample, float]:
    """Give what a Prometheus server reads from the text, by name and labels."""
    text, _ = SnapshotMetrics(lambda: snapshot).exposition("text/plain")
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(text.decode())
        for sample in family.samples
    }


def value(samples: dict[Sample, float], name: str, **labels: str) -> float:
    """Give one sample."""
    return samples[name, frozenset(labels.items())]


def test_streams_and_sinks_are_labelled_by_their_configured_names() -> None:
    """A scrape tells of each stream and sink what it read, delivered, kept back and owes."""
    samples = scraped(BUSY)
    assert value(samples, "pibridge_stream_events_read_total", stream="reactors") == 4_000
    assert value(samples, "pibridge_stream_problems", stream="utilities") == 1
    assert value(samples, "pibridge_stream_silent_channels_total", stream="reactors") == 2
    assert value(samples, "pibridge_stream_quarantined_tags", stream="utilities") == 3
    assert value(samples, "pibridge_stream_newest_event_seconds", stream="reactors") == NEWEST_UNIX_S
    assert value(samples, "pibridge_sink_records_delivered_total", sink="lake") == 3_900
    assert value(samples, "pibridge_sink_records_withheld_total", sink="lake", reason="quality") == 60
    assert value(samples, "pibridge_sink_dead_letters", sink="lake") == 4
    assert value(samples, "pibridge_sink_resending", sink="lake") == 5
    assert value(samples, "pibridge_sink_state", sink="lake", state="waiting") == 1
    assert value(samples, "pibridge_sink_lag_seconds", sink="lake") == 1.5
    assert value(samples, "pibridge_journal_bytes") == 65_536
    assert value(samples, "pibridge_history_gaps_paid_total") == 5
    assert value(samples, "pibridge_history_updates_total") == 11
    assert value(samples, "pibridge_history_deletions_total") == 12
    assert value(samples, "pibridge_history_left_out_total") == 13
    assert value(samples, "pibridge_history_looks_total") == 14
    assert value(samples, "pibridge_pi_state", state="connected") == 1
    assert value(samples, "pibridge_info", version="0.1.0", site="houston") == 1


def test_a_stream_without_events_has_no_newest_time() -> None:
    """No time is left out, so that an alert on age does not see 1970."""
    assert ("pibridge_stream_newest_event_seconds", frozenset({("stream", "utilities")})) not in scraped(BUSY)


def test_every_number_of_the_snapshot_is_a_metric() -> None:
    """A counter added to the snapshot cannot be forgotten here: every number arrives with its own value."""
    numbers = iter(range(1_000, 2_000))

    def numbered(part: type[Part]) -> Part:
        fields = [field.name for field in msgspec.structs.fields(part) if field.type in {int, float}]
        return part(**{name: next(numbers) for name in fields})

    snapshot = msgspec.structs.replace(
        FRESH,
        streams={"reactors": numbered(StreamStatus)},
        sinks={"lake": numbered(SinkStatus)},
        journal=numbered(JournalStatus),
        history=numbered(HistoryStatus),
    )
    used = next(numbers) - 1_000
    assert used > 25
    assert set(range(1_000, 1_000 + used)) <= set(scraped(snapshot).values())


def test_names_do_not_depend_on_what_happened() -> None:
    """The same metrics are there before the first event, so dashboards and alerts find them."""
    assert [family.name for family in families(FRESH)] == [family.name for family in families(BUSY)]


def test_errors_never_become_labels() -> None:
    """Texts of errors are unbounded: they stay out of the metrics."""
    assert not any("unknown point" in text for _, labels in scraped(BUSY) for _, text in labels)


@pytest.mark.parametrize(
    ("accept", "content_type"),
    [
        ("", "text/plain"),
        ("text/plain", "text/plain"),
        ("application/openmetrics-text;version=1.0.0", "application/openmetrics-text"),
    ],
)
def test_the_scraper_chooses_the_format(accept: str, content_type: str) -> None:
    """Prometheus gets the format it asks for; everybody else plain text."""
    text, given = SnapshotMetrics(lambda: BUSY).exposition(accept)
    assert given.startswith(content_type)
    assert text.endswith(b"# EOF\n") == (content_type == "application/openmetrics-text")


def test_every_metric_is_documented() -> None:
    """The table in docs/status-page.md names what a scrape has, with its labels, and nothing else."""
    page = (Path(__file__).parents[2] / "docs" / "status-page.md").read_text(encoding="utf-8")
    told = set(re.findall(r"`(pibridge_\w+)(?:\{([\w,]+)\})?`", page.partition("## Metrics")[2].partition("Worth")[0]))
    busy = replace(BUSY, outlook=Outlook(full_in_s=1, outage_s=1, catch_up_s={"lake": 1}))
    scraped_ = {(name, frozenset(key for key, _ in labels)) for name, labels in scraped(busy)}
    assert {(name, frozenset(labels.split(",")) - {""}) for name, labels in told} == scraped_


def test_the_outlook_is_told_only_where_there_is_one() -> None:
    """A journal that does not fill has no time when it is full: an alarm on it sees nothing."""
    assert not {name for name, _ in scraped(BUSY) if "full_in" in name or "catch_up" in name}
    samples = scraped(replace(BUSY, outlook=Outlook(full_in_s=60, catch_up_s={"lake": 5})))
    assert value(samples, "pibridge_journal_full_in_seconds") == 60
    assert value(samples, "pibridge_sink_catch_up_seconds", sink="lake") == 5
