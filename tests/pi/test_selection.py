from pathlib import Path

import pytest
from pydantic import TypeAdapter

from pi.canned import CannedServer, said
from pibridge.errors import ConfigurationError
from pibridge.model.tag import Asset, Mode
from pibridge.pi.client import PiClient
from pibridge.pi.selection import Selection, resolve
from pibridge.pi.settings import ElementSelect, PointSelect, Select

FOUND = {"Identifier": r"\\P\A", "Object": {"WebId": "w", "Name": "A", "Path": r"\\P\A", "PointType": "Int32"}}


async def test_points_are_found(server: CannedServer, client: PiClient) -> None:
    """A list of points becomes tags of the stream and mode."""
    server.on("/points/multiple", said({"Items": [FOUND]}))
    selection = await resolve(client, "live", Mode.RECORDED, PointSelect(points=(r"\\P\A",)))
    assert [(tag.stream, tag.mode, tag.name) for tag in selection.tags] == [("live", Mode.RECORDED, "A")]


async def test_a_file_is_read_each_time(server: CannedServer, client: PiClient, tmp_path: Path) -> None:
    """A points_file is read anew with each resolution, and its mistakes are told."""
    server.on("/points/multiple", said({"Items": [FOUND]}))
    file = tmp_path / "tags.csv"
    select = PointSelect(points_file=file)
    file.write_text("path,tag,asset\n\\\\P\\A,Alias,Plant/R1\n", encoding="utf-8")
    (tag,) = (await resolve(client, "live", Mode.REALTIME, select)).tags
    assert (tag.name, tag.asset) == ("Alias", Asset("Plant/R1"))
    file.write_text("path\nA\n", encoding="utf-8")
    with pytest.raises(ConfigurationError, match="line 2"):
        await resolve(client, "live", Mode.REALTIME, select)


async def test_elements_are_found(server: CannedServer, client: PiClient) -> None:
    """An element is looked up in AF, and one that is not there is a problem."""
    selection = await resolve(client, "live", Mode.REALTIME, ElementSelect(element=r"\\AF1\Plant\R1"))
    assert [problem.path for problem in selection.problems] == [r"\\AF1\Plant\R1"]
    assert server.asked("/elements")


async def test_event_frames_are_no_tags(server: CannedServer, client: PiClient) -> None:
    """A selection of event frames has no tags, and PI is not asked."""
    select = TypeAdapter[Select](Select).validate_python({"event_frames": {"database": r"\\AF1\Plant"}})
    assert await resolve(client, "frames", Mode.REALTIME, select) == Selection()
    assert server.requests == []


@pytest.mark.parametrize(
    ("mode", "via", "read"),
    [
        (Mode.REALTIME, "poll", True),
        (Mode.REALTIME, "channel", False),
        (Mode.REALTIME, None, False),
        (Mode.RECORDED, "poll", False),
        (Mode.INTERPOLATED, None, False),
    ],
)
async def test_static_attributes_are_for_those_who_poll(
    server: CannedServer, client: PiClient, mode: Mode, via: str | None, *, read: bool
) -> None:
    """A static attribute is a tag where its present value is read, and a problem where its history would be."""
    server.on("/elements", said({"WebId": "R1", "Name": "R1", "Path": r"\\AF1\Plant\R1"}))
    server.on("/assetdatabases", said({"WebId": "DB", "Name": "Plant", "Path": r"\\AF1\Plant"}))
    server.on("/elements/R1/elements", said({"Items": []}))
    capacity = {"WebId": "C", "Name": "Capacity", "Path": r"\\AF1\Plant\R1|Capacity"}
    server.on("/batch", said({"0": {"Status": 200, "Content": {"Items": [capacity]}}}, 207))
    selection = await resolve(client, "live", mode, ElementSelect(element=r"\\AF1\Plant\R1"), via)
    assert ([tag.static for tag in selection.tags], len(selection.problems)) == (([True], 0) if read else ([], 1))
