from typing import Any

import pytest
from msgspec.structs import replace

from context.plants import CASCADE, NO_DATA, NOTE, POINT
from pibridge.inspection.words import change_in_words, quality_in_words
from pibridge.model.event import BAD, DELETE, END, ERROR, QUESTIONABLE, START, SUBSTITUTED, UPDATE, Event


@pytest.mark.parametrize(
    ("value", "status", "said"),
    [
        (1.5, 0, "good"),
        (1.5, QUESTIONABLE, "questionable: PI marks it questionable"),
        (1.5, BAD, "bad: PI marks it bad"),
        (1.5, SUBSTITUTED, "good: PI marks it substituted: it was edited, or written by hand"),
        (NO_DATA, BAD, "bad: a system state, no measurement: No Data (248)"),
        (CASCADE, 0, "good: the state Cascade (2)"),
        ("NaN", 0, "bad: no number: NaN"),
        ("Overflow", 0, "bad: a text on a tag of numbers: Overflow"),
        ("timed out", ERROR | BAD, "bad: an error in its place: timed out"),
        ({"Errors": ["a", "b"]}, 0, "bad: an error in its place: a; b"),
    ],
)
def test_quality_has_a_reason(value: Any, status: int, said: str) -> None:
    """What PI said makes it good or not."""
    assert quality_in_words(Event(1, 0, value, status), POINT) == said


def test_texts_are_proper_values_of_tags_of_texts() -> None:
    """Also one that looks like no number."""
    assert quality_in_words(Event(1, 0, "NaN"), NOTE) == "good"


def test_event_frames_have_no_quality() -> None:
    """They are no values."""
    assert not quality_in_words(Event(1, 0, {"id": "g-1"}, START), replace(POINT, kind="frame"))


@pytest.mark.parametrize(
    ("status", "said"),
    [
        (0, "new"),
        (UPDATE, "edited in PI"),
        (DELETE | UPDATE, "deleted in PI"),
        (START, "open when it was first seen"),
        (END, "ended"),
    ],
)
def test_changes_are_told(status: int, said: str) -> None:
    """A value, or what became of one that was told before."""
    assert change_in_words(Event(1, 0, 1, status)) == said
