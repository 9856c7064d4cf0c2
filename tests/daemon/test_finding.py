from pibridge.daemon.finding import Finding, first_of, wrong
from pibridge.errors import UnavailableError


def test_an_error_is_a_finding() -> None:
    """Its text and its hint stand apart."""
    assert wrong("pi", UnavailableError("nobody there", hint="look")) == Finding("wrong", "pi", "nobody there", "look")


def test_of_many_findings_the_first_are_told() -> None:
    """The others are a count."""
    many = [Finding("doubt", "s", f"tag {number}", "ask") for number in range(50)]
    assert list(first_of(many[:20], "s", "tags")) == many[:20]
    assert list(first_of(many, "s", "tags")) == [*many[:20], Finding("doubt", "s", "and 30 more tags", "ask")]
    assert list(first_of([], "s", "tags")) == []
