import json
from typing import Any
from urllib.parse import unquote

from hypothesis import given
from hypothesis import strategies as st

from context.plants import NOON, TEMPERATURE
from context.test_batch_totals import COOLING, HEATING, counted, record, unit_batch
from pibridge.context.batch_totals import BatchTotals
from pibridge.context.batches import BatchFields
from pibridge.context.manifest import Missing, manifest, name_of
from pibridge.model import ticks
from pibridge.model.event import BAD
from pibridge.model.tag import Asset, Tag

SECOND = ticks.PER_SECOND


def described(_: int) -> tuple[Tag, Asset | None]:
    """Give the one tag that there is."""
    return TEMPERATURE, TEMPERATURE.asset


def said(totals: BatchTotals, *missing: Missing, is_known: bool = True) -> Any:
    """Give what the manifest says."""
    return json.loads(manifest("houston", totals, missing, described, is_known=is_known))


def heated() -> BatchTotals:
    """Give the totals of a batch of a minute with three records, one of them bad."""
    records = [
        record(7, 1, unit_batch("B-1", HEATING)),
        record(8, 2, unit_batch("B-1", COOLING), BAD),
        record(9, 59, unit_batch("B-1", COOLING)),
    ]
    totals = counted(*records)["B-1/frame of B-1"]
    totals.end_ticks = NOON + 60 * SECOND
    return totals


def test_it_says_all_of_a_batch() -> None:
    """Its context with all levels, what came of each tag, and where it lies."""
    assert said(heated()) == {
        "v": 1,
        "kind": "batch",
        "site": "houston",
        "batch": {
            "id": "B-1",
            "frame": "frame of B-1",
            "name": "B-1",
            "template": "Unit Batch",
            "start": "2026-03-01T12:00:00.0000000Z",
            "end": "2026-03-01T12:01:00.0000000Z",
            "valid": True,
            "levels": [
                {"template": "Operation", "name": "Heat", "frame": "aa01"},
                {"template": "Operation", "name": "Cool", "frame": "aa02"},
            ],
        },
        "state": "ended",
        "complete": True,
        "records": 3,
        "withheld": {},
        "refused": 0,
        "missing": [],
        "first_seq": 7,
        "last_seq": 9,
        "dt": ["2026-03-01"],
        "assets": ["Plant/Area1/R1"],
        "tags": [
            {
                "tag": "Plant/Area1/R1|Temperature",
                "path": r"\\AF1\Plant\Area1\R1|Temperature",
                "stream": "reactors",
                "asset": "Plant/Area1/R1",
                "records": 3,
                "bad": 1,
                "first": "2026-03-01T12:00:01.0000000Z",
                "last": "2026-03-01T12:00:59.0000000Z",
            }
        ],
    }


def test_what_was_not_read_makes_it_incomplete() -> None:
    """It says which tag, from when to when; an outage that goes on has no end."""
    found = said(heated(), Missing(1, NOON + SECOND, ticks.FOREVER))
    assert not found["complete"]
    assert found["missing"] == [
        {
            "tag": "Plant/Area1/R1|Temperature",
            "path": r"\\AF1\Plant\Area1\R1|Temperature",
            "stream": "reactors",
            "asset": "Plant/Area1/R1",
            "from": "2026-03-01T12:00:01.0000000Z",
            "to": None,
        }
    ]


def test_what_was_refused_makes_it_incomplete() -> None:
    """Dead letters are not in the lake."""
    totals = heated()
    totals.refused = 1
    assert not said(totals)["complete"]


def test_what_pi_has_no_longer_is_withdrawn() -> None:
    """It was renamed or deleted after its records were delivered."""
    found = said(heated(), is_known=False)
    assert (found["state"], found["complete"]) == ("withdrawn", False)


@given(st.text(min_size=1).filter(lambda text: text.isprintable()))
def test_any_id_has_a_folder_of_its_own(batch_id: str) -> None:
    """One folder deep, with a name that S3 and file systems take."""
    totals = BatchTotals(BatchFields(id=batch_id, start=ticks.render(NOON), valid=True), named_seq=7)
    top, folder, file = name_of(totals).split("/")
    assert (top, file) == ("_batches", "manifest-7.json")
    assert folder not in {"", ".", ".."}
    assert len(name_of(totals).encode()) < 1000
    assert unquote(folder) == batch_id[:100] or batch_id.strip(".") == ""
