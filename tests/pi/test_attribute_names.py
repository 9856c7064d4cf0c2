import pytest

from pibridge.pi.attribute_names import AttributeCategories, AttributePatterns


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


def test_categories_choose_attributes() -> None:
    """One category in common is enough, case does not matter, and those that nothing has are told."""
    categories = AttributeCategories(["Process", "Safety", "Cost"])
    assert [categories.match(own) for own in (["process", "X"], ["X"], [], ["SAFETY"])] == [True, False, False, True]
    assert categories.unused == ["Cost"]


def test_without_categories_all_attributes_are_meant() -> None:
    """Those without a category too."""
    categories = AttributeCategories(None)
    assert categories.match([])
    assert categories.match(["Process"])
    assert categories.unused == []
