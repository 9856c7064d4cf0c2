import pytest

from pibridge.model.ticks import PER_SECOND, parse
from pibridge.simulator import SimulatorSettings
from pibridge.simulator.samples import Sample
from simulator.bench import NOW, Bench

R1 = r"\\AF1\Plant\Area1\R1"
LIMIT = 500


@pytest.fixture
def settings() -> SimulatorSettings:
    """Give a server with a low limit, so that tests reach it."""
    return SimulatorSettings(max_items_per_call=LIMIT)


async def stream(bench: Bench, path: str, action: str) -> str:
    """Give the path of a stream's action."""
    return f"/streams/{await bench.web_id(path)}/{action}"


async def ad_hoc(bench: Bench, *paths: str) -> list[str]:
    """Give the WebIDs of a set."""
    return [await bench.web_id(path) for path in paths]


async def test_recorded_is_the_archive(bench: Bench) -> None:
    """What the plant holds is what is answered, with all flags, at most 1000 or as many as asked for."""
    answer = await bench.get(await stream(bench, r"\\PISRV1\R1.Temperature", "recorded"), startTime="*-5m")
    truth = bench.simulator.plant.archive("R1.Temperature", NOW - 300 * PER_SECOND, NOW, NOW)
    assert [(parse(item["Timestamp"]), item["Value"]) for item in answer.items] == [(s.ticks, s.value) for s in truth]
    assert set(answer.items[0]) == {
        "Timestamp",
        "Value",
        "UnitsAbbreviation",
        "Good",
        "Questionable",
        "Substituted",
        "Annotated",
    }
    few = await bench.get(await stream(bench, r"\\PISRV1\R1.Temperature", "recorded"), startTime="*-5m", maxCount=3)
    assert few.items == answer.items[:3]
    assert few.body["Links"] == {}


async def test_the_end_before_the_start_turns_the_order(bench: Bench) -> None:
    """Values come backwards."""
    path = await stream(bench, r"\\PISRV1\SINUSOID", "recorded")
    forwards = await bench.get(path, startTime="*-10m", endTime="*")
    assert (await bench.get(path, startTime="*", endTime="*-10m")).items == forwards.items[::-1]


async def test_a_round_trip_of_a_timestamp_finds_its_event(bench: Bench) -> None:
    """What was printed addresses the same event."""
    path = await stream(bench, r"\\PISRV1\R1.Pressure", "recorded")
    (first, *_) = (await bench.get(path, startTime="*-1m")).items
    assert (await bench.get(path, startTime=first["Timestamp"], endTime=first["Timestamp"])).items[0] == first


@pytest.mark.parametrize(
    ("action", "parameters"),
    [
        ("recorded", {"startTime": "never"}),
        ("recorded", {"maxCount": "501"}),
        ("recorded", {"boundaryType": "Sideways"}),
        ("recorded", {"timeZone": "Nowhere"}),
        ("interpolated", {"interval": "0s"}),
        ("interpolated", {"interval": "1s"}),
        ("recordedattime", {}),
        ("recordedattime", {"time": "*", "retrievalMode": "Maybe"}),
        ("summary", {"summaryType": "Nice"}),
    ],
)
async def test_bad_requests(bench: Bench, action: str, parameters: dict[str, str]) -> None:
    """What cannot be understood, or is more than the server gives, is 400 with Errors."""
    answer = await bench.get(await stream(bench, r"\\PISRV1\SINUSOID", action), **parameters)
    assert (answer.status, list(answer.body)) == (400, ["Errors"])


async def test_nothing_in_the_range_is_an_empty_list(bench: Bench) -> None:
    """It is 200 with no items."""
    answer = await bench.get(await stream(bench, r"\\PISRV1\NEW.Tag", "recorded"))
    assert (answer.status, answer.items) == (200, [])


async def test_values(bench: Bench) -> None:
    """Value is the snapshot or the value at a time, end the last; an attribute has its unit, a point none."""
    now = (await bench.get(await stream(bench, r"\\PISRV1\R1.Temperature", "value"))).body
    plant = bench.simulator.plant
    assert now["Value"] == plant.current(plant.point("R1.Temperature"), NOW).value
    assert now["UnitsAbbreviation"] == ""
    assert (await bench.get(await stream(bench, f"{R1}|Temperature", "value"))).body == {
        **now,
        "UnitsAbbreviation": "°C",
    }
    assert (await bench.get(await stream(bench, r"\\PISRV1\R1.Temperature", "end"))).body == now
    then = await bench.get(await stream(bench, r"\\PISRV1\R1.Temperature", "value"), time="*-1h")
    assert then.body["Timestamp"] == "2026-09-21T13:13:20Z"


async def test_static_attributes_have_no_history(bench: Bench) -> None:
    """A value, but 409 for anything of time; a filter expression is 409 too."""
    value = (await bench.get(await stream(bench, f"{R1}|Capacity", "value"))).body
    assert (value["Timestamp"], value["Value"]) == ("1970-01-01T00:00:00Z", 12.5)
    for action in ("recorded", "interpolated", "summary"):
        assert (await bench.get(await stream(bench, f"{R1}|Capacity", action))).status == 409
    filtered = await bench.get(await stream(bench, r"\\PISRV1\SINUSOID", "recorded"), filterExpression="'.'>1")
    assert filtered.status == 409


async def test_interpolated_values_come_at_even_times(bench: Bench) -> None:
    """From the start on, or on the marks of a sync time; backwards if the end is earlier."""
    path = await stream(bench, r"\\PISRV1\SINUSOID", "interpolated")
    times = [item["Timestamp"] for item in (await bench.get(path, startTime="*-2m", interval="1m")).items]
    assert times == ["2026-09-21T14:11:20Z", "2026-09-21T14:12:20Z", "2026-09-21T14:13:20Z"]
    synced = (await bench.get(path, startTime="*-2m", interval="1m", syncTime="2026-01-01T00:00:00Z")).items
    assert [item["Timestamp"] for item in synced] == ["2026-09-21T14:12:00Z", "2026-09-21T14:13:00Z"]
    back = (await bench.get(path, startTime="*", endTime="*-2m", interval="1m")).items
    assert [item["Timestamp"] for item in back] == times[::-1]
    marks = await bench.get(await stream(bench, r"\\PISRV1\SINUSOID", "interpolatedattimes"), time="*-1m")
    assert [item["Timestamp"] for item in marks.items] == times[1:2]


async def test_values_at_times(bench: Bench) -> None:
    """The recorded value at or before, one or many; an exact miss is 404."""
    path = await stream(bench, r"\\PISRV1\SINUSOID", "recordedattime")
    assert parse((await bench.get(path, time="*-1m")).body["Timestamp"]) <= NOW - 60 * PER_SECOND
    assert len((await bench.get(path + "s", time="*-1m")).items) == 1
    assert (await bench.get(path, time="2026-09-21T00:00:00.1Z", retrievalMode="Exact")).status == 404


async def test_plots_and_summaries(bench: Bench) -> None:
    """Both answer lists; a summary tells its type."""
    assert (await bench.get(await stream(bench, r"\\PISRV1\SINUSOID", "plot"), startTime="*-1h")).items
    path = await stream(bench, r"\\PISRV1\SINUSOID", "summary")
    found = await bench.get(path, startTime="*-2h", summaryType="Average", summaryDuration="1h")
    assert [item["Type"] for item in found.items] == ["Average", "Average"]
    assert len((await bench.get(path, startTime="*-2h", summaryType="All")).items) == 8


async def test_sets_answer_every_stream(bench: Bench) -> None:
    """Each item names its stream and holds what the single call answers."""
    paths = (r"\\PISRV1\R1.Level", f"{R1}|Pressure")
    web_ids = await ad_hoc(bench, *paths)
    found = await bench.get("/streamsets/recorded", webId=web_ids, startTime="*-1m", webIdType="IDOnly")
    assert [item["WebId"] for item in found.items] == web_ids
    assert [item["Path"] for item in found.items] == list(paths)
    assert "/points/" in found.items[0]["Links"]["Source"]
    single = await bench.get(f"/streams/{web_ids[1]}/recorded", startTime="*-1m")
    assert found.items[1]["Items"] == single.items
    values = await bench.get("/streamsets/value", webId=web_ids)
    assert values.items[0]["Value"] == (await bench.get(f"/streams/{web_ids[0]}/value")).body


async def test_one_bad_web_id_fails_all(bench: Bench) -> None:
    """Unknown or twice is 404, by whatever forms of id; malformed or none is 400."""
    (good,) = await ad_hoc(bench, r"\\PISRV1\SINUSOID")
    unknown = "I1DPrR1NjdPxEUOulNmps6aJqQFAEAAA"
    cases = {404: [[good, unknown], [good, good], [good, "P1DPUElTUlYxXFNJTlVTT0lE"]], 400: [[good, "x"], []]}
    for status, sets in cases.items():
        for web_ids in sets:
            assert (await bench.get("/streamsets/value", webId=web_ids)).status == status


async def test_the_limit_counts_the_whole_set(bench: Bench) -> None:
    """More items than the server gives in one call is 400 with the text that clients look for."""
    web_ids = await ad_hoc(bench, r"\\PISRV1\R1.Temperature", r"\\PISRV1\R2.Temperature")
    answer = await bench.get("/streamsets/recorded", webId=web_ids, maxCount=LIMIT)
    assert answer.status == 400
    assert "is greater than the maximum allowed" in answer.body["Errors"][0]


async def test_sets_below_an_element(bench: Bench) -> None:
    """The attributes that the filters let through; a static one has an error of its own, not of all."""
    reactor = await bench.web_id(R1)
    values = await bench.get(f"/streamsets/{reactor}/value", nameFilter="*a*")
    assert {item["Name"] for item in values.items} == {"Temperature", "State", "BatchID", "Capacity", "Temperature F"}
    recorded = await bench.get(f"/streamsets/{reactor}/recorded", nameFilter="[Cc]*", maxCount=1)
    assert recorded.items == []
    recorded = await bench.get(f"/streamsets/{reactor}/recorded", nameFilter="Cap*")
    assert recorded.items[0]["Errors"][0]["FieldName"] == "Items"
    point = await bench.web_id(r"\\PISRV1\SINUSOID")
    assert (await bench.get(f"/streamsets/{point}/value")).status == 404


async def test_edits_show(bench: Bench) -> None:
    """Late values are found by the next reading, replaced ones are marked."""
    bench.simulator.plant.insert("NEW.Tag", Sample(NOW - 50, 1.0))
    bench.simulator.plant.replace("NEW.Tag", NOW - 40, 2.0)
    items = (await bench.get(await stream(bench, r"\\PISRV1\NEW.Tag", "recorded"))).items
    assert [(item["Value"], item["Substituted"]) for item in items] == [(1.0, False), (2.0, True)]


@pytest.mark.parametrize("settings", [SimulatorSettings(max_count_scope="total")])
async def test_max_count_in_total(bench: Bench) -> None:
    """A server may count maxCount over all streams of a set."""
    web_ids = await ad_hoc(bench, r"\\PISRV1\R1.Temperature", r"\\PISRV1\R2.Temperature")
    found = await bench.get("/streamsets/recorded", webId=web_ids, maxCount=10)
    assert [len(item["Items"]) for item in found.items] == [10, 0]


async def test_selected_fields(bench: Bench) -> None:
    """Answers of sets are cut down through both levels."""
    web_ids = await ad_hoc(bench, r"\\PISRV1\R1.Level")
    found = await bench.get("/streamsets/recorded", webId=web_ids, maxCount=1, selectedFields="items.items.value")
    assert [list(item) for item in found.items] == [["Items"]]
    assert [list(item) for item in found.items[0]["Items"]] == [["Value"]]


@pytest.mark.parametrize("settings", [SimulatorSettings(recorded_has_snapshot=False)])
async def test_recorded_may_lack_the_snapshot(bench: Bench) -> None:
    """Then it holds only what compression decided upon."""
    answer = await bench.get(await stream(bench, r"\\PISRV1\R1.Temperature", "recorded"), startTime="*-5m")
    truth = bench.simulator.plant.archive("R1.Temperature", NOW - 300 * PER_SECOND, NOW, NOW)
    assert [parse(item["Timestamp"]) for item in answer.items] == [sample.ticks for sample in truth[:-1]]
