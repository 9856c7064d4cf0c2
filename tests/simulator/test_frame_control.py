from typing import Any

import msgspec
import pytest

from pibridge.model.ticks import PER_SECOND, render
from simulator.bench import NOW, Bench

R1 = r"\\AF1\Plant\Area1\R1"


async def told(bench: Bench, **parameters: str) -> dict[str, Any]:
    """Give the truth by id."""
    async with bench.session.get(f"{bench.simulator.origin}/simulator/frames", params=parameters) as response:
        assert response.status == 200
        lines = [msgspec.json.decode(line) for line in (await response.read()).splitlines()]
    return {line["id"]: line for line in lines}


async def do(bench: Bench, action: str, **fields: Any) -> tuple[int, Any]:
    """Do something to a frame."""
    body = {"action": action, **fields}
    async with bench.session.post(f"{bench.simulator.origin}/simulator/frames", json=body) as response:
        return response.status, await response.json()


async def test_the_truth_is_what_the_api_says(bench: Bench) -> None:
    """Every frame of the range, with its elements and attributes; since the start if not asked otherwise."""
    bench.clock.advance(600)
    database = (await bench.get("/assetdatabases", path=r"\\AF1\Plant")).body["WebId"]
    parameters = {"startTime": render(NOW), "searchFullHierarchy": "true", "maxCount": "10000"}
    seen = (await bench.get(f"/assetdatabases/{database}/eventframes", **parameters)).items
    truth = await told(bench)
    assert {frame["Id"] for frame in seen} == set(truth)
    unit = next(frame for frame in seen if frame["TemplateName"] == "Unit Batch")
    line = truth[unit["Id"]]
    assert (line["name"], line["template"], line["severity"]) == (unit["Name"], "Unit Batch", unit["Severity"])
    assert (line["categories"], line["path"]) == (["OSIBatch"], unit["Path"])
    assert truth[line["parent"]]["name"] == unit["Name"]
    assert len(line["elements"]) == 1
    assert line["attributes"]["BatchID"] == unit["Name"]
    still = next(line for line in truth.values() if line["end"] is None and "Peak Temperature" in line["attributes"])
    assert still["attributes"]["Peak Temperature"] is None


async def test_a_frame_by_hand(bench: Bench) -> None:
    """It is made, changed, closed, made anew and removed; each answer tells its id."""
    status, made = await do(
        bench, "create", name="Downtime", template="Batch", elements=[R1], attributes={"Reason": "Power"}
    )
    assert status == 200
    assert (await told(bench))[made["id"]] == {
        "id": made["id"],
        "name": "Downtime",
        "template": "Batch",
        "path": r"\\AF1\Plant\EventFrames[Downtime]",
        "start": render(NOW),
        "end": None,
        "parent": None,
        "elements": [R1],
        "attributes": {"Reason": "Power"},
        "severity": "None",
        "categories": ["OSIBatch"],
    }
    changed = {"name": "Outage", "severity": "Major", "template": "Phase", "start": render(NOW - PER_SECOND)}
    more = {"elements": [], "attributes": {"Reason": "Fire"}, "categories": ["A", "B"]}
    assert await do(bench, "change", id=made["id"], **changed, **more) == (200, made)
    assert (await told(bench))[made["id"]].items() >= {**changed, **more}.items()
    assert (await do(bench, "close", id=made["id"], end=render(NOW)))[0] == 200
    assert (await told(bench))[made["id"]]["end"] == render(NOW)
    assert (await do(bench, "change", id=made["id"], end=None))[0] == 200
    assert (await told(bench))[made["id"]]["end"] is None
    _, anew = await do(bench, "recreate", id=made["id"])
    assert anew != made
    assert made["id"] not in await told(bench)
    assert (await told(bench))[anew["id"]]["name"] == "Outage"
    _, other = await do(bench, "create", name="Other", parent=anew["id"])
    _, third = await do(bench, "create", name="Third")
    assert await do(bench, "merge", id=anew["id"], into=third["id"]) == (200, third)
    assert (await told(bench))[other["id"]]["parent"] == third["id"]
    assert (await do(bench, "delete", id=third["id"]))[0] == 200
    assert not {anew["id"], other["id"], third["id"]} & set(await told(bench))


@pytest.mark.parametrize(
    ("action", "fields", "text"),
    [
        ("paint", {}, "Invalid enum value"),
        ("create", {}, "needs a `name`"),
        ("create", {"name": "x", "colour": "red"}, "unknown field"),
        ("create", {"name": "x", "template": "Reactor"}, "no event frame template 'Reactor'"),
        ("create", {"name": "x", "elements": [R1, "R1"]}, "no element R1"),
        ("create", {"name": "x", "start": "soon"}, "Invalid isoformat"),
        ("create", {"name": "x", "end": render(NOW - 1)}, "before it starts"),
        ("close", {}, "needs the `id`"),
        ("delete", {"id": "7d444840-9dc0-11d1-b245-5ffdce74fad2"}, "no event frame 7d444840"),
        ("merge", {"id": "7d444840-9dc0-11d1-b245-5ffdce74fad2"}, "needs `into`"),
    ],
)
async def test_what_cannot_be_done(bench: Bench, action: str, fields: dict[str, Any], text: str) -> None:
    """It is refused with the reason."""
    status, answer = await do(bench, action, **fields)
    assert status == 400
    assert text in answer["Errors"][0]


async def test_a_range_that_is_none(bench: Bench) -> None:
    """It is refused."""
    async with bench.session.get(f"{bench.simulator.origin}/simulator/frames", params={"start": "soon"}) as response:
        assert response.status == 400
