import pytest

from pibridge.simulator import points
from pibridge.simulator.servers import ARCHIVE, SECOND_ARCHIVE


def test_every_type_is_there() -> None:
    """The plant has a point of each type that a connector meets."""
    catalog = points.catalog(bulk=0, event_rate=1, cycle_s=1800)
    kinds = {"Float16", "Float32", "Float64", "Int16", "Int32", "Digital", "String", "Timestamp"}
    assert {point.type for point in catalog} == kinds
    assert any(point.future for point in catalog)
    assert all(point.digital_set in points.DIGITAL_SETS for point in catalog if point.type == "Digital")


def test_names_of_the_example_configuration_exist() -> None:
    """The documented selections find something."""
    names = {point.name for point in points.catalog(bulk=0, event_rate=1, cycle_s=1800)}
    assert {"SINUSOID", "R1.Temperature", "R1.State", "R1.BatchID", "R9.BatchID"} <= names
    assert any(name.startswith("U") for name in names)


def test_bulk_points_come_at_their_rate() -> None:
    """Their number and mean rate are what was asked for; ids stay those of the first points."""
    few, many = (points.catalog(bulk=count, event_rate=4, cycle_s=1800) for count in (0, 100))
    assert many[: len(few)] == few or [point.id for point in many[: len(few)]] == [point.id for point in few]
    assert len(many) == len(few) + 100
    assert many[-1].signal is not None
    assert many[-1].signal.period_ticks == 2_500_000


def test_bulk_points_need_a_rate() -> None:
    """A rate of 0 is refused."""
    with pytest.raises(ValueError, match="event rate"):
        points.catalog(bulk=1, event_rate=0, cycle_s=1800)


def test_the_second_server_has_points_of_its_own() -> None:
    """One has the name and the number of a point of the first server; nothing else of them is the same."""
    first = {point.name: point for point in points.catalog(bulk=0, event_rate=1, cycle_s=1800)}
    second = {point.name: point for point in points.second_catalog()}
    (name,) = first.keys() & second.keys()
    assert first[name].id == second[name].id
    assert first[name].identity.guids != second[name].identity.guids
    assert second[name].path == r"\\PISRV2\SINUSOID"


def test_digital_sets_belong_to_their_data_server() -> None:
    """Their identity names their owner's kind and their server."""
    sets = [points.digital_sets(server)[0].identity for server in (ARCHIVE, SECOND_ARCHIVE)]
    assert [each.owner for each in sets] == ["D", "D"]
    assert sets[0].guids != sets[1].guids
    assert sets[1].path == r"\\PISRV2\DigitalSets[ReactorState]"
