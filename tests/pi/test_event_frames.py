from typing import Any

import pytest

from pi.canned import CannedServer, said
from pi.plant_frames import DATABASE, PlantFrames, element_id, frame, frame_id, guid
from pibridge.errors import RejectedError, UnavailableError
from pibridge.model import ticks
from pibridge.pi.client import PiClient
from pibridge.pi.event_frames import FoundFrame, FrameDatabase, find_database
from pibridge.pi.selected import Problem
from pibridge.pi.webid import path_only

START = ticks.parse("2025-01-22T11:00:00Z")
END = ticks.parse("2025-01-22T12:00:00Z")


async def opened(client: PiClient) -> FrameDatabase:
    """Find the database."""
    found = await find_database(client, DATABASE)
    assert isinstance(found, FrameDatabase)
    return found


async def overlapping(client: PiClient, *templates: str) -> list[FoundFrame]:
    """Read the frames of the hour."""
    return await (await opened(client)).overlapping(START, END, templates or None)


async def test_a_frame_is_what_pi_says_of_it(server: CannedServer, client: PiClient) -> None:
    """Ids in their IDOnly form, times in ticks, the template with its base, the primary element first."""
    PlantFrames(server).add(frame(7, parent=3, elements=(1, 2), CategoryNames=["OSIBatch"], Severity="Minor"))
    assert await overlapping(client) == [
        FoundFrame(
            id=guid(7),
            web_id=frame_id(7),
            name="Frame 7",
            path=rf"{DATABASE}\EventFrames[Frame 7]",
            template="Unit Batch",
            lineage=("unit batch", "batch"),
            start_ticks=ticks.parse("2025-01-22T11:13:00Z"),
            end_ticks=ticks.parse("2025-01-22T11:43:00Z"),
            severity="Minor",
            categories=("OSIBatch",),
            parent_web_id=frame_id(3),
            element_web_ids=(element_id(2), element_id(1)),
            are_values_captured=False,
        )
    ]
    query = server.asked("/assetdatabases/DB/eventframes")[0].query
    assert (query["startTime"], query["endTime"]) == ("2025-01-22T11:00:00.0000000Z", "2025-01-22T12:00:00.0000000Z")
    assert (query["sortField"], query["webIdType"]) == ("StartTime", "IDOnly")


@pytest.mark.parametrize("end", ["9999-12-31T23:59:59Z", "9999-12-31T23:59:59.9999999Z", "9999-12-31T00:00:00Z"])
async def test_the_year_9999_is_open(server: CannedServer, client: PiClient, end: str) -> None:
    """However PI writes it."""
    PlantFrames(server).add(frame(1, EndTime=end))
    assert (await overlapping(client))[0].end_ticks == ticks.FOREVER


async def test_a_frame_may_have_neither_template_nor_parent_nor_elements(
    server: CannedServer, client: PiClient
) -> None:
    """Nulls count as absent; a link that names the parent by its path tells no id."""
    by_path = path_only("Fm", rf"{DATABASE}\EventFrames[P]")
    links = frame(2)["Links"] | {"Parent": f"https://pi/eventframes/{by_path}"}
    PlantFrames(server).add(frame(1, TemplateName=None, RefElementWebIds=None), frame(2, Links=links, TemplateName=""))
    for found in await overlapping(client):
        assert (found.template, found.lineage, found.parent_web_id, found.element_web_ids) == ("", (), "", ())


@pytest.mark.parametrize("lacks", [(), ("derived",)])
async def test_each_template_of_a_family_is_asked_for(
    server: CannedServer, client: PiClient, lacks: tuple[str, ...]
) -> None:
    """Whether a server counts derived templates or not, each frame comes once."""
    PlantFrames(server, *lacks).add(frame(1, TemplateName="Batch"), frame(2), frame(3, TemplateName="Alarm"))
    family = (await opened(client)).family("batch")
    assert family == ["Batch", "Unit Batch"]
    assert sorted(found.name for found in await overlapping(client, *family)) == ["Frame 1", "Frame 2"]


async def test_templates_of_elements_are_no_templates_of_frames(server: CannedServer, client: PiClient) -> None:
    """They share a list."""
    PlantFrames(server)
    assert (await opened(client)).family("Reactor") == []


async def test_a_template_that_is_new_is_looked_up(server: CannedServer, client: PiClient) -> None:
    """Once; one that PI does not list stands for itself."""
    plant = PlantFrames(server)
    plant.add(frame(1, TemplateName="New"), frame(2, TemplateName="Odd"))
    database = await opened(client)
    plant.templates.append({"Name": "New", "BaseTemplate": "Batch", "InstanceType": "EventFrame"})
    for _ in range(2):
        found = await database.overlapping(START, END, None)
        assert [each.lineage for each in found] == [("new", "batch"), ("odd",)]
    assert len(server.asked("/assetdatabases/DB/elementtemplates")) == 2
    assert database.family("Batch") == ["Batch", "Unit Batch", "New"]
    plant.templates.clear()
    await database.refresh_templates()
    assert database.family("Batch") == []


async def test_a_server_that_does_not_sort_by_time_is_asked_without(server: CannedServer, client: PiClient) -> None:
    """And not again with it."""
    PlantFrames(server, "sort").add(frame(1))
    database = await opened(client)
    for _ in range(2):
        assert len(await database.overlapping(START, END, None)) == 1
    sorting = ["sortField" in request.query for request in server.asked("/assetdatabases/DB/eventframes")]
    assert sorting == [True, False, False]


async def test_hidden_links_are_asked_for_again(server: CannedServer, client: PiClient) -> None:
    """Where the choice of fields hides them, nobody would know who is part of what."""
    PlantFrames(server, "links").add(frame(1, parent=2))
    database = await opened(client)
    for _ in range(2):
        assert [found.parent_web_id for found in await database.overlapping(START, END, None)] == [frame_id(2)]
    chosen = ["selectedFields" in request.query for request in server.asked("/assetdatabases/DB/eventframes")]
    assert chosen == [True, False, False]


@pytest.mark.parametrize(
    "body",
    [
        {"Items": [frame(1)], "WebException": {"Errors": ["broke"], "StatusCode": 503}},
        {"Items": [frame(1), {"WebException": {"Errors": ["broke"], "StatusCode": 500}}]},
        {"Items": [frame(1, StartTime="yesterday")]},
        {"Items": [{"WebId": "x"}]},
    ],
)
async def test_what_is_not_whole_is_no_answer(server: CannedServer, client: PiClient, body: dict[str, Any]) -> None:
    """Nobody shall conclude anything from what is absent in it."""
    PlantFrames(server)
    database = await opened(client)
    server.on("/assetdatabases/DB/eventframes", said(body))
    with pytest.raises(UnavailableError):
        await database.overlapping(START, END, None)


async def test_a_refusal_is_told(server: CannedServer, client: PiClient) -> None:
    """One that has nothing to do with the order leaves the order as it was."""
    PlantFrames(server).add(frame(1))
    database = await opened(client)
    server.on("/assetdatabases/DB/eventframes", said({"Errors": ["no"]}, 400))
    with pytest.raises(RejectedError):
        await database.overlapping(START, END, None)
    PlantFrames(server).add(frame(1))
    await database.overlapping(START, END, None)
    assert "sortField" in server.asked("/assetdatabases/DB/eventframes")[-1].query


async def test_a_database_that_is_not_there_is_a_problem(server: CannedServer, client: PiClient) -> None:
    """With its path."""
    found = await find_database(client, r"\\AF1\Other")
    assert isinstance(found, Problem)
    assert found.path == r"\\AF1\Other"
    assert server.requests


@pytest.mark.parametrize("lacks", [(), ("multiple",), ("batch",), ("multiple", "batch")])
async def test_single_frames_are_there_or_gone(server: CannedServer, client: PiClient, lacks: tuple[str, ...]) -> None:
    """Whatever calls for many a server has; of a frame that PI fails to tell of nothing is said."""
    plant = PlantFrames(server, *lacks)
    plant.add(*(frame(number, parent=9) for number in range(1, 6)))
    del plant.frames[frame_id(2)]
    plant.failing = {frame_id(3): 500, frame_id(4): 403, frame_id(5): 400}
    database = await opened(client)
    found = await database.by_id([frame_id(number) for number in range(1, 6)])
    assert found.keys() == {frame_id(1), frame_id(2)}
    there = found[frame_id(1)]
    assert there is not None
    assert (there.name, there.parent_web_id) == ("Frame 1", frame_id(9))
    assert found[frame_id(2)] is None


async def test_no_frame_is_gone_while_its_database_is(server: CannedServer, client: PiClient) -> None:
    """An AF server that PI has lost says nothing of frames."""
    PlantFrames(server)
    database = await opened(client)
    server.on("/assetdatabases", said({"Errors": ["no AF server"]}, 404))
    with pytest.raises(RejectedError):
        await database.by_id([frame_id(1)])


async def test_many_frames_are_asked_for_in_few_calls(server: CannedServer, client: PiClient) -> None:
    """As many as a URL holds."""
    plant = PlantFrames(server)
    plant.add(*(frame(number) for number in range(1, 301)))
    database = await opened(client)
    assert len(await database.by_id(list(plant.frames))) == 300
    assert len(server.asked("/eventframes/multiple")) == 3
    assert not server.asked("/batch")
