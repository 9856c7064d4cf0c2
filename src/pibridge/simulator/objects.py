"""The JSON of the plant's objects, and the pages in which lists of them come."""

import re
from collections.abc import Callable, Iterable
from fnmatch import translate
from functools import lru_cache
from http import HTTPStatus
from typing import Any, Final, TypeVar

from pibridge.simulator import times, tree, webid
from pibridge.simulator.call import Answer, Call, Refused, bad_request, not_found
from pibridge.simulator.frames import Frame
from pibridge.simulator.points import DigitalSet, Point
from pibridge.simulator.servers import AF, AssetServer, DataServer
from pibridge.simulator.tree import Attribute, Database, Element, Template
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
_NAMES: Final = {
    webid.POINT: "PI Point",
    webid.DATA_SERVER: "Data server",
    webid.ASSET_SERVER: "Asset server",
    webid.DATABASE: "Asset database",
    webid.ELEMENT: "Element",
    webid.ATTRIBUTE: "Attribute",
    webid.EVENT_FRAME: "Event frame",
}
_NEVER: Final = "1970-01-01T00:00:00Z"
_SECURITY: Final = {
    "CanAnnotate": True,
    "CanDelete": True,
    "CanExecute": False,
    "CanRead": True,
    "CanReadData": True,
    "CanSubscribe": False,
    "CanSubscribeOthers": False,
    "CanWrite": True,
    "CanWriteData": True,
    "HasAdmin": False,
    "Rights": ["ReadWrite", "Delete", "ReadWriteData", "Annotate"],
}
Item = TypeVar("Item")
Kind = TypeVar("Kind", DataServer, DigitalSet, Point, AssetServer, Database, Template, Element, Attribute, Frame)


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
        self._open_end = call.settings.open_end
        self._frames = call.plant.frames

    def web_id(self, identity: Identity) -> str:
        """Give the WebID in the form asked for."""
        return webid.encode(identity, self._kind)

    def url(self, folder: str, identity: Identity, tail: str = "") -> str:
        """Give the URL of an object, or of what lies below it."""
        return f"{self._base}/{folder}/{self.web_id(identity)}{tail}"

    def data_server(self, server: DataServer) -> dict[str, Any]:
        """Give a Data Archive."""
        at = self.url("dataservers", server.identity)
        return {
            **self._head(server.identity, server.name),
            "IsConnected": True,
            "ServerVersion": "3.4.450.43",
            "ServerTime": times.text(self._now),
            "Links": {"Self": at, "Points": f"{at}/points", "EnumerationSets": f"{at}/enumerationsets"},
        }

    def asset_server(self, server: AssetServer) -> dict[str, Any]:
        """Give an AF server."""
        at = self.url("assetservers", server.identity)
        return {
            **self._head(server.identity, server.name),
            "Description": "",
            "IsConnected": True,
            "ServerVersion": "2.10.11.10",
            "ServerTime": times.text(self._now),
            "ExtendedProperties": {},
            "Links": {"Self": at, "Databases": f"{at}/assetdatabases"},
        }

    def database(self, database: Database) -> dict[str, Any]:
        """Give an AF database."""
        at = self.url("assetdatabases", database.identity)
        tails = {"Elements": "elements", "ElementTemplates": "elementtemplates", "EventFrames": "eventframes"}
        return {
            **self._head(database.identity, database.name),
            "Description": database.description,
            "ExtendedProperties": {},
            "Links": {
                "Self": at,
                **{name: f"{at}/{tail}" for name, tail in tails.items()},
                "AssetServer": self.url("assetservers", AF.identity),
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
                "DataServer": self.url("dataservers", point.server.identity),
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
            "Database": self.url("assetdatabases", element.database),
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
        owner = "Element" if isinstance(attribute.owner, Element) else "EventFrame"
        links = {
            "Self": at,
            "Attributes": f"{at}/attributes",
            owner: self.url(f"{owner.lower()}s", attribute.owner.identity),
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
        links = {"Self": at, "Database": self.url("assetdatabases", tree.database_identity(template.database))}
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

    def frame(self, frame: Frame) -> dict[str, Any]:
        """Give an event frame."""
        at = self.url("eventframes", frame.identity)
        streams = self.url("streamsets", frame.identity)
        links = {
            "Self": at,
            "Attributes": f"{at}/attributes",
            "EventFrames": f"{at}/eventframes",
            "Database": self.url("assetdatabases", tree.database_identity(tree.PLANT)),
            "ReferencedElements": f"{at}/referencedelements",
            "Categories": f"{at}/categories",
            **{name: f"{streams}/{tail}" for name, tail in _VALUE_LINKS.items()},
            "Security": f"{at}/security",
            "SecurityEntries": f"{at}/securityentries",
        }
        if frame.parent and (parent := self._frames.find(frame.parent)):
            links["Parent"] = self.url("eventframes", parent.identity)
        if frame.elements:
            links["PrimaryReferencedElement"] = self.url("elements", frame.elements[0].identity)
        if frame.template:
            links["Template"] = self.url("elementtemplates", tree.TEMPLATES[frame.template].identity)
        return {
            **self._head(frame.identity, frame.name),
            "Description": frame.description,
            "TemplateName": frame.template,
            "HasChildren": bool(self._frames.below(frame)),
            "CategoryNames": list(frame.categories),
            "ExtendedProperties": {name: {"Value": text} for name, text in frame.sources.items()},
            "StartTime": times.text(frame.start_ticks),
            "EndTime": self._open_end if frame.is_open else times.text(frame.end_ticks),
            "Severity": frame.severity,
            "AcknowledgedBy": frame.acknowledged_by,
            # The plant does not remember when somebody acknowledged a frame: it was at once.
            "AcknowledgedDate": times.text(frame.start_ticks) if frame.acknowledged_by else _NEVER,
            "CanBeAcknowledged": frame.can_be_acknowledged,
            "IsAcknowledged": bool(frame.acknowledged_by),
            "IsAnnotated": False,
            "IsLocked": False,
            "AreValuesCaptured": not frame.is_open,
            "RefElementWebIds": [self.web_id(element.identity) for element in frame.elements],
            "Security": _SECURITY,
            "Links": links,
        }

    def digital_set(self, digital_set: DigitalSet) -> dict[str, Any]:
        """Give a digital state set of a Data Archive."""
        at = self.url("enumerationsets", digital_set.identity)
        links = {
            "Self": at,
            "DataServer": self.url("dataservers", digital_set.server.identity),
            "Values": f"{at}/enumerationvalues",
        }
        return {**self._head(digital_set.identity, digital_set.name), "Description": "", "Links": links}

    def _head(self, identity: Identity, name: str) -> dict[str, Any]:
        return {"WebId": self.web_id(identity), "Id": str(identity.guids[-1]), "Name": name, "Path": identity.path}


def resolve(call: Call, web_id: str, kind: type[Kind]) -> Kind:
    """Give the object of that WebID. Refused with 400 if it is no WebID, with 404 if it names nothing of that kind."""
    try:
        found = call.plant.resolve(web_id)
    except ValueError as error:
        raise bad_request(f"The specified Web ID '{web_id[:80]}' is not valid.") from error
    if isinstance(found, kind):
        return found
    raise not_found("The specified object could not be found.")


def page(call: Call, items: Iterable[Item], render: Callable[[Item], Any]) -> dict[str, Any]:
    """Give the page of `startIndex` and `maxCount`, with links to the pages around it. 400 above the server's limit."""
    everything = list(items)
    start, count = call.query.whole("startIndex", 0), most(call)
    links = {}
    always_next = call.settings.next_on_last_page
    if count and (len(everything) > count or always_next):
        last = max(len(everything) - 1, 0) // count * count
        starts = {"First": 0, "Previous": max(start - count, 0), "Next": start + count, "Last": last}
        if start == 0:
            del starts["Previous"]
        if start + count >= len(everything) and not always_next:
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
