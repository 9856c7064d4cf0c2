import pytest
from aiohttp import web

from pi.canned import CannedServer, said
from pibridge.errors import RejectedError, TooMuchError
from pibridge.pi.client import PiClient
from pibridge.pi.databases import database_at, element_at, is_of_frames, templates_of
from pibridge.pi.wire import Element, ElementTemplate

PLANT = Element(web_id="DB", name="Plant", path=r"\\AF1\Plant")


async def test_objects_are_found_by_path(server: CannedServer, client: PiClient) -> None:
    """Databases and elements are asked for by path; one that is not there is refused."""
    server.on("/assetdatabases", said({"WebId": "DB", "Name": "Plant", "Path": r"\\AF1\Plant"}))
    assert await database_at(client, r"\\AF1\Plant") == PLANT
    assert server.requests[0].query["path"] == r"\\AF1\Plant"
    with pytest.raises(RejectedError, match="404"):
        await element_at(client, r"\\AF1\Plant\R1")


async def test_the_list_of_templates_has_no_pages(server: CannedServer, client: PiClient) -> None:
    """All are asked for at once, or as many as the server gives."""

    async def handle(request: web.BaseRequest) -> web.StreamResponse:
        if int(request.query["maxCount"]) > 2000:
            return said({"Errors": ["Parameter 'maxCount' is greater than the maximum allowed (2000)."]}, 400)
        return said({"Items": [{"Name": "Batch", "InstanceType": "EventFrame"}, {"Name": "Reactor"}]})

    server.on("/assetdatabases/DB/elementtemplates", handle)
    assert [(each.name, is_of_frames(each)) for each in await templates_of(client, PLANT)] == [
        ("Batch", True),
        ("Reactor", False),
    ]


async def test_a_server_that_gives_nothing_is_believed(server: CannedServer, client: PiClient) -> None:
    """If even one template is too much, that is told."""
    refusal = said({"Errors": ["Parameter 'maxCount' is greater than the maximum allowed (0)."]}, 400)
    server.on("/assetdatabases/DB/elementtemplates", refusal)
    with pytest.raises(TooMuchError):
        await templates_of(client, PLANT)


def test_templates_of_frames_are_told_by_their_instance_type() -> None:
    """Whatever its case; a template that does not tell is of elements."""
    assert is_of_frames(ElementTemplate(name="B", instance_type="eventFrame"))
    assert not is_of_frames(ElementTemplate(name="B"))
