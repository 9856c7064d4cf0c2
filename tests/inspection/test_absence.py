from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from pibridge.inspection.absence import Absence, Silence, reason
from pibridge.journal.chunks import Damaged, Dropped
from pibridge.journal.gaps import Gap
from pibridge.model.event import Lane

READ = Silence(
    ticks=50,
    joined_ticks=10,
    gaps=[],
    damaged=[],
    dropped=[],
    trimmed_ticks=0,
    arrived_ticks=90,
    is_selected=True,
)
LOST = Damaged(1, 9, Lane.LIVE, 40, 60, "the checksum differs")


@pytest.mark.parametrize(
    ("change", "absence", "said"),
    [
        ({}, Absence.NOT_THERE, "that time was read"),
        (
            {"gaps": [Gap(1, 1, 40, None, "a channel lost")]},
            Absence.OWED,
            "to now (a channel lost) is still",
        ),
        ({"gaps": [Gap(1, 1, 40, 50, "new")]}, Absence.OWED, "00:00:00.0000050Z (new)"),
        ({"gaps": [Gap(1, 1, 51, None, "later")]}, Absence.NOT_THERE, ""),
        ({"gaps": [Gap(1, 1, 10, 49, "before")]}, Absence.NOT_THERE, ""),
        ({"gaps": [Gap(1, 1, 40, None, "read up to 60", 60)]}, Absence.NOT_THERE, ""),
        ({"damaged": [LOST]}, Absence.DAMAGED, "a damaged chunk"),
        ({"damaged": [replace(LOST, first_ticks=None, last_ticks=None)]}, Absence.DAMAGED, ""),
        ({"dropped": [Dropped(Lane.LIVE, 1, 9, 40, 60, 9)]}, Absence.DROPPED, "journal.when_full"),
        ({"joined_ticks": None}, Absence.NOT_BEGUN, "no stream has begun"),
        ({"joined_ticks": 51}, Absence.NOT_BEGUN, "the tag is read from"),
        ({"joined_ticks": 51, "was_read": True}, Absence.NOT_THERE, "that time was read"),
        ({"is_selected": False}, Absence.NOT_SELECTED, ""),
        ({"refused": "403"}, Absence.OWED, "PI refuses to read the tag, which is tried again: 403"),
        ({"arrived_ticks": 49}, Absence.AHEAD, ""),
        ({"trimmed_ticks": 50}, Absence.REMOVED, "journal.retain"),
    ],
)
def test_each_reason_is_told(change: dict[str, Any], absence: Absence, said: str) -> None:
    """With what is behind it."""
    found = reason(replace(READ, **change))
    assert found.absence is absence
    assert said in found.text


@given(
    st.builds(
        Silence,
        ticks=st.integers(0, 100),
        joined_ticks=st.none() | st.integers(0, 100),
        gaps=st.lists(st.builds(Gap, st.just(1), st.just(1), st.integers(0, 100), st.none(), st.just("lost"))),
        damaged=st.lists(st.just(LOST), max_size=1),
        dropped=st.lists(st.builds(Dropped, *[st.just(v) for v in (Lane.LIVE, 1, 9, 40, 60, 9)]), max_size=1),
        trimmed_ticks=st.integers(0, 100),
        arrived_ticks=st.integers(0, 100),
        is_selected=st.booleans(),
        refused=st.sampled_from(["", "403"]),
    )
)
def test_there_is_always_one(known: Silence) -> None:
    """And "not there" is never said of a time that was not read."""
    found = reason(known)
    assert found.text
    if found.absence is Absence.NOT_THERE:
        assert known.joined_ticks is not None
        assert known.joined_ticks <= known.ticks <= known.arrived_ticks
        assert not [gap for gap in known.gaps if gap.start_ticks <= known.ticks]
