from pibridge.pi.selected import Problem


def test_a_problem_reads_as_a_sentence() -> None:
    """A problem says what, why, and what to do."""
    assert str(Problem("p", "not found", "check it")) == "p: not found (check it)"
    assert str(Problem("p", "not found")) == "p: not found"
