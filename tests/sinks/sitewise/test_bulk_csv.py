import csv
import io

import pytest

from pibridge.sinks.sitewise.bulk_csv import bulk_csv, not_importable
from pibridge.sinks.sitewise.tqv import Tqv, tqv
from sinks.sitewise.samples import NOW, context, record

TEXT = context("Recipe", text=True)


def point(value: object, status: int = 0, alias: str = "/h/Plant/R1/T", *, text: bool = False) -> Tqv:
    """Give a data point."""
    found = tqv(record(1, value, at=NOW + 1_234_567, status=status, of=TEXT if text else None), alias, "name")
    assert isinstance(found, Tqv)
    return found


def test_a_line_has_the_columns_in_the_order_that_sitewise_documents() -> None:
    """Alias, data type, seconds, nanoseconds, quality, value; no heading."""
    lines = bulk_csv([point(71.5), point(5), point(True), point(1e-7, 2)]).decode().splitlines()  # noqa: FBT003 - a value
    assert lines == [
        "/h/Plant/R1/T,DOUBLE,1770000000,123456700,GOOD,71.5",
        "/h/Plant/R1/T,INTEGER,1770000000,123456700,GOOD,5",
        "/h/Plant/R1/T,BOOLEAN,1770000000,123456700,GOOD,true",
        "/h/Plant/R1/T,DOUBLE,1770000000,123456700,UNCERTAIN,1e-07",
    ]


def test_texts_and_aliases_may_hold_what_parts_columns() -> None:
    """Commas and quotation marks are read back by every reader of CSV."""
    data = bulk_csv([point('Ale, "dark"', alias="/h/A, B", text=True)]).decode()
    (row,) = csv.reader(io.StringIO(data))
    assert (row[0], row[1], row[5]) == ("/h/A, B", "STRING", 'Ale, "dark"')


@pytest.mark.parametrize(
    ("value", "reason"),
    [(None, "cannot say that there is no value"), ("ä" * 600, "more than 1024 bytes"), ("ä" * 512, ""), (1.5, "")],
)
def test_what_a_file_cannot_say(value: object, reason: str) -> None:
    """Nulls, and texts that are too long in bytes."""
    said = not_importable(point(value, text=isinstance(value, str)))
    assert reason in said
    assert bool(said) == bool(reason)
