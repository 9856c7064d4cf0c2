from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from pibridge.pi.settings import ElementSelect, EventFrameSelect, PointSelect, Select

SELECT: TypeAdapter[PointSelect | ElementSelect | EventFrameSelect] = TypeAdapter(Select)


def refused(select: Any) -> str:
    """Give what is said against this selection."""
    with pytest.raises(ValidationError) as caught:
        SELECT.validate_python(select)
    return str(caught.value)


def test_points_are_names_and_wildcards() -> None:
    """A selection of points is a list of paths, wildcards in the name."""
    select = SELECT.validate_python({"points": [r"\\PISRV1\SINUSOID", r"\\PISRV1\R1.*"]})
    assert isinstance(select, PointSelect)
    assert select.points == (r"\\PISRV1\SINUSOID", r"\\PISRV1\R1.*")


def test_an_element_selects_all_its_attributes() -> None:
    """Without a list of attributes all of them are meant."""
    select = SELECT.validate_python({"element": r"\\AF1\Plant\Area1", "template": "Reactor"})
    assert select == ElementSelect(element=r"\\AF1\Plant\Area1", template="Reactor", attributes=("*",))


def test_an_element_may_be_a_database() -> None:
    """The subtree may be a whole database."""
    assert SELECT.validate_python({"element": "\\\\AF1\\Plant\\"}) == ElementSelect(element=r"\\AF1\Plant")


def test_event_frames_have_a_database() -> None:
    """Event frames are selected by database and template."""
    select = SELECT.validate_python({"event_frames": {"database": r"\\AF1\Plant", "template": "Batch"}})
    assert isinstance(select, EventFrameSelect)
    assert select.event_frames.template == "Batch"


@pytest.mark.parametrize(
    "select",
    [
        {},
        "SINUSOID",
        {"points": [r"\\P\A"], "element": r"\\AF1\Plant"},
        {"event_frames": {"database": r"\\AF1\Plant"}, "points": [r"\\P\A"]},
    ],
)
def test_exactly_one_kind_is_selected(select: Any) -> None:
    """None or several kinds are refused with the list of kinds."""
    assert "exactly one kind" in refused(select)


@pytest.mark.parametrize(
    ("select", "hint"),
    [
        ({"points": ["SINUSOID"]}, r"\\SERVER\NAME"),
        ({"points": [r"\\PI*\SINUSOID"]}, "one server"),
        ({"points": [r"\\AF1\Plant\R1|Level"]}, "AF attribute"),
        ({"points": []}, "at least 1"),
        ({"points": [r"\\P\A"], "points_file": "a.csv"}, "either points or points_file"),
        ({"element": "Plant/Area1"}, "no AF path"),
        ({"element": r"\\AF1"}, "no AF path"),
        ({"element": r"\\AF1\Plant\R*"}, "wildcard"),
        ({"element": r"\\AF1\Plant", "attributes": []}, "at least 1"),
        ({"element": r"\\AF1\Plant", "atributes": ["x"]}, "atributes"),
        ({"event_frames": {"database": r"\\AF1\Plant\Area1"}}, "no database"),
    ],
)
def test_a_wrong_selection_is_explained(select: Any, hint: str) -> None:
    """What is wrong is said in plain words."""
    assert hint in refused(select)
