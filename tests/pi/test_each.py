import json
from collections.abc import Sequence

import pytest
from aiohttp import web

from pi.canned import CannedServer, said
from pibridge.errors import RejectedError, UnauthorizedError, UnavailableError
from pibridge.pi.client import Params, PiClient
from pibridge.pi.each import each
from pibridge.pi.outcomes import Outcomes
from pibridge.pi.wire import DataServer, Reader

GOOD = {"WebId": "w", "Name": "PI"}


async def ask(client: PiClient, names: Sequence[str]) -> Outcomes[DataServer]:
    """Ask for these paths."""
    params: Params = [("webIdType", "IDOnly")]
    return await each(client, {name: (f"/{name}", params) for name in names}, Reader(DataServer))


def batch(server: CannedServer, **statuses: int) -> list[int]:
    """Answer batches: 200 or with these statuses. Gives how many requests each batch had."""
    sizes: list[int] = []

    async def handle(request: web.BaseRequest) -> web.StreamResponse:
        asked = json.loads(await request.read())
        sizes.append(len(asked))
        refused = {name: {"Status": status, "Content": "refused"} for name, status in statuses.items()}
        return said({name: {"Status": 200, "Content": GOOD} for name in asked} | refused, 207)

    server.on("/batch", handle)
    return sizes


async def test_each_has_an_outcome(server: CannedServer, client: PiClient) -> None:
    """An answer, or an error that says what was asked."""
    batch(server, b=404, c=500, d=403)
    outcomes = await ask(client, "abcd")
    assert isinstance(outcomes["a"], DataServer)
    assert isinstance(outcomes["b"], RejectedError)
    assert "GET /b" in str(outcomes["b"])
    assert isinstance(outcomes["c"], UnavailableError)
    assert isinstance(outcomes["d"], UnauthorizedError)


async def test_many_go_in_groups(server: CannedServer, client: PiClient) -> None:
    """Of 50."""
    sizes = batch(server)
    assert len(await ask(client, [f"n{number}" for number in range(120)])) == 120
    assert sizes == [50, 50, 20]


async def test_none_is_no_call(server: CannedServer, client: PiClient) -> None:
    """PI is left alone."""
    assert await ask(client, []) == {}
    assert not server.requests


async def test_an_answer_that_is_not_whole_is_an_error(server: CannedServer, client: PiClient) -> None:
    """Whatever its status."""
    body = {"WebException": {"Errors": ["broke"], "StatusCode": 500}}
    server.on("/batch", said({"a": {"Status": 200, "Content": body}}, 207))
    assert isinstance((await ask(client, "a"))["a"], UnavailableError)


@pytest.mark.parametrize("status", [403, 404, 405])
async def test_a_server_without_batches_is_asked_one_by_one(
    server: CannedServer, client: PiClient, status: int
) -> None:
    """It may take them for writing."""
    server.on("/batch", said({}, status))
    server.on("/a", said(GOOD))
    server.on("/c", said({}, 500))
    outcomes = await ask(client, "abc")
    assert isinstance(outcomes["a"], DataServer)
    assert isinstance(outcomes["b"], RejectedError)
    assert isinstance(outcomes["c"], UnavailableError)


async def test_a_refused_login_is_about_all(server: CannedServer, client: PiClient) -> None:
    """Nothing else is asked."""
    server.on("/batch", said({}, 401))
    with pytest.raises(UnauthorizedError):
        await ask(client, "abc")
    assert len(server.requests) == 1
