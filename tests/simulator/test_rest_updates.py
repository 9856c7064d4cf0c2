from typing import Any

import pytest
from aiohttp import ClientSession

from pibridge.model.ticks import PER_SECOND, parse
from pibridge.simulator import SimulatorSettings
from pibridge.simulator.samples import Sample
from simulator.bench import NOW, Answered, Bench

LEVEL = r"\\PISRV1\R1.Level"
QUIET = r"\\PISRV1\NEW.Tag"
R1 = r"\\AF1\Plant\Area1\R1"
UPDATED = "The signup was updated and any cached data could be invalid."
REMOVED = "The signup was removed because it is no longer valid."
SETS = "/streamsets/updates"


async def register(bench: Bench, *paths: str) -> list[str]:
    """Register streams as a set and give their markers."""
    query = "&".join([f"webId={await bench.web_id(path)}" for path in paths])
    answer = await bench.post(f"{SETS}?{query}", None)
    assert answer.status == 200, answer.text
    return [item["LatestMarker"] for item in answer.items]


async def retrieve(bench: Bench, *markers: str) -> Answered:
    """Ask for what is new of a set."""
    return await bench.get(SETS + "?" + "&".join(f"marker={marker}" for marker in markers))


async def failure(bench: Bench, marker: str) -> Any:
    """Give what stands in place of events."""
    answer = await retrieve(bench, marker)
    assert answer.status == 200
    (item,) = answer.items
    assert "Events" not in item
    return item["Exception"]["Errors"]


async def test_one_stream(bench: Bench) -> None:
    """Registered, then asked for at the address that the server gave."""
    web_id = await bench.web_id(rf"{R1}|Temperature")
    registered = await bench.post(f"/streams/{web_id}/updates?webIdType=IDOnly", None)
    marker = registered.body["LatestMarker"]
    assert registered.body == {
        "Source": web_id,
        "SourceName": "Temperature",
        "SourcePath": rf"{R1}|Temperature",
        "LatestMarker": marker,
        "Status": "Succeeded",
        "Links": {},
    }
    bench.clock.advance(10)
    async with bench.session.get(registered.headers["Location"]) as response:
        news = await response.json()
    truth = bench.simulator.plant.snapshots("R1.Temperature", NOW + 1, NOW + 10 * PER_SECOND)
    assert [(parse(event["Timestamp"]), event["Value"]) for event in news["Events"]] == [
        (sample.ticks, sample.value) for sample in truth
    ]
    assert {event["UnitsAbbreviation"] for event in news["Events"]} == {"°C"}
    assert (news["RequestedMarker"], news["Status"]) == (marker, "Updated")
    assert news["LatestMarker"].startswith(marker.removesuffix("0"))
    assert news["LatestMarker"] != marker


async def test_a_set_has_a_marker_for_each_stream(bench: Bench) -> None:
    """One answer for all, with an event for each edit; a second registration goes on where the first stands."""
    query = "&".join([f"webId={await bench.web_id(path)}" for path in (LEVEL, QUIET)])
    registered = await bench.post(f"{SETS}?{query}", None)
    assert [item["Status"] for item in registered.items] == ["Succeeded", "Succeeded"]
    plant = bench.simulator.plant
    plant.insert("NEW.Tag", Sample(NOW - 50, 1.0))
    plant.insert("NEW.Tag", Sample(NOW - 90, 2.0))
    plant.replace("NEW.Tag", NOW - 50, 3.0)
    plant.delete("NEW.Tag", NOW - 50)
    again = await bench.post(f"{SETS}?{query}", None)
    assert [item["Status"] for item in again.items] == ["AlreadyRegistered", "AlreadyRegistered"]
    assert [item["LatestMarker"] for item in again.items] == [item["LatestMarker"] for item in registered.items]
    async with bench.session.get(registered.headers["Location"]) as response:
        level, quiet = (await response.json())["Items"]
    assert (level["SourcePath"], level["Events"]) == (LEVEL, [])
    assert [(event["Action"], event["Value"], event["Substituted"]) for event in quiet["Events"]] == [
        ("Add", 1.0, False),
        ("Update", 2.0, False),
        ("Update", 3.0, True),
        ("Delete", 3.0, True),
    ]
    assert quiet["Events"][0]["PreviousEventAction"] == "PreviousEventArchived"
    assert quiet["Events"][1]["PreviousEventAction"] == "None"


async def test_attributes_of_an_element(bench: Bench) -> None:
    """The filters choose; a static attribute among them refuses all."""
    element = await bench.web_id(R1)
    flows = await bench.post(f"/streamsets/{element}/updates?nameFilter=Flow*", None)
    assert [item["SourceName"] for item in flows.items] == ["Flow In", "Flow Out"]
    assert (await bench.post(f"/streamsets/{element}/updates", None)).status == 409


async def test_refused_registrations(bench: Bench) -> None:
    """A malformed or an unknown WebID, a static attribute, a missing header: nothing is registered."""
    level, static = await bench.web_id(LEVEL), await bench.web_id(rf"{R1}|Capacity")
    assert (await bench.post(f"{SETS}?webId={level}&webId=x", None)).status == 400
    assert (await bench.post(f"{SETS}?webId={level}&webId=I1DPrR1NjdPxEUOulNmps6aJqQFAEAAA", None)).status == 404
    assert (await bench.post(f"{SETS}?webId={level}&webId={static}", None)).status == 409
    assert (await bench.post(f"/streams/{static}/updates", None)).status == 409
    assert (await bench.post(f"/streams/{level}/updates", None, csrf=False)).status == 400
    assert (await bench.get("/streams/updates/x_0")).status == 404


async def test_a_signup_that_fails(bench: Bench) -> None:
    """The set is answered with 200 and the stream's exception."""
    bench.simulator.faults.add("stream-error@tag=R1.Level")
    query = "&".join([f"webId={await bench.web_id(path)}" for path in (LEVEL, QUIET)])
    failed, good = (await bench.post(f"{SETS}?{query}", None)).items
    assert failed["Status"] == "Failed"
    assert failed["Exception"]["Errors"]
    assert "LatestMarker" not in failed
    assert good["Status"] == "Succeeded"


async def test_wrong_markers(bench: Bench) -> None:
    """Single: 409; in a set: an exception in its place, and the others are answered."""
    (marker,) = await register(bench, QUIET)
    for wrong in ("x", f"{marker}7"):
        answer = await bench.get(f"/streams/updates/{wrong}")
        assert (answer.status, answer.body["Errors"]) == (409, ["The specified marker is not valid."])
        bad, good = (await retrieve(bench, wrong, marker)).items
        assert bad["Exception"] == answer.body
        assert good["Events"] == []
    assert (await bench.get(SETS)).status == 400


@pytest.mark.parametrize("how", ["restart", "idle", "fault"])
async def test_lost_registrations(bench: Bench, how: str) -> None:
    """After a restart, 15 idle minutes or a fault: 404, in a set an exception each; registering again helps."""
    (marker,) = await register(bench, LEVEL)
    if how == "restart":
        await bench.simulator.kill()
        await bench.simulator.start()
    elif how == "idle":
        bench.clock.advance(15 * 60 + 1)
    else:
        bench.simulator.faults.add("lost-registrations")
    answer = await bench.get(f"/streams/updates/{marker}")
    assert (answer.status, answer.body) == (404, {"Errors": ["Cache not found"]})
    assert await failure(bench, marker) == ["Cache not found"]
    (again,) = await register(bench, LEVEL)
    assert again != marker
    bench.clock.advance(10)
    assert (await retrieve(bench, again)).items[0]["Events"]


@pytest.mark.parametrize("settings", [SimulatorSettings(updates_lost="status")])
async def test_a_set_can_be_lost_by_status(bench: Bench) -> None:
    """It is not known how the real server says it: a setting chooses."""
    (marker,) = await register(bench, LEVEL)
    bench.simulator.faults.add("lost-registrations")
    assert (await retrieve(bench, marker)).status == 404


@pytest.mark.parametrize(("kind", "text"), [("signup-updated", UPDATED), ("signup-removed", REMOVED)])
async def test_signups_end(bench: Bench, kind: str, text: str) -> None:
    """The streams that the fault speaks of are told so once, and are not registered any more."""
    level, quiet = await register(bench, LEVEL, QUIET)
    bench.simulator.faults.add(f"{kind}@tag=R1.Level")
    bench.clock.advance(10)
    struck, other = (await retrieve(bench, level, quiet)).items
    assert struck["Exception"] == {"Errors": [text]}
    assert (struck["SourcePath"], struck["RequestedMarker"]) == (LEVEL, level)
    assert other["Events"] == []
    assert await failure(bench, level) == ["The specified marker is not valid."]
    (again,) = await register(bench, LEVEL)
    bench.clock.advance(10)
    assert (await retrieve(bench, again)).items[0]["Events"]


async def test_a_stream_that_fails_is_unregistered(bench: Bench) -> None:
    """An error while retrieving ends the registration."""
    (marker,) = await register(bench, LEVEL)
    fault = bench.simulator.faults.add("stream-error")
    assert await failure(bench, marker) == ["The simulated signup failed."]
    bench.simulator.faults.remove(fault.number)
    assert await failure(bench, marker) == ["The specified marker is not valid."]


@pytest.mark.parametrize(
    ("settings", "repeats"),
    [(SimulatorSettings(), True), (SimulatorSettings(old_markers="error"), False)],
)
async def test_an_old_marker_again(bench: Bench, repeats: bool) -> None:  # noqa: FBT001 - parametrized
    """It is not known whether the real server repeats the events: a setting chooses."""
    (marker,) = await register(bench, LEVEL)
    bench.clock.advance(10)
    first = (await retrieve(bench, marker)).items[0]
    again = (await retrieve(bench, marker)).items[0]
    single = await bench.get(f"/streams/updates/{marker}")
    if repeats:
        assert again == first
        assert single.body["Events"] == first["Events"]
    else:
        assert again["Exception"]["Errors"] == ["The specified marker is not valid."]
        assert single.status == 409
        assert (await retrieve(bench, first["LatestMarker"])).items[0]["Events"] == []


@pytest.mark.parametrize("settings", [SimulatorSettings(update_queue_events=3)])
async def test_a_full_queue_drops_in_silence(bench: Bench) -> None:
    """What came after the queue was full is never told."""
    (marker,) = await register(bench, LEVEL)
    bench.clock.advance(60)
    item = (await retrieve(bench, marker)).items[0]
    truth = bench.simulator.plant.snapshots("R1.Level", NOW + 1, NOW + 60 * PER_SECOND)
    assert [parse(event["Timestamp"]) for event in item["Events"]] == [sample.ticks for sample in truth[:3]]
    assert (await retrieve(bench, item["LatestMarker"])).items[0]["Events"] == []


@pytest.mark.parametrize("settings", [SimulatorSettings(update_queue_events=3, update_overflow="error")])
async def test_a_full_queue_can_end_the_registration(bench: Bench) -> None:
    """It is not known what the real server does: a setting chooses."""
    (marker,) = await register(bench, LEVEL)
    bench.clock.advance(60)
    assert await failure(bench, marker) == ["The queue of the signup has overflowed."]


@pytest.mark.parametrize("settings", [SimulatorSettings(users={"anna": "a", "bert": "b"})])
async def test_each_user_has_registrations_of_his_own(bench: Bench) -> None:
    """Another user's marker is unknown."""
    anna, bert = ({"Authorization": f"Basic {code}"} for code in ("YW5uYTph", "YmVydDpi"))
    async with ClientSession() as session:
        async with session.get(f"{bench.simulator.url}/points", params={"path": QUIET}, headers=anna) as found:
            web_id = (await found.json())["WebId"]
        url = f"{bench.simulator.url}/streams/{web_id}/updates"
        async with session.post(url, headers={**anna, "X-Requested-With": "x"}) as registered:
            location = registered.headers["Location"]
        for headers, status in ((anna, 200), (bert, 404)):
            async with session.get(location, headers=headers) as answer:
                assert answer.status == status


async def test_values_go_wrong_here_too(bench: Bench) -> None:
    """Faults of values act upon events."""
    (marker,) = await register(bench, LEVEL)
    bench.simulator.faults.add("value-error")
    bench.clock.advance(10)
    (first, *_) = (await retrieve(bench, marker)).items[0]["Events"]
    assert first["Errors"]
    assert first["Action"] == "Add"


@pytest.mark.parametrize("settings", [SimulatorSettings(previous_event_told=False)])
async def test_what_became_of_the_snapshot_may_not_be_told(bench: Bench) -> None:
    """Each Add says None, whatever compression did."""
    (marker,) = await register(bench, LEVEL)
    bench.clock.advance(10)
    events = (await retrieve(bench, marker)).items[0]["Events"]
    assert {event["PreviousEventAction"] for event in events} == {"None"}
