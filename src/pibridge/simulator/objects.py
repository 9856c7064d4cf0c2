"""The JSON of the plant's objects, and the pages in which lists of them come."""

import re
from collections.abc import Callable, Iterable
from fnmatch import translate
from functools import lru_cache
from http import HTTPStatus
from typing import Any, Final, TypeVar

from pibridge.simulator import points, times, tree, webid
from pibridge.simulator.call import Answer, Call, Refused, bad_request, not_found
from pibridge.simulator.points import Point
from pibridge.simulator.tree import Attribute, Element, Template
from pibridge.simulator.webid import Identity, WebIdType

_TYPES: Final = {kind.value.lower(): kind for kind in WebIdType}
_VALUE_LINKS: Final = {
    "InterpolatedData": "interpolated",
    "RecordedData": "recorded",
    "PlotData": "plot",
    "SummaryData": "summary",
    "Value": "value",
    "EndValue": "end",
}
_PAGE: Final = 1000
_NAMES: Final = {webid.POINT: "PI Point", webid.ELEMENT: "Element", webid.ATTRIBUTE: "Attribute"}
Item = TypeVar("Item")
Kind = TypeVar("Kind", Point, Element, Attribute, Template)


class Renderer:
    """Writes objects for one request: its base URL, its form of WebIDs."""

    def __init__(self, call: Call) -> None:
        asked = call.query.text("webIdType")
        kind = _TYPES.get(asked.lower()) if asked else call.settings.web_id_type
        if kind is None:
            raise bad_request(f"The WebIdType '{asked}' is not valid.")
        self._kind = kind
        self._base = call.base
        self._now = call.now
        self._version = call.settings.version

    def web_id(self, identity: Identity) -> str:
        """Give the WebID in the form asked for."""
        return webid.encode(identity, self._kind)

    def url(self, folder: str, identity: Identity, tail: str = "") -> str:
        """Give the URL of an object, or of what lies below it."""
        return f"{self._base}/{folder}/{self.web_id(identity)}{tail}"

    def data_server(self) -> dict[str, Any]:
        """Give the Data Archive."""
        at = self.url("dataservers", points.SERVER)
        return {
            **self._head(points.SERVER, points.DATA_SERVER),
            "IsConnected": True,
            "ServerVersion": "3.4.450.43",
            "ServerTime": times.text(self._now),
            "Links": {"Self": at, "Points": f"{at}/points", "EnumerationSets": f"{at}/enumerationsets"},
        }

    def asset_server(self) -> dict[str, Any]:
        """Give the AF server."""
        at = self.url("assetservers", tree.SERVER)
        return {
            **self._head(tree.SERVER, tree.ASSET_SERVER),
            "Description": "",
            "IsConnected": True,
            "ServerVersion": "2.10.11.10",
            "ServerTime": times.text(self._now),
            "ExtendedProperties": {},
            "Links": {"Self": at, "Databases": f"{at}/assetdatabases"},
        }

    def database(self) -> dict[str, Any]:
        """Give the AF database."""
        at = self.url("assetdatabases", tree.DATABASE_IDENTITY)
        tails = {"Elements": "elements", "ElementTemplates": "elementtemplates", "EventFrames": "eventframes"}
        return {
            **self._head(tree.DATABASE_IDENTITY, tree.DATABASE),
            "Description": "Simulated plant",
            "ExtendedProperties": {},
            "Links": {
                "Self": at,
                **{name: f"{at}/{tail}" for name, tail in tails.items()},
                "AssetServer": self.url("assetservers", tree.SERVER),
            },
        }

    def point(self, point: Point) -> dict[str, Any]:
        """Give a PI point."""
        at = self.url("points", point.identity)
        stream = self.url("streams", point.identity)
        return {
            "WebId": self.web_id(point.identity),
            "Id": point.id,
            "Name": point.name,
            "Path": point.path,
            "Descriptor": point.descriptor,
            "PointClass": "classic",
            "PointType": point.type,
            "DigitalSetName": point.digital_set,
            "EngineeringUnits": point.unit,
            "Span": point.span,
            "Zero": point.zero,
            "Step": point.step,
            "Future": point.future,
            "DisplayDigits": -5,
            "Links": {
                "Self": at,
                "DataServer": self.url("dataservers", points.SERVER),
                "Attributes": f"{at}/attributes",
                **{name: f"{stream}/{tail}" for name, tail in _VALUE_LINKS.items()},
            },
        }

    def element(self, element: Element) -> dict[str, Any]:
        """Give an AF element."""
        at = self.url("elements", element.identity)
        links = {
            "Self": at,
            "Attributes": f"{at}/attributes",
            "Elements": f"{at}/elements",
            "EventFrames": f"{at}/eventframes",
            "Database": self.url("assetdatabases", tree.DATABASE_IDENTITY),
        }
        if element.parent:
            links["Parent"] = self.url("elements", element.parent.identity)
        if element.template:
            links["Template"] = self.url("elementtemplates", tree.TEMPLATES[element.template].identity)
        return {
            **self._head(element.identity, element.name),
            "Description": element.description,
            "TemplateName": element.template,
            "HasChildren": bool(element.elements),
            "CategoryNames": list(element.categories),
            "ExtendedProperties": {},
            "Links": links,
        }

    def attribute(self, attribute: Attribute) -> dict[str, Any]:
        """Give an AF attribute."""
        at = self.url("attributes", attribute.identity)
        stream = self.url("streams", attribute.identity)
        links = {
            "Self": at,
            "Attributes": f"{at}/attributes",
            "Element": self.url("elements", attribute.element.identity),
            **{name: f"{stream}/{tail}" for name, tail in _VALUE_LINKS.items()},
        }
        if attribute.parent:
            links["Parent"] = self.url("attributes", attribute.parent.identity)
        if attribute.point and not attribute.formula:
            links["Point"] = self.url("points", attribute.point.identity)
        return {
            **self._head(attribute.identity, attribute.name),
            "Description": "",
            "Type": attribute.type,
            "TypeQualifier": attribute.type_qualifier,
            "DefaultUnitsName": attribute.unit,
            "DefaultUnitsNameAbbreviation": attribute.unit,
            "DisplayDigits": -5,
            "DataReferencePlugIn": attribute.plug_in,
            "ConfigString": attribute.config_string,
            "IsConfigurationItem": False,
            "IsExcluded": attribute.excluded,
            "IsHidden": attribute.hidden,
            "IsManualDataEntry": False,
            "HasChildren": bool(attribute.attributes),
            "CategoryNames": list(attribute.categories),
            "Step": attribute.step,
            "TraitName": "",
            "Span": 100.0,
            "Zero": 0.0,
            "Links": links,
        }

    def template(self, template: Template) -> dict[str, Any]:
        """Give an element template or an event frame template."""
        at = self.url("elementtemplates", template.identity)
        links = {"Self": at, "Database": self.url("assetdatabases", tree.DATABASE_IDENTITY)}
        if template.base:
            links["BaseTemplate"] = self.url("elementtemplates", tree.TEMPLATES[template.base].identity)
        return {
            **self._head(template.identity, template.name),
            "Description": "",
            "AllowElementToExtend": False,
            "BaseTemplate": template.base,
            "Severity": "None",
            "CanBeAcknowledged": False,
            "InstanceType": template.instance_type,
            "NamingPattern": "",
            "CategoryNames": [],
            "ExtendedProperties": {},
            "Links": links,
        }

    def digital_set(self, name: str) -> dict[str, Any]:
        """Give a digital state set of the Data Archive."""
        identity = set_identity(name)
        at = self.url("enumerationsets", identity)
        links = {"Self": at, "DataServer": self.url("dataservers", points.SERVER), "Values": f"{at}/enumerationvalues"}
        return {**self._head(identity, name), "Description": "", "Links": links}

    def _head(self, identity: Identity, name: str) -> dict[str, Any]:
        return {"WebId": self.web_id(identity), "Id": str(identity.guids[-1]), "Name": name, "Path": identity.path}


def set_identity(name: str) -> Identity:
    """Give the identity of a digital state set."""
    guids = (points.SERVER_GUID, points.guid(f"set {name}"))
    return Identity(webid.ENUMERATION_SET, guids, rf"\\{points.DATA_SERVER}\DigitalSets[{name}]", owner="D")


def resolve(call: Call, web_id: str, kind: type[Kind]) -> Kind:
    """Give the object of that WebID. Refused with 400 if it is no WebID, with 404 if it names nothing of that kind."""
    try:
        found = call.plant.resolve(web_id)
    except ValueError as error:
        raise bad_request(f"The specified Web ID '{web_id[:80]}' is not valid.") from error
    if isinstance(found, kind):
        return found
    raise not_found("The specified object could not be found.")


def expect(web_id: str, identity: Identity) -> None:
    """Check that the WebID is that of the one server or database there is. Refused with 400 or 404."""
    try:
        webid.decode(web_id)
    except ValueError as error:
        raise bad_request(f"The specified Web ID '{web_id[:80]}' is not valid.") from error
    if web_id not in {webid.encode(identity, kind) for kind in WebIdType}:
        raise not_found("The specified object could not be found.")


def page(call: Call, items: Iterable[Item], render: Callable[[Item], Any]) -> dict[str, Any]:
    """Give the page of `startIndex` and `maxCount`, with links to the pages around it. 400 above the server's limit."""
    everything = list(items)
    start, count = call.query.whole("startIndex", 0), most(call)
    links = {}
    if count and len(everything) > count:
        last = (len(everything) - 1) // count * count
        starts = {"First": 0, "Previous": max(start - count, 0), "Next": start + count, "Last": last}
        if start == 0:
            del starts["Previous"]
        if start + count >= len(everything):
            del starts["Next"]
        links = {name: f"{call.base}{call.path}?{call.query.paged(at, count)}" for name, at in starts.items()}
    return {"Links": links, "Items": [render(item) for item in everything[start : start + count]]}


def most(call: Call) -> int:
    """Give `maxCount`, 1000 if absent. Above the server's limit it is refused with the 400 that is documented."""
    limit = call.settings.max_items_per_call
    count = call.query.whole("maxCount", min(_PAGE, limit))
    if count > limit:
        raise bad_request(f"Parameter 'maxCount' is greater than the maximum allowed ({limit}).")
    return count


@lru_cache(maxsize=256)
def _pattern(text: str) -> re.Pattern[str]:
    return re.compile(translate(text.replace("[", "[[]")), re.IGNORECASE)


def matches(name: str, wanted: str) -> bool:
    """Compare a name with a filter of `*` and `?`, whatever the case. An empty filter takes all."""
    return not wanted or _pattern(wanted).match(name) is not None


def many(call: Call, marker: str, kind: type[Kind], render: Callable[[Kind], Any]) -> Answer:
    """Answer `…/multiple`: every path and WebID with its object or its exception; 207 if there is any exception."""
    items = []
    for identifier, by in [(path, "Path") for path in call.query.many("path")] + [
        (web_id, "WebId") for web_id in call.query.many("webId")
    ]:
        item: dict[str, Any] = {"Identifier": identifier, "IdentifierType": by}
        try:
            found = by_path(call, marker, identifier, kind) if by == "Path" else resolve(call, identifier, kind)
            item["Object"] = render(found)
        except Refused as refusal:
            item["Exception"] = refusal.body
        items.append(item)
    if not items:
        raise bad_request("At least one path or webId must be specified.")
    failed = any("Exception" in item for item in items)
    wanted = call.query.text("includeMode", "All").lower()
    if wanted != "all":
        items = [item for item in items if ("Exception" in item) == (wanted == "exceptions")]
    return Answer({"Links": {}, "Items": items}, HTTPStatus.MULTI_STATUS if failed else HTTPStatus.OK)


def by_path(call: Call, marker: str, path: str, kind: type[Kind]) -> Kind:
    """Give the object at that path. Refused with 404."""
    found = call.plant.find(marker, path)
    if isinstance(found, kind):
        return found
    raise not_found(f"{_NAMES[marker]} not found '{path}'.")
