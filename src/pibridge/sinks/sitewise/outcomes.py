"""What SiteWise says about entries of a request, and what follows from it. Pure."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

from msgspec import Struct

from pibridge.sinks.sitewise.packing import Entry
from pibridge.sinks.sitewise.tqv import Tqv

AGAIN: Final = frozenset(
    {
        "ThrottlingException",
        "InternalFailureException",
        "ServiceUnavailableException",
        "ConflictingOperationException",
    }
)
"""May pass by itself."""
LIMIT: Final = "LimitExceededException"
DENIED: Final = "AccessDeniedException"
OUT_OF_RANGE: Final = "TimestampOutOfRangeException"
INVALID: Final = "InvalidRequestException"
NOT_FOUND: Final = "ResourceNotFoundException"


class Failure(Struct, frozen=True):
    """Why a data point was not taken, in SiteWise's words."""

    value: Tqv
    code: str
    message: str

    @property
    def reason(self) -> str:
        """Tell it to people."""
        hint = "; make the property by pibridge sitewise sync" if self.code == NOT_FOUND else ""
        return f"{self.code}: {self.message}{hint}"


def failures(entries: Mapping[str, Entry], error_entries: Iterable[Mapping[str, Any]]) -> list[Failure]:
    """Give the data points that were not taken, each once. `entries`: what was sent, by entry id.

    An error that names times is about these alone; all others of its entry were taken.
    """
    found: dict[int, Failure] = {}
    for error_entry in error_entries:
        entry = entries[error_entry["entryId"]]
        for error in error_entry["errors"]:
            for value in _meant(entry, error["timestamps"]):
                found.setdefault(value.record.seq, Failure(value, error["errorCode"], error["errorMessage"]))
    return list(found.values())


def _meant(entry: Entry, timestamps: Sequence[Mapping[str, int]]) -> Iterator[Tqv]:
    times = {(each["timeInSeconds"], each.get("offsetInNanos", 0)) for each in timestamps}
    for value in entry.values:
        time = value.timestamp
        if not times or (time["timeInSeconds"], time["offsetInNanos"]) in times:
            yield value
