from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import pytest
from aiohttp import ClientSession

from pibridge.model.ticks import PER_SECOND
from pibridge.simulator import Simulator, SimulatorSettings
from pibridge.simulator.times import text
from simulator.bench import NOW, Bench, Clock

R1 = r"\\AF1\Plant\Area1\R1"
HOUR = 3600 * PER_SECOND
# What a recorded answer of a real server has, of a frame at the root that references an element.
KEYS = """
    AcknowledgedBy AcknowledgedDate AreValuesCaptured CanBeAcknowledged CategoryNames Description EndTime
    ExtendedProperties HasChildren Id IsAcknowledged IsAnnotated IsLocked Links Name Path RefElementWebIds Security
    Severity StartTime TemplateName WebId
"""
SECURITY = """
    CanAnnotate CanDelete CanExecute CanRead CanReadData CanSubscribe CanSubscribeOthers CanWrite CanWriteData HasAdmin
    Rights
"""
LINKS = """
    Attributes Categories Database EndValue EventFrames InterpolatedData PlotData PrimaryReferencedElement RecordedData
    ReferencedElements Security SecurityEntries Self SummaryData Template Value
"""


@asynccontextmanager
async def another(bench: Bench, **settings: Any) -> AsyncIterator[Bench]:
    """Run a second simulator with other settings."""
    told = replace(bench.simulator.settings, **settings)
    async with Simulator(told, clock=bench.clock) as simulator:
        yield Bench(simulator, bench.clock, bench.session)


async def frames_of(bench: Bench, owner: str = r"\\AF1\Plant", **parameters: Any) -> list[Any]:
    """Give the event frames of a database or an element."""
    folder = "assetdatabases" if owner.count("\\") == 3 else "elements"
    web_id = (await bench.get(f"/{folder}", path=owner)).body["WebId"]
    answer = await bench.get(f"/{folder}/{web_id}/eventframes", **parameters)
    assert answer.status == 200, answer.text
    return answer.items


async def running(bench: Bench, template: str = "Unit Batch") -> Any:
    """Give the frame that is open in R1."""
    (frame,) = await frames_of(bench, R1, templateName=template, searchMode="InProgress")
    return frame


async def test_a_frame_has_what_a_real_one_has(bench: Bench) -> None:
    """Its keys are those of a recorded answer; a child names its parent, and a frame without element none."""
    element = bench.simulator.plant.tree.roots[0]
    made = bench.simulator.plant.frames.create(name="Analysis 17", template="Batch", elements=(element,))
    (frame,) = await frames_of(bench, nameFilter="Analysis*")
    assert sorted(frame) == KEYS.split()
    assert sorted(frame["Security"]) == SECURITY.split()
    assert sorted(frame["Links"]) == LINKS.split()
    assert (frame["Id"], frame["Path"]) == (str(made), r"\\AF1\Plant\EventFrames[Analysis 17]")
    assert frame["WebId"].startswith("F1Fm")
    (unit,) = [each for each in await frames_of(bench, R1, templateName="Unit Batch") if each["EndTime"][:4] == "9999"]
    assert set(unit["Links"]) == {*LINKS.split(), "Parent"}
    root = (await bench.get(unit["Links"]["Parent"].removeprefix(bench.simulator.url))).body
    assert set(root["Links"]) == set(LINKS.split()) - {"PrimaryReferencedElement"}
    assert root["HasChildren"]
    assert next(iter(root["ExtendedProperties"].values()))["Value"].startswith("<Batch")


async def test_a_batch_from_its_start_to_its_end(bench: Bench) -> None:
    """It ends in the year 9999 while it runs, and has the name that the vessel's tag has meanwhile."""
    plant = bench.simulator.plant
    root = await running(bench)
    assert (root["EndTime"], root["AreValuesCaptured"]) == ("9999-12-31T23:59:59Z", False)
    assert root["Name"] == plant.current(plant.point("R1.BatchID"), NOW).value
    bench.clock.advance(1800)
    ended = (await bench.get(f"/eventframes/{root['WebId']}")).body
    assert (ended["Id"], ended["StartTime"], ended["AreValuesCaptured"]) == (root["Id"], root["StartTime"], True)
    assert root["StartTime"] < ended["EndTime"] < text(bench.clock())


async def test_by_default_the_roots_of_the_last_eight_hours(bench: Bench) -> None:
    """Parts are found only with the full hierarchy; the order is that of the names."""
    roots = await frames_of(bench)
    assert {frame["TemplateName"] for frame in roots} == {"Batch"}
    assert all("Parent" not in frame["Links"] for frame in roots)
    assert [frame["Name"] for frame in roots] == sorted(frame["Name"] for frame in roots)
    oldest, newest = min(frame["EndTime"] for frame in roots), max(frame["StartTime"] for frame in roots)
    assert text(NOW - 8 * HOUR) <= oldest < text(NOW - 7 * HOUR)
    assert newest <= text(NOW)
    everything = await frames_of(bench, searchFullHierarchy="true", maxCount=10_000)
    assert len(everything) > 10 * len(roots)


async def test_derived_templates_count(bench: Bench) -> None:
    """Unless the server is told that they do not."""
    wanted = {"searchFullHierarchy": "true", "templateName": "unit batch"}
    found = await frames_of(bench, **wanted)
    assert {frame["TemplateName"] for frame in found} == {"Unit Batch", "Fermenter Batch"}
    assert {frame["TemplateName"] for frame in await frames_of(bench, **{**wanted, "templateName": "Recipe Step"})} == {
        "Operation",
        "Phase",
    }
    async with another(bench, derived_frames=False) as strict:
        assert {frame["TemplateName"] for frame in await frames_of(strict, **wanted)} == {"Unit Batch"}


async def test_filters(bench: Bench) -> None:
    """By name, one or more severities, category, element, template of the element, acknowledgement."""
    frames = bench.simulator.plant.frames
    element = next(each for each in bench.simulator.plant.tree.elements() if each.name == "Boiler1")
    odd = frames.create(name="Odd", severity="Major", categories=("Downtime",), elements=(element,))
    seen = frames.create(name="Seen", severity="Minor", can_be_acknowledged=True, acknowledged_by="Ann")

    async def ids(**parameters: Any) -> set[str]:
        return {frame["Id"] for frame in await frames_of(bench, **parameters)}

    assert await ids(nameFilter="od?") == {str(odd)}
    assert await ids(severity="major") == {str(odd)}
    assert await ids(severity=["Major", "Minor"]) == {str(odd), str(seen)}
    assert await ids(categoryName="downtime") == {str(odd)}
    assert await ids(referencedElementNameFilter="boiler*") == {str(odd)}
    assert await ids(referencedElementTemplateName="Unit") == {str(odd)}
    assert await ids(isAcknowledged="true") == {str(seen)}
    dates = {frame["Name"]: frame["AcknowledgedDate"] for frame in await frames_of(bench)}
    assert (dates["Odd"], dates["Seen"]) == ("1970-01-01T00:00:00Z", text(NOW))
    assert str(seen) in await ids(canBeAcknowledged="true")
    assert not await ids(canBeAcknowledged="false") & await ids(canBeAcknowledged="true")


@pytest.mark.parametrize(
    "mode",
    [
        "BackwardFromStartTime",
        "ForwardFromStartTime",
        "BackwardFromEndTime",
        "ForwardFromEndTime",
        "BackwardInProgress",
        "ForwardInProgress",
    ],
)
async def test_directed_modes_take_no_end_and_no_order(bench: Bench, mode: str) -> None:
    """They are refused with 400; alone they find frames."""
    web_id = (await bench.get("/assetdatabases", path=r"\\AF1\Plant")).body["WebId"]
    path = f"/assetdatabases/{web_id}/eventframes"
    for name, value in (("endTime", "*"), ("sortField", "Name"), ("sortOrder", "Ascending")):
        assert (await bench.get(path, searchMode=mode, **{name: value})).status == 400
    start = "*" if mode.startswith("Backward") else "*-1h"
    assert (await bench.get(path, searchMode=mode, startTime=start, maxCount=2)).items


@pytest.mark.parametrize(
    "parameters",
    [
        {"searchMode": "Sideways"},
        {"startTime": "*", "endTime": "*-1h"},
        {"startTime": "soon"},
        {"sortField": "Colour"},
        {"sortOrder": "Random"},
        {"maxCount": "150001"},
    ],
)
async def test_what_is_no_search(bench: Bench, parameters: dict[str, str]) -> None:
    """It is 400 with Errors."""
    web_id = (await bench.get("/assetdatabases", path=r"\\AF1\Plant")).body["WebId"]
    answer = await bench.get(f"/assetdatabases/{web_id}/eventframes", **parameters)
    assert (answer.status, list(answer.body)) == (400, ["Errors"])


async def test_uncertain_behaviours(bench: Bench) -> None:
    """The open end may have a fraction, and names may be all that frames are sorted by."""
    by_start = await frames_of(bench, sortField="StartTime", sortOrder="Descending")
    assert [each["StartTime"] for each in by_start] == sorted((each["StartTime"] for each in by_start), reverse=True)
    told = {"open_end": "9999-12-31T23:59:59.9999999Z", "frame_sort_fields": "name"}
    async with another(bench, **told) as other:
        assert (await running(other))["EndTime"] == "9999-12-31T23:59:59.9999999Z"
        web_id = (await other.get("/assetdatabases", path=r"\\AF1\Plant")).body["WebId"]
        assert (await other.get(f"/assetdatabases/{web_id}/eventframes", sortField="StartTime")).status == 400
        assert (await other.get(f"/assetdatabases/{web_id}/eventframes", sortField="name")).status == 200


async def test_pages_shift(bench: Bench) -> None:
    """A frame made between two pages puts one of the first page into the second."""
    first = await frames_of(bench, maxCount=5)
    bench.simulator.plant.frames.create(name="A first one")
    second = await frames_of(bench, maxCount=5, startIndex=5)
    assert second[0]["Id"] == first[4]["Id"]


async def test_the_parts_of_a_frame(bench: Bench) -> None:
    """Those directly below, or all."""
    unit = await running(bench)
    path = f"/eventframes/{unit['WebId']}/eventframes"
    operations = (await bench.get(path)).items
    assert {frame["TemplateName"] for frame in operations} == {"Operation"}
    deep = (await bench.get(path, searchFullHierarchy="true")).items
    assert {frame["TemplateName"] for frame in deep} == {"Operation", "Phase", "Phase State"}
    phases = (await bench.get(path, searchFullHierarchy="true", templateName="Phase", sortField="StartTime")).items
    assert phases[0]["Path"] == rf"\\AF1\Plant\EventFrames[{unit['Name']}]\{unit['Name']}\Charge\Filling"


async def test_referenced_elements(bench: Bench) -> None:
    """The primary one comes first; a phase references its module too."""
    (phase,) = await frames_of(bench, R1, templateName="Phase", searchMode="InProgress")
    elements = (await bench.get(f"/eventframes/{phase['WebId']}/referencedelements")).items
    assert [each["Path"] for each in elements] == [R1, rf"{R1}\Agitator"]
    assert phase["RefElementWebIds"] == [each["WebId"] for each in elements]
    assert phase["Links"]["PrimaryReferencedElement"] == elements[0]["Links"]["Self"]
    assert phase in await frames_of(bench, rf"{R1}\Agitator", templateName="Phase")


async def test_attributes_and_their_values(bench: Bench) -> None:
    """Static ones have a value at once, captured ones when the frame has ended; as sets, alone and ad hoc alike."""
    unit = await running(bench)
    attributes = (await bench.get(f"/eventframes/{unit['WebId']}/attributes")).items
    by_name = {each["Name"]: each for each in attributes}
    assert set(by_name) == {"BatchID", "Procedure", "Product", "Peak Temperature"}
    peak = by_name["Peak Temperature"]
    assert peak["WebId"].startswith("F1AbF")
    assert (peak["Type"], peak["DefaultUnitsName"]) == ("Double", "°C")
    assert peak["Links"]["EventFrame"] == unit["Links"]["Self"]
    assert (await bench.get(f"/attributes/{peak['WebId']}")).body == peak

    async def values() -> dict[str, Any]:
        items = (await bench.get(f"/streamsets/{unit['WebId']}/value")).items
        query = "&".join(f"webId={each['WebId']}" for each in attributes)
        assert (await bench.get(f"/streamsets/value?{query}")).items == sorted(
            items, key=lambda item: [each["WebId"] for each in attributes].index(item["WebId"])
        )
        assert (await bench.get(f"/streams/{items[0]['WebId']}/value")).body == items[0]["Value"]
        return {item["Name"]: item["Value"] for item in items}

    before = await values()
    assert before["BatchID"]["Value"] == unit["Name"]
    assert (before["Peak Temperature"]["Good"], before["Peak Temperature"]["Value"]["Name"]) == (False, "No Data")
    bench.clock.advance(1800)
    after = await values()
    assert after["BatchID"] == before["BatchID"]
    captured, ended = after["Peak Temperature"], (await bench.get(f"/eventframes/{unit['WebId']}")).body
    assert (captured["Good"], captured["Timestamp"], captured["UnitsAbbreviation"]) == (True, ended["EndTime"], "°C")
    assert (await bench.get(f"/streams/{peak['WebId']}/recorded")).status == 409


async def test_attribute_filters(bench: Bench) -> None:
    """Name and category choose among the attributes of a frame."""
    unit = await running(bench)
    for path in (f"/eventframes/{unit['WebId']}/attributes", f"/streamsets/{unit['WebId']}/value"):
        assert [each["Name"] for each in (await bench.get(path, categoryName="report")).items] == ["Peak Temperature"]
        assert [each["Name"] for each in (await bench.get(path, nameFilter="Pro*")).items] == ["Procedure", "Product"]
        assert (await bench.get(path, templateName="Phase")).items == []


async def test_one_attribute_twice(bench: Bench) -> None:
    """It is 404 for the whole set, as for other streams."""
    unit = await running(bench)
    web_id = (await bench.get(f"/eventframes/{unit['WebId']}/attributes")).items[0]["WebId"]
    assert (await bench.get(f"/streamsets/value?webId={web_id}&webId={web_id}")).status == 404


async def test_a_frame_by_path(bench: Bench) -> None:
    """A path leads to a frame if it is the only one there; a PathOnly WebID never does."""
    frames = bench.simulator.plant.frames
    made = frames.create(name="Only one")
    path = r"\\AF1\Plant\EventFrames[Only one]"
    found = (await bench.get("/eventframes", path=path, webIdType="PathOnly")).body
    assert (found["Id"], found["WebId"][:4]) == (str(made), "P1Fm")
    assert (await bench.get(f"/eventframes/{found['WebId']}")).status == 404
    frames.create(name="Only one")
    assert (await bench.get("/eventframes", path=path)).status == 404


@pytest.mark.parametrize("kind", ["Full", "IDOnly", "LocalIDOnly", "DefaultIDOnly"])
async def test_every_other_web_id_names_its_frame(bench: Bench, kind: str) -> None:
    """Of frames and of their attributes; of a deleted frame none does."""
    unit = await running(bench)
    asked = (await bench.get(f"/eventframes/{unit['WebId']}", webIdType=kind)).body["WebId"]
    assert (await bench.get(f"/eventframes/{asked}")).body == unit
    attribute = (await bench.get(f"/eventframes/{asked}/attributes", webIdType=kind)).items[0]["WebId"]
    assert (await bench.get(f"/streams/{attribute}/value")).status == 200
    frames = bench.simulator.plant.frames
    frames.delete(next(each.id for each in frames.between(NOW, NOW) if str(each.id) == unit["Id"]))
    assert (await bench.get(f"/eventframes/{asked}")).status == 404
    assert (await bench.get(f"/streams/{attribute}/value")).status == 404


async def test_many_frames_found_or_not(bench: Bench) -> None:
    """One that is not there makes it 207."""
    unit = await running(bench)
    known = [frame["WebId"] for frame in await frames_of(bench, maxCount=50)]
    good = await bench.get("/eventframes/multiple?" + "&".join(f"webId={each}" for each in known))
    assert (good.status, [item["Object"]["WebId"] for item in good.items]) == (200, known)
    mixed = await bench.get("/eventframes/multiple", webId=unit["WebId"], path=r"\\AF1\Plant\EventFrames[none]")
    assert (mixed.status, ["Object" in item for item in mixed.items]) == (207, [False, True])


async def test_searching(bench: Bench) -> None:
    """An AFSearch finds frames of all levels by name, template, category, element and times."""
    web_id = (await bench.get("/assetdatabases", path=r"\\AF1\Plant")).body["WebId"]

    async def search(query: str) -> list[Any]:
        return (await bench.get("/eventframes/search", databaseWebId=web_id, query=query, maxCount=5000)).items

    unit = await running(bench)
    assert await search("Template:='Unit Batch' InProgress:=true ElementName:=R1") == [unit]
    assert unit in await search(f"Name:={unit['Name']} Category:=OSIBatch Template:=Unit*")
    recent = await search("Template:=Batch Start:>=*-1h End:<*")
    assert {frame["Id"] for frame in recent} == {
        frame["Id"] for frame in await frames_of(bench, searchMode="Inclusive", startTime="*-1h")
    }
    assert (await bench.get("/eventframes/search", databaseWebId=web_id, query="Magic:=1")).status == 400
    assert (await bench.get("/eventframes/search", query="*")).status == 400


async def test_nobody_annotates(bench: Bench) -> None:
    """The list of annotations is empty; of a frame that is not there it is 404."""
    unit = await running(bench)
    assert (await bench.get(f"/eventframes/{unit['WebId']}/annotations")).items == []
    element = await bench.web_id(R1)
    assert (await bench.get(f"/eventframes/{element}/annotations")).status == 404
    assert (await bench.get("/eventframes/nonsense/annotations")).status == 400


async def test_another_start_of_the_simulator_knows_the_same_frames(bench: Bench, clock: Clock) -> None:
    """An id read before leads to the same frame after."""
    unit = await running(bench)
    async with Simulator(SimulatorSettings(), clock=clock) as simulator, ClientSession() as session:
        again = (await Bench(simulator, clock, session).get(f"/eventframes/{unit['WebId']}")).body
    assert (again["Id"], again["StartTime"]) == (unit["Id"], unit["StartTime"])
