"""The models and assets that SiteWise should have, as AF has templates and elements. Pure."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Final

from pibridge.model.tag import Mode
from pibridge.pi.attributes import attribute_tag
from pibridge.pi.elements import asset_path
from pibridge.pi.selected import Problem
from pibridge.pi.webid import identity
from pibridge.pi.wire import Attribute, Element
from pibridge.sinks.sitewise.aliases import AliasTemplate
from pibridge.sinks.sitewise.tqv import States

MOST_PROPERTIES: Final = 200
"""Of one model, in an account whose quota was not raised."""
_LONGEST_NAME: Final = 256
_ID_DIGITS: Final = 32
_TYPES: Final = {
    "boolean": "BOOLEAN",
    "byte": "INTEGER",
    "int16": "INTEGER",
    "int32": "INTEGER",
    "int64": "DOUBLE",
    "single": "DOUBLE",
    "double": "DOUBLE",
}
"""Data types of SiteWise by value type of AF; its integers have 32 bits. All others are texts."""


@dataclass(frozen=True)
class Property:
    """An attribute of a template. `is_static`: it has a value but no history."""

    name: str
    data_type: str
    unit: str
    is_static: bool


@dataclass
class Model:
    """An asset model, for a template. `external_id`: what it is known by when it is looked for again."""

    external_id: str
    name: str
    description: str
    properties: dict[str, Property] = field(default_factory=dict)


@dataclass
class Asset:
    """An asset, for an element. `aliases`: by name of the property."""

    external_id: str
    name: str
    description: str
    model: str
    aliases: dict[str, str] = field(default_factory=dict)


@dataclass
class Wanted:
    """All of it, by external id, and what cannot be had."""

    models: dict[str, Model] = field(default_factory=dict)
    assets: dict[str, Asset] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)

    def add(
        self, stream: str, found: Iterable[tuple[Element, Sequence[Attribute]]], aliases: AliasTemplate, states: States
    ) -> None:
        """Add what a stream reads. What another stream reads already stays as it is."""
        for element, attributes in found:
            name = asset_path(element.path)
            if not element.template_name:
                self.problems.append(Problem(element.path, "has no template, so no model is made for it"))
            elif len(name) > _LONGEST_NAME:
                self.problems.append(Problem(element.path, f"has a path of more than {_LONGEST_NAME} characters"))
            elif attributes:
                model = self._model(element)
                asset = self.assets.setdefault(
                    external := _external_id("asset", identity(element.web_id)),
                    Asset(external, name, element.path, model.external_id),
                )
                for attribute in attributes:
                    self._add_property(model, asset, attribute, element, stream, aliases, states)

    def _model(self, element: Element) -> Model:
        # A template belongs to its database: \\SERVER\DATABASE.
        server, database = element.path.removeprefix("\\\\").split("\\")[:2]
        template = element.template_name
        external = _external_id("model", f"{server}|{database}|{template}".casefold())
        name, description = f"{template} ({database})", rf"Template {template} of \\{server}\{database}"
        return self.models.setdefault(external, Model(external, name, description))

    def _add_property(  # noqa: PLR0913, PLR0917 - an attribute, where it belongs, and how it is known
        self,
        model: Model,
        asset: Asset,
        attribute: Attribute,
        element: Element,
        stream: str,
        aliases: AliasTemplate,
        states: States,
    ) -> None:
        tag = attribute_tag(attribute, element, stream, Mode.REALTIME)
        name = tag.asset.attribute if tag.asset else ""
        wanted = Property(name, _data_type(attribute, states), attribute.default_units_name_abbreviation, tag.static)
        data_type = model.properties.setdefault(name, wanted).data_type
        if wanted.data_type != data_type:
            self.problems.append(
                Problem(tag.path, f"is {wanted.data_type}, where others of its template are {data_type}")
            )
            return
        alias = aliases.for_tag(tag, tag.asset)
        if alias.problem:
            self.problems.append(Problem(tag.path, alias.problem))
        else:
            asset.aliases.setdefault(name, alias.text)

    def check(self) -> None:
        """Note as problems what exceeds the quotas that every account has."""
        self.problems += [
            Problem(
                model.description, f"{len(model.properties)} properties; SiteWise takes {MOST_PROPERTIES} by default"
            )
            for model in self.models.values()
            if len(model.properties) > MOST_PROPERTIES
        ]


def _data_type(attribute: Attribute, states: States) -> str:
    kind = attribute.type.lower()
    if kind.startswith("enumeration"):
        return "INTEGER" if states == "code" else "STRING"
    return _TYPES.get(kind, "STRING")


def _external_id(kind: str, identity_of: str) -> str:
    return f"pibridge:{kind}:{sha256(identity_of.encode()).hexdigest()[:_ID_DIGITS]}"
