import pytest
from msgspec.structs import replace

from context.plants import TEMPERATURE
from pibridge.pi.selected import Problem, Selection, span_of


def test_a_problem_reads_as_a_sentence() -> None:
    """A problem says what, why, and what to do."""
    assert str(Problem("p", "not found", "check it")) == "p: not found (check it)"
    assert str(Problem("p", "not found")) == "p: not found"


def test_what_was_found_before_is_kept_while_pi_fails_to_tell() -> None:
    """Of elements that could not be read this time; what is gone otherwise is gone."""
    one, two, other = (replace(TEMPERATURE, path=rf"\\AF1\Plant\{name}") for name in ("R1|T", "R2|T", "R10|T"))
    failed = Problem(r"\\AF1\Plant\R1", "PI answered 503", passing=True)
    now = Selection([two], [failed, Problem(r"\\AF1\Plant\R9", "gone")])
    assert now.completed(Selection([one, two, other])).tags == [two, one]
    assert now.completed(None).tags == [two]


def test_points_of_a_wildcard_are_kept_too() -> None:
    """A wildcard that PI failed to answer stands for all that it meant; `[` in it is a letter like any other."""
    one, two, other = (replace(TEMPERATURE, path=rf"\\P\{name}") for name in ("R[1].T", "r[1].L", "R1.T"))
    failed = Problem(r"\\P\R[1]*", "PI answered 503", passing=True)
    assert Selection([], [failed]).completed(Selection([one, two, other])).tags == [one, two]


@pytest.mark.parametrize(
    ("told", "span"), [(80.0, 80.0), (0.0, 0.0), (-5.0, 0.0), (float("inf"), 0.0), (float("nan"), 0.0)]
)
def test_a_span_is_something_to_measure_with(told: float, span: float) -> None:
    """What is no positive number is none."""
    assert span_of(told) == span
