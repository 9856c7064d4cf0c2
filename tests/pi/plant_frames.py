"""A server with the event frames of one database, answering as PI Web API does."""

import json
from typing import Any
from urllib.parse import parse_qs, urlsplit
from uuid import UUID

from aiohttp import web

from pi.canned import CannedServer, said
from pibridge.model import ticks
from pibridge.pi.webid import WebId, encode

BASE = "https://pi.example.invalid/piwebapi"
SERVER = UUID(int=1)
DATABASE = r"\\AF1\Plant"
TEMPLATES = [
    {"Name": "Batch", "BaseTemplate": "", "InstanceType": "EventFrame"},
    {"Name": "Unit Batch", "BaseTemplate": "Batch", "InstanceType": "EventFrame"},
    {"Name": "Reactor", "BaseTemplate": "", "InstanceType": "Element"},
]


def guid(number: int) -> str:
    """Give a GUID as PI writes it."""
    return str(UUID(int=number))


def frame_id(number: int, form: str = "I") -> str:
    """Give the WebID of a frame, IDOnly or Full."""
    path = rf"{DATABASE}\EventFrames[{number}]" if form == "F" else None
    return encode(WebId(form, "Fm", guids=(SERVER, UUID(int=number)), path=path))


def element_id(number: int, form: str = "I") -> str:
    """Give the WebID of an element, IDOnly or Full."""
    path = rf"{DATABASE}\R{number}" if form == "F" else None
    return encode(WebId(form, "Em", guids=(SERVER, UUID(int=number)), path=path))


def frame(number: int, *, parent: int = 0, elements: tuple[int, ...] = (), **more: Any) -> dict[str, Any]:
    """Give an event frame as PI lists it: the shape that a real server was seen to send. Ids in their Full form."""
    links = {
        "Self": f"{BASE}/eventframes/{frame_id(number, 'F')}",
        "Attributes": f"{BASE}/eventframes/{frame_id(number, 'F')}/attributes",
        "Database": f"{BASE}/assetdatabases/DB",
        "Template": f"{BASE}/elementtemplates/F1XXEXAMPLE",
        "Value": f"{BASE}/streamsets/{frame_id(number, 'F')}/value",
    }
    if parent:
        links["Parent"] = f"{BASE}/eventframes/{frame_id(parent, 'F')}"
    if elements:
        links["PrimaryReferencedElement"] = f"{BASE}/elements/{element_id(elements[-1], 'F')}"
    return {
        "WebId": frame_id(number, "F"),
        "Id": guid(number),
        "Name": f"Frame {number}",
        "Description": "",
        "Path": rf"{DATABASE}\EventFrames[Frame {number}]",
        "TemplateName": "Unit Batch",
        "HasChildren": False,
        "CategoryNames": [],
        "ExtendedProperties": {},
        "StartTime": "2025-01-22T11:13:00Z",
        "EndTime": "2025-01-22T11:43:00Z",
        "Severity": "None",
        "AcknowledgedBy": "",
        "AcknowledgedDate": "1970-01-01T00:00:00Z",
        "CanBeAcknowledged": False,
        "IsAcknowledged": False,
        "IsAnnotated": False,
        "IsLocked": False,
        "AreValuesCaptured": False,
        "RefElementWebIds": [element_id(element, "F") for element in elements],
        "Security": {"CanAnnotate": True, "Rights": ["ReadWrite", "Delete"]},
        "Links": links,
        **more,
    }


class PlantFrames:
    r"""The database `\\AF1\Plant` behind the endpoints of event frames.

    `lacks`: what the server cannot do: sort, links (with chosen fields), derived (templates), multiple, batch. A frame
    in `failing` has that status.
    """

    def __init__(self, server: CannedServer, *lacks: str) -> None:
        self.frames: dict[str, dict[str, Any]] = {}
        self.failing: dict[str, int] = {}
        self.templates = list(TEMPLATES)
        self._lacks = lacks
        server.on("/assetdatabases", said({"WebId": "DB", "Name": "Plant", "Path": DATABASE}))
        server.on("/assetdatabases/DB/elementtemplates", self._templates)
        server.on("/assetdatabases/DB/eventframes", self._list)
        if "multiple" not in lacks:
            server.on("/eventframes/multiple", self._multiple)
        if "batch" not in lacks:
            server.on("/batch", self._batch)
        self._server = server

    def add(self, *frames: dict[str, Any]) -> None:
        """Add frames, or change them."""
        for one in frames:
            web_id = frame_id(UUID(one["Id"]).int)
            self.frames[web_id] = one
            self._server.on(f"/eventframes/{web_id}", self._single)

    async def _templates(self, _: web.BaseRequest) -> web.StreamResponse:
        return said({"Links": {}, "Items": self.templates})

    async def _list(self, request: web.BaseRequest) -> web.StreamResponse:
        query = request.query
        if "sortField" in query and "sort" in self._lacks:
            return said({"Errors": ["sortField"]}, 400)
        assert (query["searchMode"], query["searchFullHierarchy"]) == ("Overlapped", "true")
        start, end = ticks.parse(query["startTime"]), ticks.parse(query["endTime"])
        wanted = {query.get("templateName")}
        if "derived" not in self._lacks and "Batch" in wanted:
            wanted |= {"Unit Batch", "New"}
        matching = [
            self._seen(one, query)
            for one in self.frames.values()
            if ticks.parse(one["StartTime"]) <= end
            and ticks.parse(one["EndTime"]) >= start
            and wanted & {None, one["TemplateName"]}
        ]
        first, most = int(query["startIndex"]), int(query["maxCount"])
        return said({"Links": {}, "Items": matching[first : first + most]})

    def _seen(self, one: dict[str, Any], query: Any) -> dict[str, Any]:
        """Give the fields that were asked for."""
        if "selectedFields" not in query:
            return one
        names = {name.removeprefix("Items.") for name in query["selectedFields"].split(";")}
        seen = {name: value for name, value in one.items() if name in names}
        links = {name: link for name, link in one["Links"].items() if f"Links.{name}" in names}
        return seen if "links" in self._lacks else seen | {"Links": links}

    async def _multiple(self, request: web.BaseRequest) -> web.StreamResponse:
        items: list[dict[str, Any]] = []
        for web_id in request.query.getall("webId"):
            status, body = self._answer(web_id)
            said_of = {"Object": body} if status == 200 else {"Exception": body}
            items.append({"Identifier": web_id, "IdentifierType": "WebId", **said_of})
        return said({"Links": {}, "Items": items}, 207)

    async def _batch(self, request: web.BaseRequest) -> web.StreamResponse:
        answers = {}
        for name, part in json.loads(await request.read()).items():
            url = urlsplit(part["Resource"])
            assert parse_qs(url.query)["webIdType"] == ["IDOnly"]
            status, body = self._answer(url.path.rpartition("/")[2])
            answers[name] = {"Status": status, "Headers": {}, "Content": body}
        return said(answers, 207)

    async def _single(self, request: web.BaseRequest) -> web.StreamResponse:
        status, body = self._answer(request.path.rpartition("/")[2])
        return said(body, status)

    def _answer(self, web_id: str) -> tuple[int, dict[str, Any]]:
        if web_id in self.failing:
            return self.failing[web_id], {"Errors": ["failing"]}
        if web_id not in self.frames:
            return 404, {"Errors": ["gone"]}
        return 200, self.frames[web_id]
