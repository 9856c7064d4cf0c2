import pytest

from pibridge.pi.attribute_names import AttributePatterns


@pytest.mark.parametrize(
    ("pattern", "matching", "others"),
    [
        ("Temperature", ["Temperature", "TEMPERATURE"], ["Temperature2", "Temperature|High"]),
        ("Flow*", ["Flow", "Flow In"], ["Flow|High", "In Flow"]),
        ("*", ["Level"], ["Level|High"]),
        ("**", ["Level", "Level|High|x"], []),
        ("T?", ["T1"], ["T", "T12", "T|"]),
        ("*|High", ["Level|High"], ["High", "Level|High|x"]),
        ("a.b[c]", ["a.b[c]"], ["axb[c]"]),
    ],
)
def test_patterns_mean_what_they_say(pattern: str, matching: list[str], others: list[str]) -> None:
    """`*` and `?` stay within one level, `**` crosses levels, case does not matter, and the rest is literal."""
    patterns = AttributePatterns([pattern])
    assert [name for name in matching + others if patterns.match(name)] == matching


def test_patterns_without_a_match_are_known() -> None:
    """What never matched is told, in the order of the configuration."""
    patterns = AttributePatterns(["A*", "B", "C"])
    patterns.match("B")
    assert patterns.unused == ["A*", "C"]


def test_nested_attributes_are_asked_for_only_if_needed() -> None:
    """Only patterns with a bar or a double star reach below attributes."""
    assert not AttributePatterns(["A", "B*"]).reach_nested
    assert AttributePatterns(["A", "B|*"]).reach_nested
    assert AttributePatterns(["**"]).reach_nested
