import pytest
from aiohttp import web

from pi.canned import CannedServer, said
from pi.plant_frames import element_id
from pibridge.errors import UnavailableError
from pibridge.pi.client import PiClient
from pibridge.pi.elements import asset_path, element_paths

R1 = {"WebId": element_id(1, "F"), "Name": "R1", "Path": r"\\AF1\Plant\Area1\R1"}
R2 = {"WebId": element_id(2, "F"), "Name": "A/B", "Path": r"\\AF1\Plant\A/B"}


def test_a_path_is_written_as_records_have_it() -> None:
    """The database first, `/` between names, a `/` in a name as %2F."""
    assert asset_path(r"\\AF1\Plant\A/B\R1") == "Plant/A%2FB/R1"
    assert asset_path(r"\\AF1\Plant") == "Plant"


async def test_paths_are_asked_for_together(server: CannedServer, client: PiClient) -> None:
    """And found whatever the order and form of the answer's ids."""
    server.on("/elements/multiple", said({"Items": [{"Object": R2}, {"Object": R1}]}, 207))
    paths = await element_paths(client, [element_id(1), element_id(2)])
    assert paths == {element_id(1): "Plant/Area1/R1", element_id(2): "Plant/A%2FB"}
    assert len(server.requests) == 1


async def test_what_is_left_out_is_asked_for_alone(server: CannedServer, client: PiClient) -> None:
    """What is not there either way has no path."""
    server.on("/elements/multiple", said({"Items": [{"Object": R1}, {"Exception": {"Errors": ["failed"]}}]}, 207))
    server.on(f"/elements/{element_id(2)}", said(R2))
    server.on(f"/elements/{element_id(4)}", said({"Errors": ["not now"]}, 500))
    paths = await element_paths(client, [element_id(number) for number in (1, 2, 3, 4)])
    assert paths == {element_id(1): "Plant/Area1/R1", element_id(2): "Plant/A%2FB"}


async def test_a_server_without_the_call_for_many_is_asked_one_by_one(server: CannedServer, client: PiClient) -> None:
    """In a batch if it has that."""

    async def batch(_: web.BaseRequest) -> web.StreamResponse:
        return said({element_id(1): {"Status": 200, "Headers": {}, "Content": R1}}, 207)

    server.on("/batch", batch)
    assert await element_paths(client, [element_id(1)]) == {element_id(1): "Plant/Area1/R1"}


async def test_a_server_that_fails_is_no_server_without_elements(server: CannedServer, client: PiClient) -> None:
    """Whoever asks learns of it."""
    server.on("/elements/multiple", said({}, 503))
    with pytest.raises(UnavailableError):
        await element_paths(client, [element_id(1)])
