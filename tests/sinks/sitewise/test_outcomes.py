from typing import Any

from pibridge.sinks.sitewise.outcomes import failures
from pibridge.sinks.sitewise.packing import Entry
from pibridge.sinks.sitewise.tqv import Tqv
from sinks.sitewise.samples import NOW, record

VALUES = [Tqv(record(seq, 1.0, at=NOW + seq * 10_000_000), "/a", "doubleValue", 1.0, "GOOD") for seq in range(1, 4)]
ENTRIES = {"0": Entry("/a", VALUES)}


def error(code: str, *times: dict[str, int]) -> dict[str, Any]:
    """Give an error entry as the API has it."""
    return {"entryId": "0", "errors": [{"errorCode": code, "errorMessage": "why", "timestamps": list(times)}]}


def test_an_error_without_times_is_about_the_whole_entry() -> None:
    """None of its values was taken."""
    found = failures(ENTRIES, [error("ThrottlingException")])
    assert [each.value.record.seq for each in found] == [1, 2, 3]
    assert {each.reason for each in found} == {"ThrottlingException: why"}


def test_an_error_with_times_is_about_these() -> None:
    """The others were taken; zero nanoseconds may be left out."""
    found = failures(ENTRIES, [error("InvalidRequestException", {"timeInSeconds": 1_770_000_002})])
    assert [each.value.record.seq for each in found] == [2]


def test_a_property_that_is_not_there_has_a_next_step() -> None:
    """The reason names the command that makes it."""
    found = failures(ENTRIES, [error("ResourceNotFoundException")])
    assert found[0].reason.endswith("make the property by pibridge sitewise sync")
