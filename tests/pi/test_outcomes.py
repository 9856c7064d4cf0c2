from collections.abc import Sequence
from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pibridge.errors import PIBridgeError, RejectedError, TooMuchError, UnauthorizedError, UnavailableError
from pibridge.pi.outcomes import Outcomes, in_halves, left_out, matched
from pibridge.pi.webid import WebId, decode, encode

POINT = "I1DPrR1NjdPxEUOulNmps6aJqQFAEAAA"


@dataclass(frozen=True)
class Said:
    """What PI answered about one stream."""

    web_id: str
    error: PIBridgeError | None = None

    def problem(self) -> PIBridgeError | None:
        """Give the error."""
        return self.error


@given(group=st.lists(st.text(), min_size=1, max_size=20, unique=True), data=st.data())
async def test_the_culprits_stand_alone(group: list[str], data: st.DataObject) -> None:
    """Whatever is wrong, each one asked for has its own outcome, and only what is refused by itself fails."""
    wrong = set(data.draw(st.lists(st.sampled_from(group))))
    open_from = data.draw(st.integers(2, 20))

    async def ask(asked: Sequence[str]) -> Outcomes[str] | None:
        if wrong.intersection(asked):
            raise RejectedError("no", status=400)
        return None if len(asked) >= open_from else {each: each for each in asked}

    outcomes = await in_halves(group, ask)
    assert list(outcomes) == group
    assert {each for each, outcome in outcomes.items() if isinstance(outcome, RejectedError)} == wrong
    assert all(outcomes[each] == each for each in set(group) - wrong)


@pytest.mark.parametrize(
    "error", [UnavailableError("x"), UnauthorizedError("x", status=401), TooMuchError("x", status=400)]
)
async def test_what_concerns_all_is_raised_at_once(error: PIBridgeError) -> None:
    """A failing server, a refused account and too large an answer are blamed on nobody."""
    asked = []

    async def ask(group: Sequence[str]) -> Outcomes[str]:
        asked.append(group)
        raise error

    with pytest.raises(type(error)):
        await in_halves(["a", "b"], ask)
    assert asked == [["a", "b"]]


def test_answers_find_their_streams() -> None:
    """Order and form of the answer's ids do not matter; what is missing or wrong is an error."""
    point = decode(POINT)
    other = encode(WebId("I", "DP", guids=point.guids, point_id=9))
    full = encode(WebId("F", "DP", guids=point.guids, point_id=point.point_id, path=r"\\P\SINUSOID"))
    wrong = UnavailableError("archive")
    outcomes = matched([POINT, other, "x"], [Said(other, wrong), Said(full)])
    assert (outcomes[POINT], outcomes[other]) == (Said(full), wrong)
    assert str(outcomes["x"]) == str(left_out())
