from pibridge.pi.templates import lineages, with_derived
from pibridge.pi.wire import ElementTemplate

TEMPLATES = [
    ElementTemplate(name="Vessel"),
    ElementTemplate(name="Reactor", base_template="Vessel"),
    ElementTemplate(name="Glass Reactor", base_template=r"\\AF1\Plant\ElementTemplates[reactor]"),
    ElementTemplate(name="Pump"),
]


def test_derived_templates_count_at_any_depth() -> None:
    """A template stands for all that are derived from it, directly or not, by name or path."""
    assert with_derived("vessel", TEMPLATES) == ["Vessel", "Reactor", "Glass Reactor"]
    assert with_derived("Glass Reactor", TEMPLATES) == ["Glass Reactor"]


def test_an_unknown_template_is_none() -> None:
    """A name that no template has gives nothing."""
    assert with_derived("Vesel", TEMPLATES) == []


def test_a_circle_ends() -> None:
    """Templates that claim to be derived from each other do not hang the program."""
    circle = [ElementTemplate(name="A", base_template="B"), ElementTemplate(name="B", base_template="A")]
    assert with_derived("A", circle) == ["A", "B"]


def test_a_lineage_goes_up_to_the_outermost_base() -> None:
    """A template's own name first, all in lower case; a base that is not listed ends it."""
    found = lineages([*TEMPLATES, ElementTemplate(name="Odd", base_template="Unlisted")])
    assert found["glass reactor"] == ("glass reactor", "reactor", "vessel")
    assert found["vessel"] == ("vessel",)
    assert found["odd"] == ("odd", "unlisted")


def test_the_lineage_of_a_circle_ends() -> None:
    """Each template of it comes once."""
    circle = [ElementTemplate(name="A", base_template="B"), ElementTemplate(name="B", base_template="A")]
    assert lineages(circle) == {"a": ("a", "b"), "b": ("b", "a")}
