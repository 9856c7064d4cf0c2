from collections.abc import Callable
from typing import Any

import pytest
from aiohttp import web
from hypothesis import given, settings
from hypothesis import strategies as st

from pi.canned import CannedServer, Handler, client_of, said
from pibridge.errors import RejectedError, TooMuchError, UnauthorizedError, UnavailableError
from pibridge.model import ticks
from pibridge.pi.client import PiClient
from pibridge.pi.recorded import Page, recorded, values
from pibridge.pi.webid import WebId, decode, encode
from pibridge.pi.wire import TimedValue

SERVER = decode("I1DPrR1NjdPxEUOulNmps6aJqQFAEAAA").guids
IDS = [encode(WebId("I", "DP", guids=SERVER, point_id=number)) for number in range(8)]
START, END = ticks.parse("2024-01-01T00:00:00Z"), ticks.parse("2024-01-02T00:00:00.1234567Z")


def full(web_id: str) -> str:
    """Give the same object's WebID in Full form."""
    parts = decode(web_id)
    return encode(WebId("F", "DP", guids=parts.guids, point_id=parts.point_id, path=r"\\P\SINUSOID"))


def stream(web_id: str, *seconds: int, **others: Any) -> dict[str, Any]:
    """Give a stream with one value at each second of 2024."""
    times = [ticks.render(START + second * ticks.PER_SECOND) for second in seconds]
    items = [{"Timestamp": time, "Value": number, "Good": True} for number, time in enumerate(times)]
    return {"WebId": web_id, "Name": "x", "Path": r"\\P\X", "Items": items, **others}


def streams(make: Callable[[str], dict[str, Any]], wrong: frozenset[str] = frozenset(), status: int = 404) -> Handler:
    """Answer for the streams asked for; if a wrong one is among them the whole call is refused."""

    async def handle(request: web.BaseRequest) -> web.StreamResponse:
        asked = request.query.getall("webId")
        if wrong.intersection(asked):
            return said({"Errors": ["no"]}, status)
        return said({"Links": {}, "Items": [make(web_id) for web_id in reversed(asked)]})

    return handle


def page_of(outcome: object) -> Page:
    """Give the page that an outcome must be."""
    assert isinstance(outcome, Page)
    return outcome


async def test_each_stream_has_its_page(server: CannedServer, client: PiClient) -> None:
    """Whatever the order and the form of the ids in the answer, each stream gets its own values."""
    server.on("/streamsets/recorded", streams(lambda web_id: stream(full(web_id), IDS.index(web_id))))
    outcomes = await recorded(client, IDS, START, END, 1000)
    assert list(outcomes) == IDS
    for second, outcome in enumerate(outcomes.values()):
        page = page_of(outcome)
        assert page.ticks == [START + second * ticks.PER_SECOND]
        assert (page.values[0].value, page.full) == (0, False)


async def test_the_period_is_exact(server: CannedServer, client: PiClient) -> None:
    """The period goes out to the tick in UTC, and only recorded values are asked for."""
    server.on("/streamsets/recorded", streams(stream))
    await recorded(client, IDS[:1], START, END, 77)
    query = server.requests[0].query
    assert query["startTime"] == "2024-01-01T00:00:00.0000000Z"
    assert query["endTime"] == "2024-01-02T00:00:00.1234567Z"
    assert (query["boundaryType"], query["maxCount"], query["webIdType"]) == ("Inside", "77", "IDOnly")
    assert query.getall("webId") == IDS[:1]


async def test_values_are_in_ascending_time(server: CannedServer, client: PiClient) -> None:
    """Values out of order are sorted, those of one time keep their order."""
    server.on("/streamsets/recorded", streams(lambda web_id: stream(web_id, 5, 3, 3, 4)))
    page = page_of((await recorded(client, IDS[:1], START, END, 10))[IDS[0]])
    assert [value.value for value in page.values] == [1, 2, 3, 0]
    assert page.ticks == sorted(page.ticks)


async def test_a_full_page_says_so(server: CannedServer, client: PiClient) -> None:
    """A page with as many values as were asked for may not be all."""
    server.on("/streamsets/recorded", streams(lambda web_id: stream(web_id, 1, 2, *([3] if web_id == IDS[0] else []))))
    outcomes = await recorded(client, IDS[:2], START, END, 3)
    assert [page_of(outcome).full for outcome in outcomes.values()] == [True, False]


@settings(deadline=None, max_examples=50)  # each example starts a server
@given(counts=st.lists(st.integers(0, 9), min_size=1, max_size=8), in_total=st.booleans())
async def test_no_way_of_counting_hides_values(counts: list[int], in_total: bool) -> None:  # noqa: FBT001 - given
    """Whether the server counts for each stream or for all together, a page that is not full is whole."""
    most = 6

    async def truncating(request: web.BaseRequest) -> web.StreamResponse:
        left = most
        items = []
        for web_id in request.query.getall("webId"):
            taken = min(counts[IDS.index(web_id)], left if in_total else most)
            left -= taken
            items.append(stream(web_id, *range(taken)))
        return said({"Items": items})

    async with CannedServer() as server:
        server.on("/streamsets/recorded", truncating)
        async with client_of(server) as client:
            outcomes = await recorded(client, IDS[: len(counts)], START, END, most)
    for count, outcome in zip(counts, outcomes.values(), strict=True):
        page = page_of(outcome)
        assert len(page.values) == count or (page.full and len(page.values) == most)


async def test_a_stream_that_failed_does_not_hide_that_others_were_cut_off(
    server: CannedServer, client: PiClient
) -> None:
    """The server counts for all together, and nobody knows what a failed stream counted for."""

    async def cut(request: web.BaseRequest) -> web.StreamResponse:
        asked = request.query.getall("webId")
        failed = [{"WebId": IDS[0], "Items": [], "Errors": ["gone"]}] if IDS[0] in asked else []
        there = range(2 if failed else 5)
        return said({"Items": failed + [stream(web_id, *there) for web_id in asked if web_id != IDS[0]]})

    server.on("/streamsets/recorded", cut)
    outcomes = await recorded(client, IDS[:2], START, END, 6)
    assert isinstance(outcomes[IDS[0]], UnavailableError)
    assert len(page_of(outcomes[IDS[1]]).values) == 5


async def test_no_answer_grows_beyond_the_limit(server: CannedServer) -> None:
    """Streams times values stays below items_per_request."""
    server.on("/streamsets/recorded", streams(stream))
    limits = {"items_per_request": 30, "requests_per_second": 10_000}
    async with client_of(server, limits=limits) as client:
        assert len(await recorded(client, IDS, START, END, 10)) == len(IDS)
    assert [len(request.query.getall("webId")) for request in server.requests] == [3, 3, 2]


@pytest.mark.parametrize("status", [400, 403, 404, 409])
async def test_a_wrong_stream_is_found(server: CannedServer, client: PiClient, status: int) -> None:
    """If PI refuses a call because of some streams, those fail and the others are read."""
    wrong = frozenset({IDS[2], IDS[7]})
    server.on("/streamsets/recorded", streams(lambda web_id: stream(web_id, 1), wrong, status))
    server.on("/streamsets/value", streams(lambda web_id: {"WebId": web_id, "Value": {"Timestamp": "t"}}))
    await values(client, IDS[:1])  # a success, after which a 403 is about a stream
    outcomes = await recorded(client, IDS, START, END, 1000)
    failed = {web_id for web_id, outcome in outcomes.items() if isinstance(outcome, RejectedError | UnauthorizedError)}
    assert failed == wrong
    assert all(isinstance(outcomes[web_id], Page) for web_id in set(IDS) - wrong)


async def test_a_stream_that_is_left_out_is_an_error(server: CannedServer, client: PiClient) -> None:
    """A stream that is missing in the answer was not read."""
    server.on("/streamsets/recorded", said({"Items": [stream(IDS[0], 1)]}))
    outcomes = await recorded(client, IDS[:2], START, END, 1000)
    assert isinstance(outcomes[IDS[0]], Page)
    assert isinstance(outcomes[IDS[1]], UnavailableError)


@pytest.mark.parametrize(
    "failure",
    [
        {"Errors": [{"FieldName": "x", "Message": ["y"]}]},
        {"WebException": {"StatusCode": 500}},
        {"Items": [{"Timestamp": "?"}]},
    ],
)
async def test_a_failed_stream_is_an_error(server: CannedServer, client: PiClient, failure: dict[str, Any]) -> None:
    """A stream with errors, or with a time that is none, fails alone."""
    server.on(
        "/streamsets/recorded",
        streams(lambda web_id: stream(web_id, 1) | (failure if web_id == IDS[1] else {})),
    )
    outcomes = await recorded(client, IDS[:3], START, END, 1000)
    assert [isinstance(outcome, Page) for outcome in outcomes.values()] == [True, False, True]
    assert isinstance(outcomes[IDS[1]], UnavailableError)


async def test_an_error_in_place_of_a_value_is_kept(server: CannedServer, client: PiClient) -> None:
    """A value that is an error stays in the page as what it is."""
    items = [
        {"Timestamp": "2024-01-01T00:00:00Z", "Value": None, "Errors": [{"FieldName": "Value", "Message": ["bad"]}]}
    ]
    server.on("/streamsets/recorded", streams(lambda web_id: stream(web_id, Items=items)))
    page = page_of((await recorded(client, IDS[:1], START, END, 10))[IDS[0]])
    assert page.values[0].error() == "Value: bad"


async def test_too_much_is_left_to_the_caller(server: CannedServer, client: PiClient) -> None:
    """If PI gives no so many values, the caller asks for fewer."""
    server.on("/streamsets/recorded", said({"Errors": ["maxCount is greater than the maximum allowed (5)."]}, 400))
    with pytest.raises(TooMuchError):
        await recorded(client, IDS, START, END, 10)
    assert len(server.requests) == 1


async def test_a_refused_account_is_no_wrong_stream(server: CannedServer, client: PiClient) -> None:
    """A 401 is raised at once: trying streams one by one could lock the account."""
    server.on("/streamsets/recorded", web.Response(status=401))
    with pytest.raises(UnauthorizedError):
        await recorded(client, IDS, START, END, 10)
    assert len(server.requests) == 1


async def test_a_failing_server_is_no_wrong_stream(server: CannedServer, client: PiClient) -> None:
    """A failure that passes is raised, not blamed on a stream."""
    server.on("/streamsets/recorded", web.Response(status=503))
    with pytest.raises(UnavailableError):
        await recorded(client, IDS, START, END, 10)


async def test_present_values_are_read(server: CannedServer, client: PiClient) -> None:
    """Each stream has its present value or its error."""

    def value(web_id: str) -> dict[str, Any]:
        if web_id == IDS[1]:
            return {"WebId": full(web_id), "WebException": {"StatusCode": 500, "Errors": ["archive"]}}
        if web_id == IDS[2]:
            return {"WebId": web_id}
        return {"WebId": full(web_id), "Value": {"Timestamp": "2024-01-01T00:00:00Z", "Value": IDS.index(web_id)}}

    server.on("/streamsets/value", streams(value, frozenset({IDS[4]})))
    outcomes = await values(client, IDS)
    assert [type(outcome) for outcome in outcomes.values()] == [
        TimedValue,
        UnavailableError,
        UnavailableError,
        TimedValue,
        RejectedError,
        TimedValue,
        TimedValue,
        TimedValue,
    ]
    last = outcomes[IDS[7]]
    assert isinstance(last, TimedValue)
    assert last.value == 7
