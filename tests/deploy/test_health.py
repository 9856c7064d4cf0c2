import json
import re
from collections.abc import Mapping
from typing import Any

import pytest

from deploy.cloud import template

WELL: dict[str, Any] = {
    "v": 1, "kind": "health", "site": "houston", "version": "0.1.0", "config": "12ab", "state": "running", "up_s": 90,
    "pi": {"state": "connected", "channels": 4, "channels_open": 4}, "rates": {"events_per_s": 812.5},
    "gaps": {"open": 0, "oldest_s": 0.0}, "journal": {"bytes": 1, "max_bytes": 2, "runway_s": None},
    "sinks": {"lake": {"state": "delivering", "lag_events": 0, "lag_s": 0.0}}, "problems": [],
}  # fmt: skip
LOST = {"v": 1, "kind": "health", "site": "houston", "version": "0.1.0", "config": "12ab", "state": "lost"}


def counted(record: Mapping[str, Any]) -> dict[str, float]:
    """Give the metrics that health.yaml makes of a record, as CloudWatch Logs does with these patterns."""
    found = {}
    for resource in template("health")["Resources"].values():
        if resource["Type"] == "AWS::Logs::MetricFilter":
            (metric,) = resource["Properties"]["MetricTransformations"]
            assert metric["Dimensions"] == [{"Key": "site", "Value": "$.site"}]
            value = metric["MetricValue"]
            number = _at(record, value) if value.startswith("$") else float(value)
            if _matches(record, resource["Properties"]["FilterPattern"]) and number is not None:
                found[metric["MetricName"]] = float(number)
    return found


def _matches(record: Mapping[str, Any], pattern: str) -> bool:
    return all(_is(record, term) for term in pattern.strip("{} ").split(" && "))


def _is(record: Mapping[str, Any], term: str) -> bool:
    path, operator, text = term.split(" ", 2)
    value = _at(record, path)
    wanted = re.escape(text.strip('"')).replace(r"\*", ".*")
    matches = value is not None and re.fullmatch(wanted, str(value)) is not None
    return matches if operator == "=" else value is not None and not matches


def _at(record: Any, path: str) -> Any:
    for step in re.findall(r"\w+", path):
        if isinstance(record, list):
            record = record[int(step)] if int(step) < len(record) else None
        else:
            record = record.get(step) if isinstance(record, dict) else None
    return record


@pytest.mark.parametrize(
    ("change", "metrics"),
    [
        ({}, {"HealthRecords": 1, "OldestGapSeconds": 0}),
        ({"state": "degraded"}, {"HealthRecords": 1, "NotWell": 1, "OldestGapSeconds": 0}),
        ({"gaps": {"open": 2, "oldest_s": 4000.5}}, {"HealthRecords": 1, "OldestGapSeconds": 4000.5}),
        (
            {"journal": {"bytes": 1, "max_bytes": 2, "runway_s": 3600}},
            {"HealthRecords": 1, "OldestGapSeconds": 0, "JournalRunwaySeconds": 3600},
        ),
        (
            {"problems": ["configuration refused: sinks.lake.buckett: unknown key", "channel closed"]},
            {"HealthRecords": 1, "OldestGapSeconds": 0, "ConfigurationRefused": 1},
        ),
        (
            {"audit": {"until": "", "unexplained": 2, "repaired": 0}},
            {"HealthRecords": 1, "OldestGapSeconds": 0, "UnexplainedValues": 2},
        ),
        ({"problems": ["channel closed"]}, {"HealthRecords": 1, "OldestGapSeconds": 0}),
    ],
)
def test_records_become_metrics(change: dict[str, Any], metrics: dict[str, float]) -> None:
    """Each record counts, and so does what is not well in it."""
    assert counted(json.loads(json.dumps({**WELL, **change}))) == metrics


def test_a_lost_connector_counts_as_silent() -> None:
    """What the broker tells in its place is no sign of life."""
    assert counted(LOST) == {"NotWell": 1}


def test_every_alarm_has_its_metric() -> None:
    """alarms.yaml looks at metrics that health.yaml makes, and only silence is an alarm where nothing is told."""
    made = {
        each["Properties"]["MetricTransformations"][0]["MetricName"]
        for each in template("health")["Resources"].values()
        if each["Type"] == "AWS::Logs::MetricFilter"
    }
    alarms = [each["Properties"] for each in template("alarms")["Resources"].values()]
    assert {each["MetricName"] for each in alarms} == made
    silent = [each["MetricName"] for each in alarms if each["TreatMissingData"] == "breaching"]
    assert silent == ["HealthRecords"]
