from typing import Any

import pytest

from pibridge.context.batches import Level, batch_of_frame, batch_of_value, id_of_event, id_text
from pibridge.model.event import SUBSTITUTED, Event


def test_a_batch_of_a_frame_leaves_out_what_it_has_not() -> None:
    """A level without a template has no template, a batch without levels no levels."""
    batch = batch_of_frame("B-1", valid=False, frame=Level("T", "N", "G"), start_ticks=0, levels=(Level("", "L", "H"),))
    assert (batch.id, batch.valid) == ("B-1", False)
    assert batch.json == (
        '{"id":"B-1","frame":"G","name":"N","template":"T","start":"1970-01-01T00:00:00.0000000Z","valid":false,'
        '"levels":[{"name":"L","frame":"H"}]}'
    )
    assert "levels" not in batch_of_frame("B-1", valid=True, frame=Level(), start_ticks=0, levels=()).json


def test_a_batch_of_a_value_is_its_id_and_start() -> None:
    """And whether it is valid, which is always there."""
    batch = batch_of_value('B"1', valid=True, start_ticks=1)
    assert batch.json == r'{"id":"B\"1","start":"1970-01-01T00:00:00.0000001Z","valid":true}'


@pytest.mark.parametrize(
    ("value", "text"),
    [("B 1 ", "B 1 "), (" \t", ""), ("", ""), (7, "7"), (7.0, "7.0"), (True, "true"), (None, ""), ([1], ""), ({}, "")],
)
def test_an_id_is_a_text_or_a_number(value: Any, text: str) -> None:
    """A text as it is, a number as JSON has it; all else and blank texts are none."""
    assert id_text(value) == text


@pytest.mark.parametrize("value", ["NaN", "-Infinity", {"Errors": ["no"]}, [1, 2], {"odd": 1}])
def test_what_is_no_value_is_no_batch(value: Any) -> None:
    """Whatever PI says of its quality."""
    assert id_of_event(Event(1, 0, value)) == ""


def test_a_substituted_value_is_a_value() -> None:
    """Somebody corrected the batch id."""
    assert id_of_event(Event(1, 0, "B-1", SUBSTITUTED)) == "B-1"
