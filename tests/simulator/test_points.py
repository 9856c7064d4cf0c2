import pytest

from pibridge.simulator import points


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


def test_guids_are_the_same_in_every_run() -> None:
    """WebIDs survive a restart of the simulator."""
    assert str(points.guid("PISRV1")) == "a04be70c-ca23-5017-a293-e7dd2051bc10"
    assert points.guid("a") != points.guid("b")
