from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiohttp import web
from msgspec.structs import replace

from context.plants import TEMPERATURE
from pi.canned import CannedServer, client_of, said, settings_for
from pibridge.daemon import tag_checks
from pibridge.daemon.finding import Finding
from pibridge.daemon.tag_checks import reading_findings, selection_findings
from pibridge.intake.settings import StreamSettings
from pibridge.model.tag import Tag
from pibridge.pi.client import PiClient
from pibridge.pi.selected import Problem, Selection
from pibridge.pi.selection import resolve
from pibridge.simulator import Simulator

R1: dict[str, Any] = {"element": r"\\AF1\Plant\Area1\R1", "template": "Reactor"}
ABOUT = "streams.s"


@pytest.fixture
async def client(simulator: Simulator) -> AsyncIterator[PiClient]:
    """Give a client of the brewery."""
    async with PiClient(settings_for(simulator.url)) as opened:
        yield opened


async def findings(client: PiClient, select: dict[str, Any], **settings: Any) -> tuple[list[Finding], list[Tag]]:
    """Give what is found about a stream, and the tags that PI reads."""
    stream = StreamSettings.model_validate({"select": select, **settings})
    selection = await resolve(client, "s", stream.mode, stream.select, stream.via)
    readable: list[Tag] = []
    found = [finding async for finding in reading_findings(client, ABOUT, stream, selection, readable)]
    return found, readable


def test_what_is_left_out_is_told_up_to_a_point() -> None:
    """The first problems by name, the others as a number."""
    problems = [Problem(rf"\\P\A{number}", "unknown", "look") for number in range(25)]
    found = list(selection_findings(ABOUT, Selection([], problems), {}))
    assert found[0] == Finding("doubt", ABOUT, r"\\P\A0: unknown", "look")
    assert [finding.found for finding in found[20:]] == ["and 5 more that are left out"]


def test_tags_of_other_streams_are_told_by_reader() -> None:
    """Each stream that reads some of them is named once."""
    tags = [replace(TEMPERATURE, path=rf"\\P\{name}", name=name) for name in "ABC"]
    readers = {tags[0].key: "x", tags[2].key: "x"}
    (finding,) = selection_findings(ABOUT, Selection(tags), readers)
    assert finding.found == "2 of its tags are read by streams.x, such as A"


async def test_tags_that_pi_reads_need_no_words(client: PiClient) -> None:
    """Points of all types, in all modes."""
    for mode in ("realtime", "recorded"):
        found, readable = await findings(client, {"points": [r"\\PISRV1\R1.*"]}, mode=mode)
        assert found == []
        assert len(readable) > 5


async def test_a_tag_whose_value_is_refused_is_told(client: PiClient, simulator: Simulator) -> None:
    """Points that exist and cannot be read are named with what PI says, the others are readable."""
    simulator.faults.add("stream-error@tag=U.POWER")
    simulator.faults.add("value-error@tag=U.STEAM.FLOW")
    found, readable = await findings(client, {"points": [r"\\PISRV1\U.*"]})
    assert sorted(finding.found.partition(":")[0] for finding in found) == [
        r"\\PISRV1\U.Power",
        r"\\PISRV1\U.Steam.Flow",
    ]
    assert {finding.level for finding in found} == {"doubt"}
    assert "right to read" in found[0].hint
    assert not {"U.Power", "U.Steam.Flow"} & {tag.name for tag in readable}


async def test_no_tag_that_can_be_read_is_wrong(client: PiClient, simulator: Simulator) -> None:
    """A stream of which PI reads nothing delivers nothing."""
    simulator.faults.add("stream-error@tag=SINUSOID")
    found, readable = await findings(client, {"points": [r"\\PISRV1\SINUSOID"]})
    assert [finding.level for finding in found] == ["doubt", "wrong"]
    assert readable == []


async def test_points_that_are_gone_are_found_one_by_one(client: PiClient, simulator: Simulator) -> None:
    """A WebID that PI refuses spoils the call for many; the culprit is found."""
    stream = StreamSettings.model_validate({"select": {"points": [r"\\PISRV1\U.*"]}})
    selection = await resolve(client, "s", stream.mode, stream.select)
    simulator.plant.remove_point("U.POWER")
    readable: list[Tag] = []
    (finding,) = [each async for each in reading_findings(client, ABOUT, stream, selection, readable)]
    assert finding.found.startswith(r"\\PISRV1\U.Power: PI answered 404")
    assert len(readable) == len(selection.tags) - 1


async def test_very_many_refused_tags_are_not_all_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each costs PI requests: after enough of them the rest is a number."""
    monkeypatch.setattr(tag_checks, "_AT_ONCE", 10)
    monkeypatch.setattr(tag_checks, "_MOST_REFUSED", 25)
    tags = [replace(TEMPERATURE, path=rf"\\P\{number}", web_id=f"w{number}") for number in range(100)]
    stream = StreamSettings.model_validate({"select": {"points": [r"\\P\*"]}})
    async with CannedServer() as server, client_of(server) as client:
        server.on("/streamsets/value", said({"Errors": ["no such stream"]}, 404))
        found = [each async for each in reading_findings(client, ABOUT, stream, Selection(tags), [])]
    assert [finding.found for finding in found[20:22]] == [
        "and 10 more that PI does not read",
        "70 of its tags were not looked at any more",
    ]


async def test_what_pi_computes_is_explained(client: PiClient) -> None:
    """A formula is read, and what that means is said once for all tags of its kind."""
    found, readable = await findings(client, {**R1, "attributes": ["Temperature", "Temperature F"]})
    (finding,) = found
    assert finding.level == "doubt"
    assert "1 tags that PI computes (Formula), such as Plant/Area1/R1|Temperature F" in finding.found
    assert len(readable) == 2


@pytest.mark.parametrize(
    ("settings", "fault", "expected"),
    [
        ({"mode": "recorded", "via": "poll"}, "409@path=/recorded", ("wrong", "mode recorded is refused")),
        ({"mode": "interpolated"}, "501@path=/interpolated", ("wrong", "mode interpolated is refused")),
        ({"mode": "realtime"}, "409@path=/recorded", ("doubt", "gaps in them are never filled")),
        ({"via": "updates"}, "409@path=/updates", ("wrong", "Stream Updates are refused")),
    ],
)
async def test_a_way_that_pi_refuses_is_told_by_kind(
    client: PiClient, simulator: Simulator, settings: dict[str, Any], fault: str, expected: tuple[str, str]
) -> None:
    """One tag of each kind is tried as the stream would read it."""
    simulator.faults.add(f"status={fault}")
    found, _ = await findings(client, {**R1, "attributes": ["Temperature F"]}, **settings)
    assert (found[-1].level, expected[1] in found[-1].found) == (expected[0], True)
    assert found[-1].hint


async def test_texts_are_not_interpolated(client: PiClient) -> None:
    """They are read, and the doubt is told with the number of them."""
    found, _ = await findings(client, {**R1, "attributes": ["BatchID", "Recipe", "Level"]}, mode="interpolated")
    (finding,) = found
    assert finding.found.startswith("2 text tags, such as ")
    assert finding.level == "doubt"


async def test_static_attributes_have_nothing_to_try(client: PiClient) -> None:
    """Their present value is all that there is."""
    found, readable = await findings(client, {**R1, "attributes": ["Capacity"]}, via="poll")
    assert found == []
    assert [tag.static for tag in readable] == [True]


async def test_each_kind_is_tried_once() -> None:
    """However many tags there are, one of a kind is asked for its past."""
    asked: list[str] = []

    async def values(request: web.BaseRequest) -> web.StreamResponse:
        value = {"Timestamp": "2024-01-01T00:00:00Z", "Value": 1}
        return said({"Items": [{"WebId": each, "Value": value} for each in request.query.getall("webId")]})

    async def recorded(request: web.BaseRequest) -> web.StreamResponse:
        asked.extend(request.query.getall("webId"))
        return said({"Items": [{"WebId": each, "Items": []} for each in request.query.getall("webId")]})

    tags = [
        replace(TEMPERATURE, path=rf"\\P\{number}", web_id=f"w{number}", text=number % 2 == 1) for number in range(10)
    ]
    stream = StreamSettings.model_validate({"select": {"points": [r"\\P\*"]}})
    async with CannedServer() as canned, client_of(canned) as client:
        canned.on("/streamsets/value", values)
        canned.on("/streamsets/recorded", recorded)
        assert [each async for each in reading_findings(client, ABOUT, stream, Selection(tags), [])] == []
    assert asked == ["w0", "w1"]
