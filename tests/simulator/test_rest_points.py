import pytest
from aiohttp import ClientSession

from pibridge.simulator import Simulator, SimulatorSettings
from simulator.bench import Bench, Clock


async def test_the_server_is_found_by_name_path_and_id(bench: Bench) -> None:
    """All ways lead to the same object."""
    server, second = (await bench.get("/dataservers")).items
    assert (server["Name"], second["Name"]) == ("PISRV1", "PISRV2")
    for answer in (
        await bench.get("/dataservers", name="pisrv1"),
        await bench.get("/dataservers", path=r"\\PISRV1"),
        await bench.get(f"/dataservers/{server['WebId']}"),
    ):
        assert answer.body == server
    assert (await bench.get("/dataservers", name="other")).status == 404


async def test_points_come_in_pages(bench: Bench) -> None:
    """Following Next gives every point of the filter once."""
    server = (await bench.get("/dataservers", name="PISRV1")).body
    answer = await bench.get(f"/dataservers/{server['WebId']}/points", nameFilter="r?.*", maxCount=5)
    names = [item["Name"] for item in answer.items]
    while following := answer.body["Links"].get("Next"):
        answer = await bench.get(following.removeprefix(bench.simulator.url))
        names += [item["Name"] for item in answer.items]
    assert len(names) == len(set(names)) == 36
    assert names == sorted(names, key=str.upper)


async def test_a_page_above_the_limit_is_refused(bench: Bench) -> None:
    """The text is the one that clients look for."""
    server = (await bench.get("/dataservers", name="PISRV1")).body
    answer = await bench.get(f"/dataservers/{server['WebId']}/points", maxCount=150_001)
    assert answer.status == 400
    assert "is greater than the maximum allowed" in answer.body["Errors"][0]


async def test_a_point_by_path_and_id(bench: Bench) -> None:
    """Path and every form of WebID give the same point."""
    point = (await bench.get("/points", path=r"\\pisrv1\r1.state")).body
    assert (point["PointType"], point["DigitalSetName"], point["Step"]) == ("Digital", "ReactorState", True)
    for kind in ("Full", "IDOnly", "PathOnly", "LocalIDOnly", "DefaultIDOnly"):
        other = (await bench.get("/points", path=r"\\PISRV1\R1.State", webIdType=kind)).body
        assert (await bench.get(f"/points/{other['WebId']}")).body == point


@pytest.mark.parametrize(
    ("path", "parameters", "status"),
    [
        ("/points", {"path": r"\\PISRV1\nothing"}, 404),
        ("/points", {}, 400),
        ("/points/nonsense", {}, 400),
        ("/points/I1DPrR1NjdPxEUOulNmps6aJqQFAEAAA", {}, 404),
        ("/points", {"path": r"\\PISRV1\SINUSOID", "webIdType": "Other"}, 400),
        ("/dataservers/P1DSUElTUlYz/points", {}, 404),
        ("/enumerationsets/P1MSDUElTUlYz/enumerationvalues", {}, 404),
        ("/enumerationsets/nonsense/enumerationvalues", {}, 400),
    ],
)
async def test_what_is_not_there(bench: Bench, path: str, parameters: dict[str, str], status: int) -> None:
    """Unknown is 404, malformed is 400, both with Errors."""
    answer = await bench.get(path, **parameters)
    assert answer.status == status
    assert answer.body["Errors"]


async def test_many_points_found_or_not(bench: Bench) -> None:
    """One unknown path makes it 207, with its exception beside the objects of the others."""
    web_id = await bench.web_id(r"\\PISRV1\SINUSOID")
    good = await bench.get("/points/multiple", path=r"\\PISRV1\R1.Level", webId=web_id)
    assert (good.status, [item["IdentifierType"] for item in good.items]) == (200, ["Path", "WebId"])
    mixed = await bench.get("/points/multiple", path=r"\\PISRV1\nothing", webId=web_id)
    assert mixed.status == 207
    assert ["Object" in item for item in mixed.items] == [False, True]
    assert mixed.items[0]["Exception"]["Errors"]
    only = await bench.get("/points/multiple", path=r"\\PISRV1\nothing", webId=web_id, includeMode="Exceptions")
    assert len(only.items) == 1
    assert (await bench.get("/points/multiple")).status == 400


async def test_the_configuration_of_a_point(bench: Bench) -> None:
    """All attributes, or those asked for; an unknown name is a bad request."""
    web_id = await bench.web_id(r"\\PISRV1\SINUSOID")
    assert len((await bench.get(f"/points/{web_id}/attributes")).items) > 20
    (deviation,) = (await bench.get(f"/points/{web_id}/attributes", name="compdev")).items
    assert (deviation["Name"], deviation["Value"]) == ("compdev", 0.5)
    assert (await bench.get(f"/points/{web_id}/attributes", name="nothing")).status == 400


async def test_searching_points(bench: Bench) -> None:
    """The search takes names and attributes, and at most 1000 a page."""
    found = await bench.get("/points/search", query="tag:=R1.* PointType:=Digital")
    assert [item["Name"] for item in found.items] == ["R1.State"]
    assert (await bench.get("/points/search", query="*", maxCount=1001)).status == 400
    second = (await bench.get("/dataservers", name="PISRV2")).body["WebId"]
    found = await bench.get("/points/search", query="tag:=W.*", dataServerWebId=second)
    assert {item["Path"] for item in found.items} == {
        rf"\\PISRV2\W.{name}" for name in ("Temperature", "Humidity", "Door")
    }


async def test_servers_before_2021_sp3_cannot_search_points(clock: Clock) -> None:
    """They answer 404."""
    settings = SimulatorSettings(version="1.17.0.199")
    async with Simulator(settings, clock=clock) as simulator, ClientSession() as session:
        assert (await Bench(simulator, clock, session).get("/points/search", query="*")).status == 404


async def test_the_same_name_on_two_servers(bench: Bench) -> None:
    """Their WebIDs tell two points apart that have name and number in common, and lead to different values."""
    paths = [rf"\\PISRV{number}\SINUSOID" for number in (1, 2)]
    first, second = [(await bench.get("/points", path=path, webIdType="IDOnly")).body for path in paths]
    assert (first["Id"], first["Name"]) == (second["Id"], second["Name"])
    assert first["WebId"] != second["WebId"]
    answer = await bench.get(f"/streamsets/value?webId={first['WebId']}&webId={second['WebId']}")
    assert [item["Path"] for item in answer.items] == paths
    assert answer.items[0]["Value"]["Value"] != answer.items[1]["Value"]["Value"]
    server = second["Links"]["DataServer"].removeprefix(bench.simulator.url)
    assert (await bench.get(server)).body["Name"] == "PISRV2"
    names = [item["Name"] for item in (await bench.get(f"{server}/points")).items]
    assert names == ["SINUSOID", "W.Door", "W.Humidity", "W.Temperature"]


async def test_a_web_id_without_server_means_the_default_server(bench: Bench) -> None:
    """So the LocalIDOnly WebID of a point of the second server names another one."""
    local = (await bench.get("/points", path=r"\\PISRV2\SINUSOID", webIdType="LocalIDOnly")).body["WebId"]
    assert (await bench.get(f"/points/{local}")).body["Path"] == r"\\PISRV1\SINUSOID"


async def test_digital_sets(bench: Bench) -> None:
    """Each set tells its states; SYSTEM has the codes that stand in for values."""
    server = (await bench.get("/dataservers", name="PISRV1")).body
    sets = {
        item["Name"]: item["WebId"]
        for item in (await bench.get(f"/dataservers/{server['WebId']}/enumerationsets")).items
    }
    states = (await bench.get(f"/enumerationsets/{sets['ReactorState']}/enumerationvalues")).items
    assert [(state["Name"], state["Value"]) for state in states][:2] == [("Idle", 0), ("Filling", 1)]
    system = (await bench.get(f"/enumerationsets/{sets['SYSTEM']}/enumerationvalues")).items
    assert ("Pt Created", 253) in [(state["Name"], state["Value"]) for state in system]
