import pytest

from simulator.bench import Bench

R1 = r"\\AF1\Plant\Area1\R1"


async def names(bench: Bench, path: str, **parameters: str) -> list[str]:
    """Give the names in a list."""
    return [item["Name"] for item in (await bench.get(path, **parameters)).items]


async def database(bench: Bench) -> str:
    """Give the WebID of the database, by way of its server."""
    (server,) = (await bench.get("/assetservers")).items
    assert (await bench.get("/assetservers", name="AF1")).body == server
    assert (await bench.get(f"/assetservers/{server['WebId']}")).body == server
    found, other = (await bench.get(f"/assetservers/{server['WebId']}/assetdatabases")).items
    assert (found["Name"], other["Name"]) == ("Plant", "Warehouse")
    assert (await bench.get("/assetdatabases", path=r"\\AF1\Plant")).body == found
    assert (await bench.get(f"/assetdatabases/{found['WebId']}")).body == found
    return str(found["WebId"])


async def test_elements_below_a_database(bench: Bench) -> None:
    """Children only, or the whole tree; a template takes those that derive from it too."""
    web_id = await database(bench)
    path = f"/assetdatabases/{web_id}/elements"
    assert await names(bench, path) == ["Area1", "Area2", "Area9"]
    assert await names(bench, path, templateName="Reactor") == []
    assert await names(bench, path, templateName="Reactor", searchFullHierarchy="true") == ["R1", "R2", "R3", "R9"]
    vessels = await names(bench, path, templateName="vessel", searchFullHierarchy="true", sortOrder="Descending")
    assert vessels == ["R9", "R3", "R2", "R1", "F2", "F1"]
    assert "CIP/SIP Skid" in await names(bench, path, nameFilter="c*", searchFullHierarchy="true")


async def test_elements_below_an_element(bench: Bench) -> None:
    """The same filters hold, and the path leads to the same element."""
    area = await bench.web_id(r"\\AF1\Plant\Area1")
    assert await names(bench, f"/elements/{area}/elements") == ["R1", "R2", "R3", "Utilities"]
    assert "Boiler1" in await names(bench, f"/elements/{area}/elements", searchFullHierarchy="true")
    assert (await bench.get(f"/elements/{area}")).body["TemplateName"] == "Area"
    many = await bench.get("/elements/multiple", path=r"\\AF1\Plant\None", webId=area)
    assert (many.status, ["Object" in item for item in many.items]) == (207, [False, True])


async def test_many_elements_at_once(bench: Bench) -> None:
    """Hundreds of WebIDs fit into one request, and the answers come in their order."""
    paths = [element.path for element in bench.simulator.plant.tree.elements()]
    known = [await bench.web_id(path) for path in paths]
    asked = (known * 20)[:250]
    answer = await bench.get("/elements/multiple?" + "&".join(f"webId={web_id}" for web_id in asked))
    assert answer.status == 200
    assert [item["Identifier"] for item in answer.items] == asked
    assert [item["Object"]["Path"] for item in answer.items] == (paths * 20)[:250]


async def test_the_second_database(bench: Bench) -> None:
    """It has elements and templates of its own, and its attributes read the second Data Archive."""
    warehouse = (await bench.get("/assetdatabases", path=r"\\AF1\Warehouse")).body
    assert await names(bench, f"/assetdatabases/{warehouse['WebId']}/elements", searchFullHierarchy="true") == [
        "Dock",
        "Hall1",
    ]
    assert await names(bench, f"/assetdatabases/{warehouse['WebId']}/elementtemplates") == ["Store"]
    assert await names(bench, "/elements/search", databaseWebId=warehouse["WebId"], query="R*") == []
    hall = (await bench.get("/elements", path=r"\\AF1\Warehouse\Hall1")).body
    assert hall["Links"]["Database"] == warehouse["Links"]["Self"]
    attribute = (await bench.get("/attributes", path=r"\\AF1\Warehouse\Hall1|Temperature")).body
    assert attribute["ConfigString"] == r"\\PISRV2\W.Temperature"
    point = (await bench.get(attribute["Links"]["Point"].removeprefix(bench.simulator.url))).body
    assert point["Path"] == r"\\PISRV2\W.Temperature"
    assert await names(bench, f"/assetdatabases/{warehouse['WebId']}/eventframes", searchFullHierarchy="true") == []


async def test_attributes_of_an_element(bench: Bench) -> None:
    """Hidden and excluded ones are left out unless asked for, nested ones come with the full hierarchy."""
    reactor = await bench.web_id(R1)
    path = f"/elements/{reactor}/attributes"
    plain = await names(bench, path)
    assert "Serial Number" not in plain
    assert "Spare Pressure" not in plain
    assert "Serial Number" in await names(bench, path, showHidden="true")
    assert "Spare Pressure" in await names(bench, path, showExcluded="true")
    deep = await names(bench, path, searchFullHierarchy="true")
    assert {"High Limit", "Speed"} <= set(deep) - set(plain)
    assert await names(bench, path, nameFilter="flow*") == ["Flow In", "Flow Out"]
    assert await names(bench, path, categoryName="Design") == ["Capacity"]
    assert await names(bench, path, templateName="Agitator") == []


async def test_an_attribute(bench: Bench) -> None:
    """It tells its data reference, its unit, its point."""
    found = (await bench.get("/attributes", path=f"{R1}|Temperature")).body
    assert (found["DataReferencePlugIn"], found["DefaultUnitsNameAbbreviation"]) == ("PI Point", "°C")
    point = (await bench.get(found["Links"]["Point"].removeprefix(bench.simulator.url))).body
    assert point["Name"] == "R1.Temperature"
    assert (await bench.get(f"/attributes/{found['WebId']}")).body == found
    assert await names(bench, f"/attributes/{found['WebId']}/attributes") == ["High Limit"]
    many = await bench.get("/attributes/multiple", path=f"{R1}|Temperature")
    assert many.items[0]["Object"] == found


async def test_found_attributes(bench: Bench) -> None:
    """Attributes are found by their own name and by their element's, below database or element."""
    web_id = await database(bench)
    parameters = {"searchFullHierarchy": "true", "elementTemplate": "Reactor", "attributeNameFilter": "Level"}
    assert len(await names(bench, f"/assetdatabases/{web_id}/elementattributes", **parameters)) == 4
    area = await bench.web_id(r"\\AF1\Plant\Area1")
    assert len(await names(bench, f"/elements/{area}/elementattributes", **parameters)) == 3


async def test_searches(bench: Bench) -> None:
    """AFSearch texts select elements and attributes; filters that are not built are refused."""
    web_id = await database(bench)
    query = "Name:=R* Template:=Vessel"
    assert await names(bench, "/elements/search", databaseWebId=web_id, query=query) == ["R1", "R2", "R3", "R9"]
    query = "Element:{Name:=R1} Name:=Flow* Type:=Single"
    found = await names(bench, "/attributes/search", databaseWebId=web_id, query=query)
    assert found == ["Flow In", "Flow Out"]
    for kind in ("elements", "attributes"):
        answer = await bench.get(f"/{kind}/search", databaseWebId=web_id, query="Magic:=1")
        assert answer.status == 400
    assert (await bench.get("/elements/search", query="*")).status == 400


async def test_templates(bench: Bench) -> None:
    """They tell what they derive from, and what derives from them; event frames have theirs."""
    web_id = await database(bench)
    found = {item["Name"]: item for item in (await bench.get(f"/assetdatabases/{web_id}/elementtemplates")).items}
    assert (found["Reactor"]["BaseTemplate"], found["Unit"]["BaseTemplate"]) == ("Vessel", "")
    assert (found["Reactor"]["InstanceType"], found["Batch"]["InstanceType"]) == ("Element", "EventFrame")
    unit = found["Unit"]["WebId"]
    assert (await bench.get(f"/elementtemplates/{unit}")).body == found["Unit"]
    derived = await names(bench, f"/elementtemplates/{unit}/derivedelementtemplates")
    assert derived == ["Vessel", "Reactor", "Fermenter", "Boiler"]
    assert found["Fermenter Batch"]["BaseTemplate"] == "Unit Batch"
    assert {found[name]["InstanceType"] for name in ("Operation", "Phase", "Recipe Step")} == {"EventFrame"}


@pytest.mark.parametrize(
    "path",
    ["/elements?path=x", "/attributes?path=x", "/assetdatabases?path=x", "/assetservers?name=x", "/elements/P1EmQQ"],
)
async def test_what_is_not_there(bench: Bench, path: str) -> None:
    """It is 404 with Errors."""
    answer = await bench.get(path)
    assert (answer.status, list(answer.body)) == (404, ["Errors"])
