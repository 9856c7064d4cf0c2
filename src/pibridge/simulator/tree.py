"""The plant in AF: templates, elements at different depths, attributes of every kind."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Final

from pibridge.simulator import webid
from pibridge.simulator.points import FERMENTERS, REACTORS, Point, guid

ASSET_SERVER: Final = "AF1"
DATABASE: Final = "Plant"
_SERVER_GUID: Final = guid(ASSET_SERVER)
SERVER: Final = webid.Identity(webid.ASSET_SERVER, (_SERVER_GUID,), rf"\\{ASSET_SERVER}")
DATABASE_IDENTITY: Final = webid.Identity(
    webid.DATABASE, (_SERVER_GUID, guid(f"{ASSET_SERVER}/{DATABASE}")), rf"\\{ASSET_SERVER}\{DATABASE}"
)


@dataclass(frozen=True)
class Template:
    """An element or event frame template. `base`: the name of the one that it derives from, or empty."""

    name: str
    base: str = ""
    instance_type: str = "Element"

    @property
    def identity(self) -> webid.Identity:
        """Who it is, for its WebIDs."""
        path = rf"{DATABASE_IDENTITY.path}\ElementTemplates[{self.name}]"
        return webid.Identity(webid.ELEMENT_TEMPLATE, (_SERVER_GUID, guid(f"template {self.name}")), path)


TEMPLATES: Final = {
    template.name: template
    for template in (
        Template("Unit"),
        Template("Vessel", "Unit"),
        Template("Reactor", "Vessel"),
        Template("Fermenter", "Vessel"),
        Template("Agitator"),
        Template("Area"),
        Template("Boiler", "Unit"),
        Template("Batch", instance_type="EventFrame"),
        Template("Unit Batch", instance_type="EventFrame"),
        Template("Operation", instance_type="EventFrame"),
        Template("Phase", instance_type="EventFrame"),
    )
}


def lineage(name: str) -> Iterator[str]:
    """Give the template's name, then those that it derives from."""
    while name:
        yield name
        name = TEMPLATES[name].base if name in TEMPLATES else ""


@dataclass(eq=False)
class Element:
    r"""An AF element. `path`: below the server, `\\AF1\Plant\Area1`."""

    name: str
    path: str
    template: str = ""
    description: str = ""
    categories: tuple[str, ...] = ()
    parent: "Element | None" = None
    elements: list["Element"] = field(default_factory=list)
    attributes: list["Attribute"] = field(default_factory=list)

    @property
    def identity(self) -> webid.Identity:
        """Who it is, for its WebIDs."""
        return webid.Identity(webid.ELEMENT, (_SERVER_GUID, guid(f"element {self.path}")), self.path)

    def below(self) -> Iterator["Element"]:
        """Give all elements below this one, parents before children."""
        for element in self.elements:
            yield element
            yield from element.below()


@dataclass(eq=False, kw_only=True)
class Attribute:
    """An AF attribute: of a point, computed from one (`formula`), or static (neither; `static` is its value)."""

    name: str
    element: Element
    parent: "Attribute | None" = None
    type: str = "Double"
    type_qualifier: str = ""
    unit: str = ""
    point: Point | None = None
    formula: Callable[[float], float] | None = None
    formula_text: str = ""
    static: Any = None
    step: bool = False
    hidden: bool = False
    excluded: bool = False
    categories: tuple[str, ...] = ()
    attributes: list["Attribute"] = field(default_factory=list)

    @property
    def path(self) -> str:
        r"""`\\AF1\Plant\Area1\R1|Temperature|Setpoint`."""
        return f"{self.parent.path if self.parent else self.element.path}|{self.name}"

    @property
    def identity(self) -> webid.Identity:
        """Who it is, for its WebIDs."""
        element = self.element.identity
        return webid.Identity(webid.ATTRIBUTE, (*element.guids, guid(f"attribute {self.path}")), self.path, owner="E")

    @property
    def plug_in(self) -> str:
        """The data reference, empty for a static attribute."""
        if self.formula is not None:
            return "Formula"
        return "PI Point" if self.point else ""

    @property
    def config_string(self) -> str:
        """What its data reference is set to."""
        if self.formula is not None:
            return self.formula_text
        return rf"\\%Server%\{self.point.name}" if self.point else ""

    def below(self) -> Iterator["Attribute"]:
        """Give the child attributes at every depth."""
        for attribute in self.attributes:
            yield attribute
            yield from attribute.below()


class Tree:
    """Database `Plant`, built upon the points."""

    def __init__(self, points: dict[str, Point]) -> None:
        self._points = points
        self.roots: list[Element] = []
        area1 = self._add(None, "Area1", "Area", "Brewhouse")
        for name in REACTORS[:3]:
            self._reactor(area1, name)
        self._boiler(self._add(area1, "Utilities"))
        area2 = self._add(None, "Area2", "Area", "Cellar")
        for name in FERMENTERS:
            self._vessel(self._add(area2, name, "Fermenter", "Fermenter"), name)
        line = self._add(self._add(area2, "Packaging"), "Line1", description="Bottles")
        self._attach(line, "Power", self._points["U.POWER"])
        skid = self._add(area2, "CIP/SIP Skid", description="A name with a slash")
        self._attach(skid, "Water Flow", self._points["U.WATER.FLOW"])
        area9 = self._add(None, "Area9", "Area", "Pilot plant: its batch comes from a tag")
        self._reactor(area9, "R9")

    def elements(self) -> Iterator[Element]:
        """Give all elements, parents before children."""
        for root in self.roots:
            yield root
            yield from root.below()

    def attributes(self) -> Iterator[Attribute]:
        """Give all attributes of all elements, at every depth."""
        for element in self.elements():
            for attribute in element.attributes:
                yield attribute
                yield from attribute.below()

    def _add(self, parent: Element | None, name: str, template: str = "", description: str = "") -> Element:
        path = rf"{parent.path if parent else DATABASE_IDENTITY.path}\{name}"
        categories = ("Production",) if template else ()
        element = Element(name, path, template, description, categories, parent)
        (parent.elements if parent else self.roots).append(element)
        return element

    def _reactor(self, area: Element, name: str) -> None:
        reactor = self._add(area, name, "Reactor", "Reactor")
        self._vessel(reactor, name)
        agitator = self._add(reactor, "Agitator", "Agitator")
        self._attach(agitator, "Speed", self._points[f"{name}.AGITATOR.SPEED"])

    def _vessel(self, element: Element, name: str) -> None:
        tags = {
            "Temperature": "Temperature",
            "Pressure": "Pressure",
            "Level": "Level",
            "Flow In": "FlowIn",
            "Flow Out": "FlowOut",
            "State": "State",
            "BatchID": "BatchID",
            "Recipe": "Recipe",
        }
        for attribute, tag in tags.items():
            self._attach(element, attribute, self._points[f"{name}.{tag}".upper()])
        temperature = element.attributes[0]
        static = partial(Attribute, element=element, categories=("Design",))
        limit = static(name="High Limit", parent=temperature, unit="°C", static=80.0)
        temperature.attributes.append(limit)
        element.attributes += [
            static(name="Capacity", unit="m3", static=12.5),
            static(name="Serial Number", type="String", static=f"SN-{name}-001", hidden=True),
            Attribute(
                name="Temperature F",
                element=element,
                unit="°F",
                point=temperature.point,
                formula=_fahrenheit,
                formula_text="A=Temperature;[A*1.8+32]",
            ),
            Attribute(
                name="Spare Pressure", element=element, unit="bar", point=element.attributes[1].point, excluded=True
            ),
        ]

    def _boiler(self, utilities: Element) -> None:
        boiler = self._add(utilities, "Boiler1", "Boiler", "Steam boiler")
        self._attach(boiler, "Steam Flow", self._points["U.STEAM.FLOW"])
        self._attach(boiler, "Steam Pressure", self._points["U.STEAM.PRESSURE"])
        self._attach(boiler, "Energy", self._points["U.ENERGY.TOTAL"])

    def _attach(self, element: Element, name: str, point: Point) -> None:
        kinds = {"Digital": "EnumerationValue", "String": "String", "Int32": "Int32", "Float32": "Single"}
        element.attributes.append(
            Attribute(
                name=name,
                element=element,
                type=kinds.get(point.type, "Double"),
                type_qualifier=point.digital_set,
                unit=point.unit,
                point=point,
                step=point.step,
                categories=("Process",),
            )
        )


def _fahrenheit(celsius: float) -> float:
    return celsius * 1.8 + 32
