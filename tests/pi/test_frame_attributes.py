import json
from typing import Any
from urllib.parse import parse_qs, urlsplit
from uuid import UUID

import pytest
from aiohttp import web
from msgspec.structs import replace

from pi.canned import CannedServer, said
from pi.plant_frames import SERVER, frame_id, guid
from pibridge.errors import UnavailableError
from pibridge.model import ticks
from pibridge.pi.client import PiClient
from pibridge.pi.event_frames import FoundFrame
from pibridge.pi.frame_attributes import FrameAttributes, proper_value
from pibridge.pi.webid import WebId, encode
from pibridge.pi.wire import PropertyError, StreamValue, TimedValue, WebException

Values = dict[str, Any]


def frame(number: int) -> FoundFrame:
    """Give an open frame."""
    return FoundFrame(
        id=guid(number),
        web_id=frame_id(number),
        name="B-1",
        path="",
        template="",
        lineage=(),
        start_ticks=0,
        end_ticks=ticks.FOREVER,
        severity="",
        categories=(),
        parent_web_id="",
        element_web_ids=(),
        are_values_captured=False,
    )


class Plant:
    """A server with the attributes of frames: values by frame's WebID and name. `refusing`: attributes by name."""

    def __init__(self, server: CannedServer, *, has_batch: bool = True) -> None:
        self.frames: dict[str, Values] = {}
        self.failing: dict[str, int] = {}
        self.refusing: set[str] = set()
        self.wrong: dict[str, Values] = {}
        if has_batch:
            server.on("/batch", self._batch)
        server.on("/streamsets/value", self._streams)
        self._server = server

    def add(self, number: int, **values: Any) -> None:
        """Add a frame with attributes, or change them; `_` for a bar."""
        self.frames[frame_id(number)] = {name.replace("_", "|"): value for name, value in values.items()}
        self._server.on(f"/streamsets/{frame_id(number)}/value", self._single)

    def _item(self, frame: str, place: int, name: str) -> dict[str, Any]:
        owner = UUID(int=place + 1)
        ids = encode(
            WebId("F", "Ab", "F", guids=(SERVER, owner, UUID(int=int.from_bytes(name.encode(), "big") >> 8)), path="x")
        )
        value = {"Timestamp": "2025-01-22T11:13:00Z", "Value": self.frames[frame][name], "Good": True}
        item = {"WebId": ids, "Name": name.rpartition("|")[2], "Path": rf"\\AF1\Plant\EventFrames[B-1]|{name}"}
        return item | {"Value": value} | self.wrong.get(name, {})

    def _items(self) -> dict[str, list[dict[str, Any]]]:
        return {
            frame: [self._item(frame, place, name) for name in names]
            for place, (frame, names) in enumerate(self.frames.items())
        }

    async def _batch(self, request: web.BaseRequest) -> web.StreamResponse:
        answers = {}
        for name, part in json.loads(await request.read()).items():
            url = urlsplit(part["Resource"])
            assert parse_qs(url.query) == {"webIdType": ["IDOnly"], "searchFullHierarchy": ["true"]}
            status, body = self._answer(url.path)
            answers[name] = {"Status": status, "Headers": {}, "Content": body}
        return said(answers, 207)

    async def _single(self, request: web.BaseRequest) -> web.StreamResponse:
        status, body = self._answer(request.path)
        return said(body, status)

    def _answer(self, path: str) -> tuple[int, dict[str, Any]]:
        frame = path.split("/")[-2]
        if frame in self.failing or frame not in self.frames:
            return self.failing.get(frame, 404), {"Errors": ["failing"]}
        return 200, {"Links": {}, "Items": self._items()[frame]}

    async def _streams(self, request: web.BaseRequest) -> web.StreamResponse:
        known = {"I" + item["WebId"][1 : 5 + 66]: item for items in self._items().values() for item in items}
        wanted = request.query.getall("webId")
        assert len(wanted) <= 100
        if not wanted or any(each not in known or known[each]["Name"] in self.refusing for each in wanted):
            return said({"Errors": ["unknown"]}, 404)
        return said({"Links": {}, "Items": [known[each] for each in reversed(wanted)]})


@pytest.mark.parametrize("has_batch", [True, False])
async def test_attributes_have_names_and_proper_values(
    server: CannedServer, client: PiClient, *, has_batch: bool
) -> None:
    """A nested one is `Outer|Inner`, a state is its name; with batches or without."""
    plant = Plant(server, has_batch=has_batch)
    plant.add(1, Recipe="Ale", Header_Size=4.5, Mode={"Name": "Auto", "Value": 2, "IsSystem": False})
    plant.add(2)
    found = await FrameAttributes(client).values([frame(1), frame(2)])
    assert found == {frame_id(1): {"Recipe": "Ale", "Header|Size": 4.5, "Mode": "Auto"}, frame_id(2): {}}


async def test_unchanged_frames_are_read_together(server: CannedServer, client: PiClient) -> None:
    """A hundred attributes in a call, whatever frame they belong to; a frame that changed is read by itself."""
    plant = Plant(server)
    for number in range(1, 41):
        plant.add(number, Recipe="Ale", Level=number, Mode="a")
    frames = [frame(number) for number in range(1, 41)]
    attributes = FrameAttributes(client)
    await attributes.values(frames)
    plant.add(3, Recipe="Stout", Level=3, Mode="b")
    plant.add(4, Colour="red")
    frames[3] = replace(frames[3], name="B-2")
    found = await attributes.values(frames)
    assert found[frame_id(3)] == {"Recipe": "Stout", "Level": 3, "Mode": "b"}
    assert found[frame_id(4)] == {"Colour": "red"}
    assert found[frame_id(40)]["Level"] == 40
    assert len(server.asked("/streamsets/value")) == 2
    assert [len(json.loads(body)) for body in server.bodies if body] == [40, 1]


async def test_attributes_that_are_gone_are_looked_for_anew(server: CannedServer, client: PiClient) -> None:
    """One that PI refuses by its id does not stand in the way of the others."""
    plant = Plant(server)
    plant.add(1, Recipe="Ale")
    plant.add(2, Recipe="Ale", Old=1)
    attributes = FrameAttributes(client)
    await attributes.values([frame(1), frame(2)])
    plant.add(2, Recipe="Stout", New=2)
    assert await attributes.values([frame(1), frame(2)]) == {
        frame_id(1): {"Recipe": "Ale"},
        frame_id(2): {"Recipe": "Stout", "New": 2},
    }


async def test_what_pi_fails_to_tell_is_left_out(server: CannedServer, client: PiClient) -> None:
    """Of a frame that is gone, that fails, or of which one attribute fails; one that can have no values has none."""
    plant = Plant(server)
    for number in (1, 2, 3, 4):
        plant.add(number, **({"Bad": 1} if number == 3 else {"Recipe": "Ale"}))
    plant.failing = {frame_id(1): 500, frame_id(2): 409}
    broken = {"WebException": {"Errors": ["broke"], "StatusCode": 500}}
    plant.wrong = {"Bad": broken}
    attributes = FrameAttributes(client)
    frames = [frame(number) for number in (1, 2, 3, 4, 5)]
    assert await attributes.values(frames) == {frame_id(2): {}, frame_id(4): {"Recipe": "Ale"}}
    for wrong in (broken, {"Value": {"Timestamp": "", **broken}}, {"Value": None}):
        plant.wrong = {"Recipe": wrong}
        assert (await attributes.values(frames)).keys() == {frame_id(2), frame_id(3)}
    plant.wrong = {"Recipe": {"Value": None, "Errors": [{"FieldName": "Value", "Message": ["no such point"]}]}}
    assert (await attributes.values(frames))[frame_id(4)] == {"Recipe": None}


async def test_a_server_that_fails_is_no_frame_without_attributes(server: CannedServer, client: PiClient) -> None:
    """Whoever asks learns of it, the first time and later."""
    plant = Plant(server)
    plant.add(1, Recipe="Ale")
    attributes = FrameAttributes(client)
    await attributes.values([frame(1)])
    server.on("/streamsets/value", said({}, 503))
    with pytest.raises(UnavailableError):
        await attributes.values([frame(1)])


@pytest.mark.parametrize(
    ("item", "expected"),
    [
        (StreamValue("a", TimedValue("", 1.5)), 1.5),
        (StreamValue("a", TimedValue("", "Ale")), "Ale"),
        (StreamValue("a", TimedValue("", {"Name": "On", "Value": 1})), "On"),
        (StreamValue("a", TimedValue("", [1, 2])), [1, 2]),
        (StreamValue("a", TimedValue("", 1, questionable=True)), 1),
        (StreamValue("a", TimedValue("", 1, good=False)), None),
        (StreamValue("a", TimedValue("", "NaN")), None),
        (StreamValue("a", TimedValue("", {"Name": "No Data", "Value": 248, "IsSystem": True})), None),
        (StreamValue("a", TimedValue("", {"Errors": ["no"]})), None),
        (StreamValue("a", TimedValue("", 1, errors=(PropertyError("Value", "no"),))), None),
        (StreamValue("a", TimedValue("", 1, web_exception=WebException())), None),
        (StreamValue("a", TimedValue("", 1), errors=("no",)), None),
        (StreamValue("a"), None),
    ],
)
def test_a_proper_value_is_good(item: StreamValue, expected: Any) -> None:
    """What is bad, a system state, an error or nothing is None."""
    assert proper_value(item) == expected
