from collections.abc import Callable, Sequence
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

import pytest
from aiohttp import web

from pi.canned import Answer, CannedServer, Handler, said
from pibridge.errors import RejectedError, UnauthorizedError, UnavailableError
from pibridge.pi.client import PiClient
from pibridge.pi.update_wire import Action
from pibridge.pi.updates import Update, register, retrieve
from pibridge.pi.webid import WebId, decode, encode

PATH = "/streamsets/updates"
SERVER = decode("I1DPrR1NjdPxEUOulNmps6aJqQFAEAAA").guids
IDS = [encode(WebId("I", "DP", guids=SERVER, point_id=number)) for number in range(300)]
MARKERS = {web_id: f"{UUID(int=number).hex}_0" for number, web_id in enumerate(IDS)}
SOURCES = {marker: web_id for web_id, marker in MARKERS.items()}


def full(web_id: str) -> str:
    """Give the same object's WebID in Full form."""
    parts = decode(web_id)
    return encode(WebId("F", "DP", guids=parts.guids, point_id=parts.point_id, path=r"\\P\SINUSOID"))


def registration(web_id: str) -> dict[str, Any]:
    """Give what PI says of a registered stream."""
    return {"Source": full(web_id), "LatestMarker": MARKERS[web_id], "Status": "Succeeded"}


def update(marker: str) -> dict[str, Any]:
    """Give what PI says of a stream with one new value, its marker."""
    event = {"Action": "Add", "Timestamp": "2024-01-01T00:00:00Z", "Value": marker}
    return {
        "Source": full(SOURCES[marker]),
        "RequestedMarker": marker,
        "LatestMarker": marker + "1",
        "Status": "Updated",
        "Events": [event],
    }


def items(
    parameter: str,
    make: Callable[[str], dict[str, Any]],
    wrong: Sequence[str] = (),
    status: int = 409,
) -> Handler:
    """Answer for all that is asked for; if a wrong one is among it the whole call is refused."""

    async def handle(request: web.BaseRequest) -> web.StreamResponse:
        asked = request.query.getall(parameter)
        if set(asked) & set(wrong):
            return said({"Errors": ["no"]}, status)
        return said({"Links": {}, "Items": [make(each) for each in reversed(asked)]})

    return handle


async def test_many_streams_are_registered(server: CannedServer, client: PiClient) -> None:
    """Each gets its own marker, in calls whose URL and answer's `Location` are not too long for either side."""

    async def located(request: web.BaseRequest) -> web.StreamResponse:
        answer = await registering(request)
        markers = [MARKERS[web_id] for web_id in request.query.getall("webId")]
        answer.headers["Location"] = f"{server.url}{PATH}?{urlencode([('marker', marker) for marker in markers])}"
        return answer

    registering = items("webId", registration)
    server.on(PATH, located)
    registered = await register(client, [*IDS, IDS[0]])
    assert (registered.markers, registered.failed) == (MARKERS, {})
    assert len(server.requests) > 1
    for request in server.requests:
        assert (request.method, request.query["webIdType"]) == ("POST", "IDOnly")
        assert "X-Requested-With" in request.headers
        assert len(str(request.rel_url)) < 16384


@pytest.mark.parametrize("status", [400, 404, 409])
async def test_a_stream_that_cannot_be_registered_fails_alone(
    server: CannedServer, client: PiClient, status: int
) -> None:
    """PI refuses the whole set for one static attribute or unknown WebID; the others are registered all the same."""
    wrong = [IDS[3], IDS[40]]
    server.on(PATH, items("webId", registration, wrong, status))
    registered = await register(client, IDS[:50])
    assert list(registered.failed) == wrong
    assert all(isinstance(error, RejectedError) for error in registered.failed.values())
    assert registered.markers.keys() == set(IDS[:50]) - set(wrong)


async def test_registrations_fail_one_by_one(server: CannedServer, client: PiClient) -> None:
    """An exception, or nothing at all about a stream, is its failure, whatever the status says."""
    failed = {"Source": IDS[1], "Status": "Succeeded", "Exception": {"Errors": ["no data pipe"]}}
    server.on(PATH, said({"Items": [failed, registration(IDS[0])]}, 201))
    registered = await register(client, IDS[:3])
    assert registered.markers == {IDS[0]: MARKERS[IDS[0]]}
    assert "no data pipe" in str(registered.failed[IDS[1]])
    assert isinstance(registered.failed[IDS[2]], UnavailableError)


async def test_each_stream_gets_its_events(server: CannedServer, client: PiClient) -> None:
    """Whatever the order of the answers and the form of their ids; the next marker comes with them."""
    server.on(PATH, items("marker", update))
    updates = await retrieve(client, MARKERS)
    assert list(updates) == IDS
    assert len(server.requests) > 1
    for web_id, marker in MARKERS.items():
        found = updates[web_id]
        assert (found.marker, found.lost) == (marker + "1", None)
        assert [(event.action, event.value) for event in found.events] == [(Action.ADD, marker)]


async def test_an_answer_that_repeats_no_marker_is_told_by_its_stream(server: CannedServer, client: PiClient) -> None:
    """The stream is enough."""
    server.on(PATH, items("marker", lambda marker: update(marker) | {"RequestedMarker": None}))
    updates = await retrieve(client, {IDS[0]: MARKERS[IDS[0]], IDS[1]: MARKERS[IDS[1]]})
    assert [found.events[0].value for found in updates.values()] == [MARKERS[IDS[0]], MARKERS[IDS[1]]]


async def test_an_answer_to_another_marker_is_no_answer(server: CannedServer, client: PiClient) -> None:
    """What lies between the two markers would be missing."""
    server.on(PATH, items("marker", lambda marker: update(marker) | {"RequestedMarker": marker + "9"}))
    (found,) = (await retrieve(client, {IDS[0]: MARKERS[IDS[0]]})).values()
    assert found.lost
    assert found.events == []


async def test_no_news_is_no_loss(server: CannedServer, client: PiClient) -> None:
    """An empty list, or none at all, moves the marker on."""
    server.on(PATH, items("marker", lambda marker: update(marker) | {"Events": [] if marker[0] == "0" else None}))
    (found,) = (await retrieve(client, {IDS[0]: MARKERS[IDS[0]]})).values()
    assert found == Update(MARKERS[IDS[0]] + "1")


async def test_what_came_beside_an_error_is_kept(server: CannedServer, client: PiClient) -> None:
    """The stream is lost, its last events are not."""
    wrong = {"Exception": {"Errors": ["The signup was updated and any cached data could be invalid."]}}
    server.on(PATH, items("marker", lambda marker: update(marker) | (wrong if marker == MARKERS[IDS[1]] else {})))
    updates = await retrieve(client, {web_id: MARKERS[web_id] for web_id in IDS[:3]})
    assert [bool(found.lost) for found in updates.values()] == [False, True, False]
    assert "signup was updated" in str(updates[IDS[1]].lost)
    assert len(updates[IDS[1]].events) == 1


async def test_an_error_without_a_name_explains_what_is_missing(server: CannedServer, client: PiClient) -> None:
    """PI's examples of exceptions name neither stream nor marker."""
    nameless = {"Exception": {"Errors": ["The signup was removed because it is no longer valid."]}}
    server.on(PATH, said({"Items": [update(MARKERS[IDS[0]]), nameless]}))
    updates = await retrieve(client, {web_id: MARKERS[web_id] for web_id in IDS[:3]})
    assert updates[IDS[0]].lost is None
    assert "signup was removed" in str(updates[IDS[1]].lost)
    assert "signup was removed" in str(updates[IDS[2]].lost)


async def test_registrations_that_are_gone_are_lost_at_once(server: CannedServer, client: PiClient) -> None:
    """A 404 speaks of all that was registered: nobody looks for a culprit."""
    server.on(PATH, said({"Errors": ["Cache not found"]}, 404))
    updates = await retrieve(client, {web_id: MARKERS[web_id] for web_id in IDS[:9]})
    assert all("Cache not found" in str(found.lost) for found in updates.values())
    assert len(updates) == 9
    assert len(server.requests) == 1


async def test_a_wrong_marker_is_lost_alone(server: CannedServer, client: PiClient) -> None:
    """If PI refuses a set because of one marker, the others are read."""
    server.on(PATH, items("marker", update, [MARKERS[IDS[5]]]))
    updates = await retrieve(client, {web_id: MARKERS[web_id] for web_id in IDS[:9]})
    assert [web_id for web_id, found in updates.items() if found.lost] == [IDS[5]]
    assert all(found.events for web_id, found in updates.items() if web_id != IDS[5])


async def test_too_large_an_answer_is_asked_for_in_parts(server: CannedServer, client: PiClient) -> None:
    """Fewer streams have fewer events; one that is too large by itself is lost."""

    async def limited(request: web.BaseRequest) -> web.StreamResponse:
        asked = request.query.getall("marker")
        if len(asked) > 2 or MARKERS[IDS[0]] in asked:
            return said({"Errors": ["The number of values is greater than the maximum allowed (5)."]}, 400)
        return said({"Items": [update(marker) for marker in asked]})

    server.on(PATH, limited)
    updates = await retrieve(client, {web_id: MARKERS[web_id] for web_id in IDS[:8]})
    assert [web_id for web_id, found in updates.items() if found.lost] == [IDS[0]]
    assert sum(len(found.events) for found in updates.values()) == 7


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (web.Response(status=503), UnavailableError),
        (web.Response(body=b'{"Items": [{"Source"'), UnavailableError),
        (said({"WebException": {"StatusCode": 500, "Errors": ["x"]}}), UnavailableError),
        (web.Response(status=401), UnauthorizedError),
    ],
)
async def test_a_failing_server_is_raised(
    server: CannedServer, client: PiClient, answer: Answer, kind: type[Exception]
) -> None:
    """As long as nothing was read, the failure is the caller's to see; for registrations as for updates."""
    server.on(PATH, answer)
    with pytest.raises(kind):
        await retrieve(client, MARKERS)
    if kind is UnavailableError:
        with pytest.raises(kind):
            await register(client, IDS)


@pytest.mark.parametrize("status", [401, 503])
async def test_what_was_read_before_a_failure_is_not_thrown_away(
    server: CannedServer, client: PiClient, status: int
) -> None:
    """PI may not tell it a second time: it is given back, and the rest is lost with the reason."""
    answer = items("marker", update)
    server.on(PATH, answer, web.Response(status=status))
    updates = await retrieve(client, MARKERS)
    read = [web_id for web_id, found in updates.items() if found.events]
    assert read == IDS[: len(server.requests[0].query.getall("marker"))]
    assert all(str(status) in str(found.lost) for web_id, found in updates.items() if web_id not in read)
    assert updates.keys() == MARKERS.keys()


async def test_nothing_to_ask_for_is_not_asked(server: CannedServer, client: PiClient) -> None:
    """No streams, no request."""
    assert (await register(client, [])).markers == {}
    assert await retrieve(client, {}) == {}
    assert server.requests == []
