from typing import Any

import pytest

from config.trees import problems_of, small
from pibridge.config.unbuilt import unbuilt
from pibridge.sinks import BUILT as BUILT_SINKS
from pibridge.sinks.formats import FORMATS

SINKS = ("s3", "file", "iot_core", "greengrass_local", "mqtt", "sitewise", "kinesis")
ALL_FORMATS = ("jsonl", "jsonl.gz", "jsonl.zst", "parquet")


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        (
            {"sinks__cloud": {"type": "kinesis", "stream": "k"}},
            "sinks.cloud.type: kinesis is not built in this version; it has file, s3, iot_core, mqtt",
        ),
        (
            {"sinks__cloud": {"type": "iot_core", "transport": "greengrass"}},
            "sinks.cloud.transport: greengrass is not built in this version; it has mqtt",
        ),
        (
            {"sinks__local__format": "parquet"},
            "sinks.local.format: parquet is not built in this version; it has jsonl, jsonl.gz, jsonl.zst",
        ),
    ],
)
def test_what_is_not_built_is_refused(changes: dict[str, Any], problem: str) -> None:
    """One clear line, and no other complaint about what is right."""
    assert problems_of(small(**changes)) == [problem]


def test_what_is_refused_is_what_cannot_be_made() -> None:
    """Sinks and formats are refused here exactly where their rooms do not have them."""
    assert {each for each in SINKS if not unbuilt({"sinks": {"x": {"type": each}}})} == set(BUILT_SINKS)
    assert {each for each in ALL_FORMATS if not unbuilt({"sinks": {"x": {"format": each}}})} == set(FORMATS)


@pytest.mark.parametrize(
    "tree", [None, "x", [], {"sinks": None}, {"sinks": {"a": "b"}}, {"streams": {"a": {"select": []}}}]
)
def test_a_tree_with_other_faults_is_no_crash(tree: object) -> None:
    """What is not a mapping where one belongs is somebody else's problem."""
    assert unbuilt(tree) == []
