"""The CSV file that a bulk import job of SiteWise reads. Pure."""

import csv
import io
from collections.abc import Iterable
from typing import Final

from pibridge.sinks.sitewise.tqv import DATA_TYPES, Tqv

COLUMNS: Final = ("ALIAS", "DATA_TYPE", "TIMESTAMP_SECONDS", "TIMESTAMP_NANO_OFFSET", "QUALITY", "VALUE")
"""In this order; the file has no line with their names, the job tells them."""
MOST_BYTES: Final = 1024
"""Of a text, in UTF-8."""


def not_importable(value: Tqv) -> str:
    """Give why a data point cannot be in such a file, empty if it can."""
    if value.kind == "nullValue":
        return "a bulk import file cannot say that there is no value"
    if value.kind == "stringValue" and len(value.value.encode()) > MOST_BYTES:
        return f"a text of more than {MOST_BYTES} bytes; a bulk import takes no more"
    return ""


def bulk_csv(values: Iterable[Tqv]) -> bytes:
    """Give the file with these data points, one a line."""
    text = io.StringIO(newline="")
    csv.writer(text, lineterminator="\n").writerows(_row(value) for value in values)
    return text.getvalue().encode()


def _row(value: Tqv) -> list[str]:
    time = value.timestamp
    said = str(value.value).lower() if value.kind == "booleanValue" else str(value.value)
    seconds, nanos = str(time["timeInSeconds"]), str(time["offsetInNanos"])
    return [value.alias, DATA_TYPES[value.kind], seconds, nanos, value.quality, said]
