import re
from fnmatch import fnmatchcase
from typing import Any

import pytest
from aiohttp import web

from pi.canned import CannedServer, said, settings_for
from pibridge.errors import UnavailableError
from pibridge.pi import discovery
from pibridge.pi.client import PiClient
from pibridge.pi.discovery import Count, Discovery, Template, discover
from pibridge.simulator import Simulator, SimulatorSettings

TEMPLATES = [
    {"Name": "Reactor", "BaseTemplate": "Vessel", "InstanceType": "Element"},
    {"Name": "Unit Batch", "InstanceType": "EventFrame"},
    {"Name": "Alarm", "InstanceType": "EventFrame"},
]


def archive(server: CannedServer, points: dict[str, tuple[str, str]]) -> None:
    """Serve a data server with these points: name to source and descriptor."""

    async def listed(request: web.BaseRequest) -> web.StreamResponse:
        source = request.query.get("sourceFilter", "*")
        found = [
            {"WebId": name, "Name": name, "Descriptor": descriptor}
            for name, (own, descriptor) in points.items()
            if fnmatchcase(own, source)
        ]
        start, most = int(request.query["startIndex"]), int(request.query["maxCount"])
        return said({"Links": {}, "Items": found[start : start + most]})

    server.on("/dataservers", said({"Items": [{"WebId": "DS", "Name": "PISRV1", "IsConnected": True}]}))
    server.on("/dataservers/DS/points", listed)
    for name, (source, _) in points.items():
        attribute = {"Name": "pointsource", "Value": source}
        server.on(f"/points/{name}/attributes", said({"Items": [attribute]}))


def plant(server: CannedServer, frames: Any) -> None:
    """Serve an AF server with a database."""
    server.on("/assetservers", said({"Items": [{"WebId": "AF", "Name": "AF1", "IsConnected": False}]}))
    database = {"WebId": "DB", "Name": "Plant", "Path": r"\\AF1\Plant"}
    server.on("/assetservers/AF/assetdatabases", said({"Items": [database]}))
    server.on("/assetdatabases/DB/elementtemplates", said({"Items": TEMPLATES}))
    elements = [{"WebId": f"E{number}", "TemplateName": "Reactor" if number else ""} for number in range(3)]
    server.on("/assetdatabases/DB/elements", said({"Items": elements}))
    server.on("/assetdatabases/DB/eventframes", frames)


FRAMES = said(
    {
        "Items": [
            {"WebId": "F1", "TemplateName": "Unit Batch", "RefElementWebIds": ["E1"]},
            {"WebId": "F2", "TemplateName": "Unit Batch", "RefElementWebIds": []},
            {"WebId": "F3", "TemplateName": "", "RefElementWebIds": []},
        ]
    }
)


async def test_points_are_counted_by_source(server: CannedServer, client: PiClient) -> None:
    """Each source is asked for once, whatever it is called; storage points of a batch database are left out."""
    points = {f"A{number}": ("R", "") for number in range(7)} | {f"B{number}": ("OPC", "") for number in range(9)}
    points |= {"BAE9CF24-C8B3": ("PIBatch", "PIBatch storage point for units, do not delete"), "L": ("", "")}
    archive(server, points)
    server.on("/assetservers", said({"Items": []}))
    (found,) = (await discover(client)).points
    assert (found.server, found.is_connected, found.count, found.storage) == ("PISRV1", True, Count(17), 1)
    assert found.sources == {"OPC": Count(9), "R": Count(7), "": Count(1)}
    assert len([each for each in server.requests if each.path.endswith("/attributes")]) == 3


async def test_counting_ends_somewhere(server: CannedServer, client: PiClient, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of very many points only so many are counted, and that is said."""
    monkeypatch.setattr(discovery, "_MOST_POINTS", 20)
    archive(server, {f"A{number}": ("R", "") for number in range(20)})
    server.on("/assetservers", said({"Items": []}))
    (found,) = (await discover(client)).points
    assert (str(found.count), str(found.sources["R"])) == ("more than 20", "more than 20")


async def test_templates_are_told_with_what_uses_them(server: CannedServer, client: PiClient) -> None:
    """Elements that have a template, recent frames of one at any depth, and whether these reference elements."""
    archive(server, {})
    plant(server, FRAMES)
    (database,) = (await discover(client)).databases
    assert database.element_templates == [Template("Reactor", "Vessel", Count(2))]
    assert database.frame_templates == [
        Template("Unit Batch", "", Count(2), on_elements=True),
        Template("Alarm", "", Count(0), on_elements=None),
    ]
    asked = server.asked("/assetdatabases/DB/eventframes")[0].query
    assert (asked["searchFullHierarchy"], asked["searchMode"], asked["startTime"]) == ("true", "Overlapped", "*-7d")


async def test_frames_that_cannot_be_asked_for_are_not_counted(server: CannedServer, client: PiClient) -> None:
    """The templates are told all the same, with the reason."""
    archive(server, {})
    plant(server, said({"Errors": ["no frames"]}, 400))
    (database,) = (await discover(client)).databases
    assert [each.count for each in database.frame_templates] == [None, None]
    assert "no frames" in database.problem


async def test_a_server_that_fails_does_not_stop_the_others(server: CannedServer, client: PiClient) -> None:
    """What is wrong with it stands in its place."""
    archive(server, {})
    plant(server, FRAMES)
    server.on("/dataservers/DS/points", web.Response(status=503))
    server.on("/assetdatabases/DB/elements", web.Response(status=503))
    found = await discover(client)
    assert "503" in found.points[0].problem
    assert "503" in found.databases[0].problem
    server.on("/assetservers/AF/assetdatabases", web.Response(status=503))
    assert "503" in (await discover(client)).assets[0].problem
    server.on("/dataservers", web.Response(status=503))
    with pytest.raises(UnavailableError):
        await discover(client)


async def test_the_brewery_is_found() -> None:
    """Its points, its database and its templates, with what the simulator knows."""
    async with (
        Simulator(SimulatorSettings(bulk_points=30, cycle_s=21_600)) as simulator,
        PiClient(settings_for(simulator.url)) as client,
    ):
        found: Discovery = await discover(client)
    points, second = found.points
    own = [each for each in simulator.plant.points.values() if each.server.name == "PISRV1"]
    assert points.count == Count(len(own))
    assert points.sources.keys() == {each.source for each in own}
    assert (second.server, second.count) == ("PISRV2", Count(len(simulator.plant.points) - len(own)))
    database, warehouse = found.databases
    assert warehouse.path == r"\\AF1\Warehouse"
    counts = {each.name: each.count for each in database.element_templates}
    assert (counts["Reactor"], counts["Fermenter"]) == (Count(4), Count(2))
    assert {each.name for each in database.frame_templates} >= {"Batch", "Unit Batch"}
    assert re.fullmatch(r"\\\\AF1\\Plant", database.path)
