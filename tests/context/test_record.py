import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from context.plants import CASCADE, LANES, NO_DATA, NOON, NOTE, POINT, TEMPERATURE, events
from pibridge.context.batches import Batch
from pibridge.context.record import Record, context_of, json_lines, json_record, json_records
from pibridge.model import ticks
from pibridge.model.event import (
    ANNOTATED,
    BAD,
    DELETE,
    END,
    ERROR,
    QUESTIONABLE,
    START,
    SUBSTITUTED,
    UPDATE,
    Event,
    Lane,
)
from pibridge.model.tag import Asset, Mode, Tag


def record(event: Event, tag: Tag = POINT, asset: Asset | None = None, lane: Lane = Lane.LIVE, seq: int = 7) -> Record:
    """Put an event in its place."""
    return Record(seq, event, context_of("houston", tag, asset or tag.asset, lane))


def said(event: Event, tag: Tag = POINT) -> dict[str, Any]:
    """Read back what the record says."""
    line: dict[str, Any] = json.loads(json_record(record(event, tag)))
    return line


def test_a_good_number_of_an_attribute_says_everything() -> None:
    """The record has the fields of the contract, and no others."""
    assert said(Event(1, NOON + 12, 80.5), TEMPERATURE) == {
        "v": 1,
        "kind": "value",
        "site": "houston",
        "seq": 7,
        "stream": "reactors",
        "tag": "Plant/Area1/R1|Temperature",
        "path": r"\\AF1\Plant\Area1\R1|Temperature",
        "web_id": "I1AbE",
        "ts": "2026-03-01T12:00:00.0000012Z",
        "value": 80.5,
        "unit": "°C",
        "quality": "good",
        "mode": "realtime",
        "lane": "live",
        "asset": {"path": "Plant/Area1/R1", "template": "Reactor", "attribute": "Temperature"},
    }


@pytest.mark.parametrize(
    ("event", "tag", "expected"),
    [
        (Event(1, 0, CASCADE), POINT, {"value": "Cascade", "state": {"code": 2, "name": "Cascade"}, "quality": "good"}),
        (
            Event(1, 0, NO_DATA, BAD),
            POINT,
            {"value": None, "state": {"code": 248, "name": "No Data", "system": True}, "quality": "bad"},
        ),
        (
            Event(1, 0, NO_DATA),
            POINT,
            {"value": None, "state": {"code": 248, "name": "No Data", "system": True}, "quality": "bad"},
        ),
        (Event(1, 0, "NaN", BAD), POINT, {"value": None, "quality": "bad"}),
        (Event(1, 0, "-Infinity"), POINT, {"value": None, "quality": "bad"}),
        (Event(1, 0, "oops"), POINT, {"value": None, "error": "oops", "quality": "bad"}),
        (Event(1, 0, {"Errors": ["a", "b"]}, BAD), POINT, {"value": None, "error": "a; b", "quality": "bad"}),
        (Event(1, 0, "gone", BAD | ERROR), NOTE, {"value": None, "error": "gone", "quality": "bad"}),
        (Event(1, 0, "NaN"), NOTE, {"value": "NaN", "quality": "good"}),
        (Event(1, 0, "Ale"), NOTE, {"value": "Ale", "quality": "good"}),
        (Event(1, 0, 5, BAD), POINT, {"value": 5, "unit": "bar", "quality": "bad"}),
        (Event(1, 0, 5, QUESTIONABLE), POINT, {"value": 5, "unit": "bar", "quality": "questionable"}),
        (Event(1, 0, True), POINT, {"value": True, "quality": "good"}),  # noqa: FBT003 - PI's value
        (Event(1, 0, None), POINT, {"value": None, "quality": "good"}),
        (Event(1, 0, [1, 2.5]), POINT, {"value": [1, 2.5], "quality": "good"}),
        (
            Event(1, 0, 5, SUBSTITUTED | ANNOTATED | UPDATE),
            POINT,
            {"value": 5, "unit": "bar", "quality": "good", "flags": ["substituted", "annotated"], "op": "update"},
        ),
        (Event(1, 0, 5, DELETE | SUBSTITUTED), POINT, {"value": None, "quality": "good", "op": "delete"}),
        (Event(1, 0, NO_DATA, DELETE | BAD), POINT, {"value": None, "quality": "bad", "op": "delete"}),
    ],
)
def test_values_mean_what_the_contract_says(event: Event, tag: Tag, expected: dict[str, Any]) -> None:
    """States, errors, numbers that are none, flags and edits each have their fields."""
    of_value = {"value", "state", "error", "unit", "quality", "flags", "op"}
    assert {key: field for key, field in said(event, tag).items() if key in of_value} == expected


def test_a_mapped_point_has_no_attribute() -> None:
    """The asset of a plain point comes from the configuration: path and template only."""
    line = json.loads(json_record(record(Event(1, 0, 1), asset=Asset("Plant/R1", "Reactor"), lane=Lane.HISTORY)))
    assert line["asset"] == {"path": "Plant/R1", "template": "Reactor"}
    assert line["lane"] == "history"


@given(st.lists(events(), max_size=5), LANES, st.sampled_from([POINT, TEMPERATURE, NOTE]))
def test_lines_are_json_whatever_pi_says(some: list[Event], lane: Lane, tag: Tag) -> None:
    """Every event becomes one line of valid JSON that keeps its time, its place and its number to the last digit."""
    records = [record(event, tag, lane=lane, seq=seq) for seq, event in enumerate(some, 1)]
    lines = json_lines(records).split(b"\n")
    assert lines.pop() == b""
    parsed = [json.loads(line) for line in lines]
    assert [line["seq"] for line in parsed] == list(range(1, len(some) + 1))
    assert [ticks.parse(line["ts"]) for line in parsed] == [event.ticks for event in some]
    for event, line in zip(some, parsed, strict=True):
        if isinstance(event.value, (int, float)) and not event.status & (ERROR | DELETE):
            assert line["value"] == event.value
            assert type(line["value"]) is type(event.value)


@given(st.lists(events(), max_size=8), st.lists(st.floats(allow_nan=False, allow_infinity=False), max_size=8))
def test_lines_do_not_depend_on_their_neighbours(some: list[Event], numbers: list[float]) -> None:
    """What is encoded together has the same bytes as each record by itself: another try makes the same file."""
    mixed = [*some, *(Event(1, NOON, number) for number in numbers)]
    records = [record(event, seq=seq) for seq, event in enumerate(mixed, 1)]
    alone = [json_record(record) for record in records]
    assert json_records(records) == alone
    assert json_lines(records) == b"".join(line + b"\n" for line in alone)


@given(st.one_of(st.floats(allow_nan=False, allow_infinity=False), st.integers(-(1 << 80), 1 << 80)))
def test_good_numbers_are_written_as_python_writes_them(number: float) -> None:
    """The very large and the very small, too: what was delivered once is never written in another way."""
    line = json_record(record(Event(1, NOON, number), TEMPERATURE)).decode()
    assert line == json.dumps(json.loads(line), separators=(",", ":"), ensure_ascii=False)
    assert f'"value":{number!r},' in line


def test_a_batch_stands_at_the_end_of_a_record() -> None:
    """As its timeline has encoded it, beside good numbers and everything else."""
    batch = Batch(valid=True, id="B-1", json='{"id":"B-1","valid":true}')
    for event in (Event(1, NOON, 1.5), Event(1, NOON, NO_DATA, BAD), Event(1, NOON, None, DELETE)):
        record = Record(7, event, context_of("houston", TEMPERATURE, TEMPERATURE.asset, Lane.LIVE), batch)
        line = json.loads(json_record(record))
        assert list(line)[-2:] == ["asset", "batch"]
        assert line["batch"] == {"id": "B-1", "valid": True}


@pytest.mark.parametrize(("status", "op"), [(START, "start"), (UPDATE, "update"), (END, "end"), (DELETE, "delete")])
def test_a_frame_is_a_record_of_its_own_kind(status: int, op: str) -> None:
    """With what happened to it, and without the fields of values."""
    tag = Tag(stream="batches", mode=Mode.REALTIME, name="batches", path=r"\\AF1\Plant", web_id="", kind="frame")
    frame = {"id": "f1", "name": "B-1", "end": None}
    record = Record(7, Event(1, NOON, frame, status), context_of("houston", tag, None, Lane.LIVE))
    assert json.loads(json_record(record)) == {
        "v": 1,
        "kind": "frame",
        "site": "houston",
        "seq": 7,
        "stream": "batches",
        "op": op,
        "frame": frame,
    }


def test_what_is_sent_again_says_by_which_replay() -> None:
    """Values and frames alike; others have no such field."""
    frames = Tag(stream="f", mode=Mode.REALTIME, name="f", path="p", web_id="", kind="frame")
    for tag, event in (
        (POINT, Event(1, NOON, 1.0)),
        (POINT, Event(1, NOON, CASCADE)),
        (frames, Event(1, NOON, {}, END)),
    ):
        again = Record(7, event, context_of("houston", tag, None, Lane.LIVE, replay="20260310T080000"))
        before = json.loads(json_record(Record(7, event, context_of("houston", tag, None, Lane.LIVE))))
        assert json.loads(json_record(again)) == {**before, "replay": "20260310T080000"}
        assert "replay" not in before
