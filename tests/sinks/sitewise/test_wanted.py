import pytest

from pibridge.pi.wire import Attribute, Element
from pibridge.sinks.sitewise.aliases import AliasTemplate
from pibridge.sinks.sitewise.wanted import Wanted


def element(name: str, template: str = "Reactor", database: str = "Plant") -> Element:
    """Give an element."""
    return Element(web_id=f"F1Em{name}", name=name, path=rf"\\AF1\{database}\{name}", template_name=template)


def attribute(of: Element, name: str, kind: str = "Double", plug_in: str = "PI Point", unit: str = "") -> Attribute:
    """Give an attribute of it."""
    return Attribute(
        web_id=f"F1Ab{of.name}{name}",
        name=name.rpartition("|")[2],
        path=f"{of.path}|{name}",
        type=kind,
        data_reference_plug_in=plug_in,
        default_units_name_abbreviation=unit,
    )


def wanted(*found: tuple[Element, list[Attribute]], states: str = "name", template: str | None = None) -> Wanted:
    """Give what is wanted for one stream."""
    result = Wanted()
    aliases = AliasTemplate(template or "/{site}/{asset.path}/{attribute}", "houston")
    result.add("reactors", found, aliases, states)  # type: ignore[arg-type]  # name or code
    result.check()
    return result


def test_a_template_is_a_model_and_an_element_an_asset() -> None:
    """Properties are what the elements of a template have together; assets are named by their path."""
    r1, r2 = element("R1"), element(r"Area\R/2")
    found = wanted((r1, [attribute(r1, "Temperature", unit="°C")]), (r2, [attribute(r2, "Outer|Level")]))
    (model,) = found.models.values()
    assert (model.name, model.description) == ("Reactor (Plant)", r"Template Reactor of \\AF1\Plant")
    assert list(model.properties) == ["Temperature", "Outer|Level"]
    assert model.properties["Temperature"].unit == "°C"
    assert [(asset.name, asset.aliases) for asset in found.assets.values()] == [
        ("Plant/R1", {"Temperature": "/houston/Plant/R1/Temperature"}),
        ("Plant/Area/R%2F2", {"Outer|Level": "/houston/Plant/Area/R%2F2/Outer|Level"}),
    ]
    assert found.problems == []


@pytest.mark.parametrize(
    ("kind", "states", "data_type"),
    [
        ("Double", "name", "DOUBLE"),
        ("Single", "name", "DOUBLE"),
        ("Int32", "name", "INTEGER"),
        ("Int64", "name", "DOUBLE"),
        ("Boolean", "name", "BOOLEAN"),
        ("String", "name", "STRING"),
        ("DateTime", "name", "STRING"),
        ("EnumerationValue", "name", "STRING"),
        ("EnumerationValue", "code", "INTEGER"),
    ],
)
def test_a_type_of_af_has_a_type_of_sitewise(kind: str, states: str, data_type: str) -> None:
    """The one in which the sink puts the values."""
    r1 = element("R1")
    (model,) = wanted((r1, [attribute(r1, "A", kind)]), states=states).models.values()
    assert model.properties["A"].data_type == data_type


def test_a_static_attribute_is_an_attribute_property() -> None:
    """What has a value but no history is told apart."""
    r1 = element("R1")
    (model,) = wanted((r1, [attribute(r1, "Capacity", plug_in=""), attribute(r1, "Level")])).models.values()
    assert [each.is_static for each in model.properties.values()] == [True, False]


def test_who_is_known_again() -> None:
    """An element by its id, whatever it is called; a template by name and database."""
    old, new = element("R1"), element("R1")
    new.path, new.name = r"\\AF1\Plant\Reactor1", "Reactor1"
    one, other = wanted((old, [attribute(old, "A")])), wanted((new, [attribute(new, "A")]))
    assert one.assets.keys() == other.assets.keys()
    assert one.models.keys() == other.models.keys()
    elsewhere = element("R1", database="Pilot")
    assert wanted((elsewhere, [attribute(elsewhere, "A")])).models.keys() != one.models.keys()


def test_what_cannot_be_had_is_told() -> None:
    """No template, two types in one, an alias that another has, too many properties; the others are there."""
    bare, r1, r2 = element("Bare", ""), element("R1"), element("R2")
    found = wanted(
        (bare, [attribute(bare, "A")]),
        (r1, [attribute(r1, "A"), *(attribute(r1, f"B{number}") for number in range(200))]),
        (r2, [attribute(r2, "A", "String")]),
        template="/{attribute}",
    )
    told = [str(problem) for problem in found.problems]
    assert told[0] == r"\\AF1\Plant\Bare: has no template, so no model is made for it"
    assert told[1] == r"\\AF1\Plant\R2|A: is STRING, where others of its template are DOUBLE"
    assert "201 properties; SiteWise takes 200 by default" in told[2]
    assert len(found.assets) == 2
    same = wanted((r1, [attribute(r1, "A")]), (r2, [attribute(r2, "A")]), template="/{attribute}")
    assert r"its alias /A is that of \\AF1\Plant\R1|A already" in str(same.problems[0])
