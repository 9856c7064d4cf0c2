from pibridge.simulator import brewery, points

TREE = brewery.plant({point.name.upper(): point for point in points.catalog(bulk=0, event_rate=1, cycle_s=1800)})
WAREHOUSE = brewery.warehouse({point.name.upper(): point for point in points.second_catalog()})


def test_elements_lie_at_different_depths() -> None:
    """Parents come before children; a name may hold a slash."""
    paths = [element.path for element in TREE.elements()]
    assert paths.index(r"\\AF1\Plant\Area1\R1") < paths.index(r"\\AF1\Plant\Area1\R1\Agitator")
    assert r"\\AF1\Plant\Area2\CIP/SIP Skid" in paths
    assert r"\\AF1\Plant\Area9\R9" in paths


def test_attributes_of_every_kind() -> None:
    """There are attributes of points, formulas, static, hidden, excluded and nested ones."""
    found = {attribute.path: attribute for attribute in TREE.attributes()}
    reactor = r"\\AF1\Plant\Area1\R1"
    assert found[rf"{reactor}|Temperature"].config_string == r"\\%Server%\R1.Temperature"
    assert found[rf"{reactor}|Temperature F"].plug_in == "Formula"
    assert found[rf"{reactor}|Temperature F"].config_string == "A=Temperature;[A*1.8+32]"
    assert (found[rf"{reactor}|Capacity"].plug_in, found[rf"{reactor}|Capacity"].config_string) == ("", "")
    assert found[rf"{reactor}|Serial Number"].hidden
    assert found[rf"{reactor}|Spare Pressure"].excluded
    assert found[rf"{reactor}|Temperature|High Limit"].static == 80.0
    assert found[rf"{reactor}|State"].type_qualifier == "ReactorState"


def test_the_warehouse_reads_the_second_server() -> None:
    """Its attributes name their Data Archive, which is not the default one."""
    found = {attribute.path: attribute.config_string for attribute in WAREHOUSE.attributes()}
    assert found[r"\\AF1\Warehouse\Hall1|Temperature"] == r"\\PISRV2\W.Temperature"


def test_who_is_who() -> None:
    """No two elements or attributes have the same id."""
    ids = [each.identity.guids for tree in (TREE, WAREHOUSE) for each in tree.elements()]
    ids += [each.identity.guids for tree in (TREE, WAREHOUSE) for each in tree.attributes()]
    assert len(set(ids)) == len(ids)
