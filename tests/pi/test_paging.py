import pytest
from aiohttp import web

from pi.canned import CannedServer, Handler, said
from pibridge.pi.client import PiClient
from pibridge.pi.paging import PAGE, all_pages
from pibridge.pi.wire import Items, Point, Reader

read_points = Reader(Items[Point])


def points(count: int) -> Handler:
    """Answer with so many points, a page at a time."""
    everything = [{"WebId": f"w{number}", "Name": f"n{number}", "Path": "p"} for number in range(count)]

    async def handle(request: web.BaseRequest) -> web.StreamResponse:
        start, most = int(request.query["startIndex"]), int(request.query["maxCount"])
        return said({"Links": {}, "Items": everything[start : start + most]})

    return handle


@pytest.mark.parametrize(
    ("count", "pages"), [(0, 1), (1, 1), (PAGE - 1, 1), (PAGE, 2), (PAGE + 1, 2), (2 * PAGE + 500, 3)]
)
async def test_all_pages_are_read(server: CannedServer, client: PiClient, count: int, pages: int) -> None:
    """A full page is never taken for the end."""
    server.on("/points", points(count))
    found = await all_pages(client, "/points", [("nameFilter", "n*")], read_points)
    assert [point.name for point in found] == [f"n{number}" for number in range(count)]
    assert len(server.requests) == pages
    assert all(request.query["nameFilter"] == "n*" for request in server.requests)


async def test_a_list_can_be_read_from_the_middle(server: CannedServer, client: PiClient) -> None:
    """What was read already is not read again."""
    server.on("/points", points(PAGE + 5))
    assert len(await all_pages(client, "/points", [], read_points, start=PAGE)) == 5


async def test_objects_that_move_between_pages_count_once(server: CannedServer, client: PiClient) -> None:
    """An object that slips to the next page while the list is read is not found twice."""
    first = [{"WebId": f"w{number}", "Name": "n", "Path": "p"} for number in range(PAGE)]
    server.on("/points", said({"Items": first}), said({"Items": [first[-1], {"WebId": "x", "Name": "n", "Path": "p"}]}))
    assert len(await all_pages(client, "/points", [], read_points)) == PAGE + 1


async def test_a_server_without_pages_does_not_hang_us(server: CannedServer, client: PiClient) -> None:
    """A server that gives the same full page again and again ends the list."""
    server.on("/points", said({"Items": [{"WebId": f"w{number}", "Name": "n", "Path": "p"} for number in range(PAGE)]}))
    assert len(await all_pages(client, "/points", [], read_points)) == PAGE
