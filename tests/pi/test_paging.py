from typing import Any

import pytest
from aiohttp import web
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pi.canned import CannedServer, Handler, client_of, said
from pibridge.pi import paging
from pibridge.pi.client import PiClient
from pibridge.pi.paging import all_pages
from pibridge.pi.wire import Items, Point, Reader

PAGE = 10
read_points = Reader(Items[Point])


@pytest.fixture(autouse=True)
def _small_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(paging, "LARGEST", PAGE)


def point(name: object) -> dict[str, Any]:
    """Give a point as PI lists it."""
    return {"WebId": f"w{name}", "Name": f"n{name}", "Path": "p"}


def points(count: int, *, limit: int = 1000, at_most: int = 1000) -> Handler:
    """Answer with so many points, a page at a time. `limit`: of `maxCount`. `at_most`: what a page really holds."""
    everything = [point(number) for number in range(count)]

    async def handle(request: web.BaseRequest) -> web.StreamResponse:
        start, most = int(request.query["startIndex"]), int(request.query["maxCount"])
        if most > limit:
            return said({"Errors": [f"Parameter 'maxCount' is greater than the maximum allowed ({limit})."]}, 400)
        end = start + min(most, at_most)
        links = {"Next": "https://pi/next"} if end < count else {}
        return said({"Links": links, "Items": everything[start:end]})

    return handle


async def names(client: PiClient) -> list[str]:
    """Read the list of points."""
    return [each.name for each in await all_pages(client, "/points", [("nameFilter", "n*")], read_points)]


@pytest.mark.parametrize(
    ("count", "pages"), [(0, 1), (1, 1), (PAGE - 1, 1), (PAGE, 2), (PAGE + 1, 2), (2 * PAGE + 5, 3)]
)
async def test_all_pages_are_read(server: CannedServer, client: PiClient, count: int, pages: int) -> None:
    """A full page is never taken for the end."""
    server.on("/points", points(count))
    assert await names(client) == [f"n{number}" for number in range(count)]
    assert len(server.requests) == pages
    assert all(request.query["nameFilter"] == "n*" for request in server.requests)


@pytest.mark.parametrize("limit", [2, 3, 9])
async def test_a_server_that_gives_less_is_asked_for_less(server: CannedServer, client: PiClient, limit: int) -> None:
    """A page above the server's limit is refused by it; smaller ones bring the whole list."""
    server.on("/points", points(25, limit=limit))
    assert await names(client) == [f"n{number}" for number in range(25)]


async def test_a_short_page_with_a_next_one_is_not_the_last(server: CannedServer, client: PiClient) -> None:
    """A server that gives less than it was asked for says where the rest is."""
    server.on("/points", points(25, at_most=4))
    assert len(await names(client)) == 25


async def test_a_list_can_be_left_early(server: CannedServer, client: PiClient) -> None:
    """With `most`, pages beyond it are not asked for."""
    server.on("/points", points(100))
    assert len(await all_pages(client, "/points", [], read_points, most=15)) == 19
    assert len(server.requests) == 2


async def test_a_server_without_pages_does_not_hang_us(server: CannedServer, client: PiClient) -> None:
    """A server that gives the same full page again and again ends the list."""
    server.on("/points", said({"Items": [point(number) for number in range(PAGE)]}))
    assert len(await names(client)) == PAGE


changes = st.lists(st.tuples(st.booleans(), st.integers(0, 60)), max_size=4)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=40)
@given(st.integers(0, 60), st.dictionaries(st.integers(1, 8), changes, max_size=2))
async def test_none_is_missed_while_others_come_and_go(count: int, after: dict[int, list[tuple[bool, int]]]) -> None:
    """What is there from beginning to end is found once, whatever is made or deleted between two pages."""
    there = [point(number) for number in range(count)]
    steady = {each["Name"] for each in there}

    async def handle(request: web.BaseRequest) -> web.StreamResponse:
        start, most = int(request.query["startIndex"]), int(request.query["maxCount"])
        answer = said({"Links": {}, "Items": there[start : start + most]})
        for is_new, place in after.get(len(server.requests), ()):
            if is_new:
                there.insert(place, point(f"new{place}.{len(there)}.{len(server.requests)}"))
            elif place < len(there):
                steady.discard(there.pop(place)["Name"])
        return answer

    async with CannedServer() as server, client_of(server) as client:
        server.on("/points", handle)
        found = await names(client)
    assert steady <= set(found)
    assert len(found) == len(set(found))
