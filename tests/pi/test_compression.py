import pytest

from pi.canned import CannedServer, said
from pibridge.errors import UnauthorizedError, UnavailableError
from pibridge.pi.client import PiClient
from pibridge.pi.compression import is_compressed


@pytest.mark.parametrize(
    ("items", "expected"),
    [
        ([{"Name": "compressing", "Value": 1}], True),
        ([{"Name": "Compressing", "Value": 0}], False),
        ([{"Name": "compressing", "Value": True}], True),
        ([{"Name": "compressing", "Value": "1"}], None),
        ([{"Name": "compressing"}], None),
        ([{"Name": "compdev", "Value": 1}, {"Name": "compressing", "Value": 0}], False),
        ([], None),
    ],
)
async def test_it_is_what_the_attribute_says(
    server: CannedServer, client: PiClient, items: list[object], *, expected: bool | None
) -> None:
    """Whatever its case; without it PI does not say."""
    server.on("/points/P1/attributes", said({"Links": {}, "Items": items}))
    assert await is_compressed(client, "P1") is expected


@pytest.mark.parametrize("status", [400, 403, 404])
async def test_what_is_no_point_or_may_not_be_read_is_not_known(
    server: CannedServer, client: PiClient, status: int
) -> None:
    """An attribute of an element, or a point whose configuration this account may not see."""
    server.on("/dataservers", said({"Links": {}, "Items": []}))
    await client.get("/dataservers", [], bytes)
    server.on("/points/P1/attributes", said({"Errors": ["no"]}, status))
    assert await is_compressed(client, "P1") is None


async def test_an_outage_is_told(server: CannedServer, client: PiClient) -> None:
    """It says nothing of the point; nor does a refusal of the account."""
    server.on("/points/P1/attributes", said({"Errors": ["no"]}, 500))
    with pytest.raises(UnavailableError):
        await is_compressed(client, "P1")
    server.on("/points/P1/attributes", said({"Errors": ["no"]}, 401))
    with pytest.raises(UnauthorizedError):
        await is_compressed(client, "P1")
