from typing import Any

import pytest
from aiohttp import web
from hypothesis import given, settings
from hypothesis import strategies as st

from pi.canned import CannedServer, Handler, client_of, said
from pibridge.errors import RejectedError, UnauthorizedError, UnavailableError
from pibridge.model import ticks
from pibridge.pi.client import PiClient
from pibridge.pi.interpolated import interpolated
from pibridge.pi.webid import WebId, decode, encode
from pibridge.pi.wire import TimedValue

SERVER = decode("I1DPrR1NjdPxEUOulNmps6aJqQFAEAAA").guids
IDS = [encode(WebId("I", "DP", guids=SERVER, point_id=number)) for number in range(4)]
NOON = ticks.parse("2024-01-01T12:00:00Z")
TEN_S = 10 * ticks.PER_SECOND
MINUTE = range(NOON, NOON + 6 * TEN_S, TEN_S)


def value(moment: int) -> dict[str, Any]:
    """Give a value that tells its time."""
    return {"Timestamp": ticks.render(moment), "Value": float(moment - NOON), "Good": True}


def asked_for(request: web.BaseRequest) -> list[int]:
    """Give the instants that a request names or spans, as PI computes them."""
    if request.path.endswith("attimes"):
        return [ticks.parse(time) for time in request.query.getall("time")]
    start, end = (ticks.parse(request.query[name]) for name in ("startTime", "endTime"))
    step = ticks.from_seconds(float(request.query["interval"].removesuffix("s")))
    return list(range(start, end + 1, step))


def sampling(left_out: frozenset[int] = frozenset(), most: int = 1_000_000, shift: int = 0) -> Handler:
    """Answer with what is asked for: in ranges not for these times, not more than so much, off by so many ticks."""

    async def handle(request: web.BaseRequest) -> web.StreamResponse:
        moments = asked_for(request)
        streams, is_named = request.query.getall("webId"), request.path.endswith("attimes")
        if len(moments) * len(streams) > most:
            return said({"Errors": [f"The number is greater than the maximum allowed ({most})."]}, 400)
        items = [value(moment + shift) for moment in moments if is_named or moment not in left_out]
        return said({"Items": [{"WebId": web_id, "Items": items} for web_id in reversed(streams)]})

    return handle


def on(server: CannedServer, *answers: web.Response | Handler) -> None:
    """Answer both calls alike."""
    server.on("/streamsets/interpolated", *answers)
    server.on("/streamsets/interpolatedattimes", *answers)


def instants_of(outcome: object) -> list[int]:
    """Give the instants of which an outcome, which must have values, tells."""
    assert isinstance(outcome, list)
    assert all(isinstance(each, TimedValue) for each in outcome)
    return [NOON + int(each.value) for each in outcome]


async def test_every_stream_has_every_instant(server: CannedServer, client: PiClient) -> None:
    """One call for a range with both its ends; one instant alone is asked for by its time."""
    on(server, sampling())
    outcomes = await interpolated(client, IDS, MINUTE)
    assert list(outcomes) == IDS
    assert [instants_of(outcome) for outcome in outcomes.values()] == [list(MINUTE)] * 4
    assert instants_of((await interpolated(client, IDS, MINUTE[2:3]))[IDS[3]]) == [MINUTE[2]]
    ranged, single = server.requests
    assert (ranged.query["startTime"], ranged.query["interval"]) == ("2024-01-01T12:00:00.0000000Z", "10s")
    assert ranged.query["endTime"] == "2024-01-01T12:00:50.0000000Z"
    assert single.path.endswith("interpolatedattimes")


@pytest.mark.parametrize(("span", "text"), [(1, "0.0000001s"), (2_500_000, "0.25s"), (864_000_000_000, "86400s")])
async def test_the_spacing_is_told_in_seconds(server: CannedServer, client: PiClient, span: int, text: str) -> None:
    """To the tick, and never in days, which daylight saving stretches."""
    on(server, said({"Items": []}))
    await interpolated(client, IDS[:1], range(NOON, NOON + 2 * span, span))
    assert server.requests[0].query["interval"] == text


@settings(deadline=None, max_examples=40)  # each example starts a server
@given(most=st.integers(1, 30), count=st.integers(1, 12), left_out=st.frozensets(st.integers(0, 11), max_size=3))
async def test_whatever_one_answer_holds_all_instants_come(most: int, count: int, left_out: frozenset[int]) -> None:
    """Too much is asked for in halves; what a range leaves out is asked for by its time."""
    instants = range(NOON, NOON + count * TEN_S, TEN_S)
    async with CannedServer() as server:
        on(server, sampling(frozenset(NOON + place * TEN_S for place in left_out), most))
        async with client_of(server) as client:
            outcomes = await interpolated(client, IDS, instants)
    assert [instants_of(outcome) for outcome in outcomes.values()] == [list(instants)] * len(IDS)


async def test_what_a_range_lacks_is_asked_for_by_its_time(server: CannedServer, client: PiClient) -> None:
    """A server whose ranges end before their end."""
    server.on("/streamsets/interpolated", sampling(frozenset({MINUTE[-1]})))
    server.on("/streamsets/interpolatedattimes", sampling())
    outcomes = await interpolated(client, IDS, MINUTE)
    assert [instants_of(outcome) for outcome in outcomes.values()] == [list(MINUTE)] * 4
    assert asked_for(server.requests[-1]) == [MINUTE[-1]]


async def test_more_than_was_asked_for_is_left_aside(server: CannedServer, client: PiClient) -> None:
    """A server that answers for its own instants too, or twice."""

    async def generous(request: web.BaseRequest) -> web.StreamResponse:
        moments = [MINUTE[0] - 1000, *asked_for(request), *asked_for(request), MINUTE[-1] + TEN_S]
        return said({"Items": [{"WebId": each, "Items": [*map(value, moments), {"Timestamp": "?"}]} for each in IDS]})

    on(server, generous)
    assert instants_of((await interpolated(client, IDS, MINUTE))[IDS[0]]) == list(MINUTE)


async def test_an_instant_may_come_back_on_pis_grid(server: CannedServer, client: PiClient) -> None:
    """Within 1/65536 s it is the instant; further off it is another time."""
    on(server, sampling(shift=152))
    assert len(instants_of((await interpolated(client, IDS, MINUTE))[IDS[0]])) == 6
    on(server, sampling(shift=200))
    outcome = (await interpolated(client, IDS, MINUTE))[IDS[0]]
    assert isinstance(outcome, UnavailableError)
    assert "left out 6 of 6 instants, the first 2024-01-01T12:00:00" in str(outcome)


async def test_one_stream_that_fails_fails_alone(server: CannedServer, client: PiClient) -> None:
    """One refused with 409 is found by halving; one with errors in place of values, or left out, is an error."""

    async def mixed(request: web.BaseRequest) -> web.StreamResponse:
        streams = request.query.getall("webId")
        if IDS[1] in streams:
            return said({"Errors": ["The data reference does not support this."]}, 409)
        items = [{"WebId": each, "Items": [value(at) for at in asked_for(request)]} for each in streams]
        return said({"Items": [item | ({"Errors": ["x"]} if item["WebId"] == IDS[2] else {}) for item in items]})

    on(server, mixed)
    outcomes = await interpolated(client, IDS, MINUTE)
    assert [type(outcomes[each]) for each in IDS] == [list, RejectedError, UnavailableError, list]


async def test_what_one_stream_at_one_instant_is_too_much_for(server: CannedServer, client: PiClient) -> None:
    """It fails; nothing is asked for for ever."""
    on(server, said({"Errors": ["The number is greater than the maximum allowed (0)."]}, 400))
    outcomes = await interpolated(client, IDS[:2], MINUTE[:2])
    assert all(isinstance(outcome, RejectedError) for outcome in outcomes.values())


@pytest.mark.parametrize(("status", "error"), [(401, UnauthorizedError), (503, UnavailableError)])
async def test_a_failure_that_is_about_no_stream_is_raised(
    server: CannedServer, client: PiClient, status: int, error: type[Exception]
) -> None:
    """A refused account, and a server that is away."""
    on(server, web.Response(status=status))
    with pytest.raises(error):
        await interpolated(client, IDS, MINUTE)
