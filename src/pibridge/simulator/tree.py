"""What a plant consists of in AF: databases, templates, elements, attributes."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final
from uuid import UUID

from pibridge.simulator import webid
from pibridge.simulator.points import Point
from pibridge.simulator.servers import AF, ARCHIVE, guid

if TYPE_CHECKING:
    from pibridge.simulator.frames import Frame

PLANT: Final = "Plant"
WAREHOUSE: Final = "Warehouse"


@lru_cache
def database_identity(name: str) -> webid.Identity:
    """Give who the database of that name is, for its WebIDs."""
    return webid.Identity(webid.DATABASE, (AF.guid, guid(f"{AF.name}/{name}")), rf"{AF.path}\{name}")


@dataclass(frozen=True)
class Template:
    """An element or event frame template. `base`: the name of the one that it derives from, or empty."""

    name: str
    base: str = ""
    instance_type: str = "Element"
    database: str = PLANT

    @property
    def identity(self) -> webid.Identity:
        """Who it is, for its WebIDs."""
        path = rf"{database_identity(self.database).path}\ElementTemplates[{self.name}]"
        return webid.Identity(webid.ELEMENT_TEMPLATE, (AF.guid, guid(f"template {self.name}")), path)


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
        Template("Store", database=WAREHOUSE),
        Template("Batch", instance_type="EventFrame"),
        Template("Unit Batch", instance_type="EventFrame"),
        Template("Fermenter Batch", "Unit Batch", instance_type="EventFrame"),
        Template("Recipe Step", instance_type="EventFrame"),
        Template("Operation", "Recipe Step", instance_type="EventFrame"),
        Template("Phase", "Recipe Step", instance_type="EventFrame"),
        Template("Phase State", instance_type="EventFrame"),
    )
}


def lineage(name: str) -> Iterator[str]:
    """Give the template's name, then those that it derives from."""
    while name:
        yield name
        name = TEMPLATES[name].base if name in TEMPLATES else ""


@dataclass(eq=False)
class Element:
    r"""An AF element. `path`: with server and database, `\\AF1\Plant\Area1`."""

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
        return webid.Identity(webid.ELEMENT, (AF.guid, guid(f"element {self.path}")), self.path)

    @property
    def database(self) -> webid.Identity:
        """Who its database is."""
        return database_identity(self.path.split("\\")[3])

    def below(self) -> Iterator["Element"]:
        """Give all elements below this one, parents before children."""
        for element in self.elements:
            yield element
            yield from element.below()


@dataclass(eq=False, kw_only=True)
class Attribute:
    """An AF attribute of an element or an event frame.

    Of a point, computed from one (`formula`), or with a value but no history (neither; `static` at `static_ticks`).
    """

    name: str
    owner: "Element | Frame"
    parent: "Attribute | None" = None
    type: str = "Double"
    type_qualifier: str = ""
    unit: str = ""
    point: Point | None = None
    formula: Callable[[float], float] | None = None
    formula_text: str = ""
    static: Any = None
    static_ticks: int = 0
    step: bool = False
    hidden: bool = False
    excluded: bool = False
    categories: tuple[str, ...] = ()
    attributes: list["Attribute"] = field(default_factory=list)

    @property
    def path(self) -> str:
        r"""`\\AF1\Plant\Area1\R1|Temperature|Setpoint`."""
        return f"{self.parent.path if self.parent else self.owner.path}|{self.name}"

    @property
    def identity(self) -> webid.Identity:
        """Who it is, for its WebIDs."""
        owner = self.owner.identity
        return webid.Identity(webid.ATTRIBUTE, (*owner.guids, self._guid), self.path, owner=owner.marker[0])

    @property
    def plug_in(self) -> str:
        """The data reference, empty for a static attribute."""
        if self.formula_text:
            return "Formula"
        return "PI Point" if self.point else ""

    @property
    def config_string(self) -> str:
        """What its data reference is set to."""
        if self.formula_text or self.point is None:
            return self.formula_text
        server = "%Server%" if self.point.server is ARCHIVE else self.point.server.name
        return rf"\\{server}\{self.point.name}"

    def below(self) -> Iterator["Attribute"]:
        """Give the child attributes at every depth."""
        for attribute in self.attributes:
            yield attribute
            yield from attribute.below()

    @property
    def _guid(self) -> UUID:
        # A frame may be renamed and keeps its attributes; elements are never renamed here.
        return guid(f"attribute {self.path if isinstance(self.owner, Element) else self.name}")


@dataclass(eq=False)
class Database:
    """An AF database with the elements in it."""

    name: str
    description: str
    roots: list[Element] = field(default_factory=list)

    @property
    def path(self) -> str:
        r"""`\\AF1\NAME`."""
        return self.identity.path

    @property
    def identity(self) -> webid.Identity:
        """Who it is, for its WebIDs."""
        return database_identity(self.name)

    @property
    def templates(self) -> list[Template]:
        """The templates of its elements and event frames."""
        return [template for template in TEMPLATES.values() if template.database == self.name]

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

    def add(self, parent: Element | None, name: str, template: str = "", description: str = "") -> Element:
        """Put an element below another one, or at the top."""
        path = rf"{parent.path if parent else self.path}\{name}"
        categories = ("Production",) if template else ()
        element = Element(name, path, template, description, categories, parent)
        (parent.elements if parent else self.roots).append(element)
        return element
