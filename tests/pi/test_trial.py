from collections.abc import AsyncIterator

import pytest

from pi.canned import CannedServer, said, settings_for
from pibridge.errors import PIBridgeError
from pibridge.model.tag import Mode
from pibridge.pi.client import PiClient
from pibridge.pi.select_settings import ElementSelect
from pibridge.pi.selection import resolve
from pibridge.pi.trial import refusal, refusal_of_updates
from pibridge.simulator import Simulator


@pytest.fixture
async def reader() -> AsyncIterator[PiClient]:
    """Give a client of a plant."""
    async with Simulator() as simulator, PiClient(settings_for(simulator.url)) as client:
        yield client


async def ids(client: PiClient) -> dict[str, str]:
    """Give the WebIDs of some attributes by name."""
    select = ElementSelect(element=r"\\AF1\Plant\Area1\R1", attributes=("Temperature", "Capacity"))
    found = await resolve(client, "s", Mode.REALTIME, select, "poll")
    return {tag.name.rpartition("|")[2]: tag.web_id for tag in found.tags}


@pytest.mark.parametrize("mode", list(Mode))
async def test_a_point_is_read_in_all_modes(reader: PiClient, mode: Mode) -> None:
    """An attribute of a point has a past and values at even times, and its updates are kept."""
    web_id = (await ids(reader))["Temperature"]
    assert await refusal(reader, web_id, mode) is None
    assert await refusal_of_updates(reader, web_id) is None


@pytest.mark.parametrize("mode", list(Mode))
async def test_a_static_attribute_is_refused(reader: PiClient, mode: Mode) -> None:
    """What has no history is refused, and the refusal is given, not raised."""
    web_id = (await ids(reader))["Capacity"]
    for refused in (await refusal(reader, web_id, mode), await refusal_of_updates(reader, web_id)):
        assert isinstance(refused, PIBridgeError)
        assert "static" in str(refused) or "does not support" in str(refused)


async def test_many_values_are_no_refusal(server: CannedServer, client: PiClient) -> None:
    """A server that gives fewer values than were asked for does read the stream."""
    too_much = said({"Errors": ["Parameter 'maxCount' is greater than the maximum allowed (1)."]}, 400)
    server.on("/streams/w/interpolated", too_much)
    assert await refusal(client, "w", Mode.INTERPOLATED) is None
