from typing import Any

import msgspec
import pytest

from pibridge.errors import PIBridgeError, RejectedError, UnavailableError
from pibridge.pi.update_wire import Action, PreviousEventAction, StreamUpdates, read_registrations, read_updates

SAMPLE: dict[str, Any] = {
    "Source": "I1AbEDqD5loBNH0erqeqJodtALAYIKyyz2F5BGAxQAVXYRDBAGyPedZG1sUmxOOclp3Flwg",
    "SourceName": "Water",
    "SourcePath": "\\\\MyAssetServer\\MyDatabase\\MyElement|Water",
    "RequestedMarker": "0cbbec466f3a42288c8c47112f54b852_0",
    "LatestMarker": "0cbbec466f3a42288c8c47112f54b852_12",
    "Status": "Updated",
    "Events": [
        {
            "Action": "Add",
            "PreviousEventAction": "PreviousEventArchived",
            "Timestamp": "2014-07-22T14:00:00Z",
            "UnitsAbbreviation": "m",
            "Good": True,
            "Questionable": False,
            "Substituted": False,
            "Annotated": False,
            "Value": 12.3,
        }
    ],
    "Links": {},
}
UPDATED = "The signup was updated and any cached data could be invalid."


def read(**others: Any) -> StreamUpdates:
    """Read the sample with some fields changed."""
    (item,) = read_updates(msgspec.json.encode({"Items": [SAMPLE | others]})).items
    return item


def test_an_update_is_read_as_sent() -> None:
    """Stream, markers, action and the value with all its fields."""
    item = read()
    (event,) = item.events
    assert (item.web_id, item.path) == (SAMPLE["Source"], SAMPLE["SourcePath"])
    assert (item.requested_marker[-2:], item.latest_marker[-3:]) == ("_0", "_12")
    assert item.problem() is None
    assert (event.action, event.previous_event_action) == (Action.ADD, PreviousEventAction.ARCHIVED)
    assert (event.timestamp, event.value, event.units_abbreviation) == ("2014-07-22T14:00:00Z", 12.3, "m")
    assert event.good


@pytest.mark.parametrize(
    ("event", "action", "value"),
    [
        ({"Action": "Delete", "PreviousEventAction": "None", "Value": 1}, Action.DELETE, 1),
        ({"Action": "Delete"}, Action.DELETE, None),
        ({"Action": "Update", "Value": {"Name": "No Data", "Value": 248, "IsSystem": True}}, Action.UPDATE, ...),
        ({"Action": "Refresh"}, Action.REFRESH, None),
        ({"Action": "Sideways", "PreviousEventAction": "PreviousEventBurnt"}, Action.REFRESH, None),
        ({"Value": 2, "Good": "true"}, Action.REFRESH, 2),
        ({"Action": None, "PreviousEventAction": None, "Value": 2}, Action.REFRESH, 2),
    ],
)
def test_actions(event: dict[str, Any], action: Action, value: object) -> None:
    """An action that is unknown or missing means: read again from there. A deletion may come without the value."""
    (read_event,) = read(Events=[{"Timestamp": "2014-07-22T14:00:00Z", **event}]).events
    assert (read_event.action, read_event.previous_event_action) == (action, PreviousEventAction.NONE)
    assert value is ... or read_event.value == value


def test_a_value_keeps_its_own_error() -> None:
    """Errors of one value are no error of the stream."""
    errors = [{"FieldName": "Value", "Message": ["bad"]}]
    item = read(Events=[{"Timestamp": "2014-07-22T14:00:00Z", "Action": "Add", "Errors": errors}])
    assert item.problem() is None
    assert item.events[0].error() == "Value: bad"


@pytest.mark.parametrize(
    ("wrong", "kind", "text"),
    [
        ({"Exception": {"Errors": [UPDATED]}}, UnavailableError, UPDATED),
        ({"Exception": {"Errors": []}}, UnavailableError, "does not say why"),
        ({"Errors": [{"FieldName": "Events", "Message": ["gone"]}]}, UnavailableError, "Events: gone"),
        ({"WebException": {"StatusCode": 409, "Errors": ["no"]}}, RejectedError, "409"),
        ({"LatestMarker": ""}, UnavailableError, "no marker"),
        ({"LatestMarker": None}, UnavailableError, "no marker"),
    ],
)
def test_errors_count_and_the_status_does_not(wrong: dict[str, Any], kind: type[PIBridgeError], text: str) -> None:
    """Beside the status Updated there may be an error; it names the stream."""
    problem = read(**wrong).problem()
    assert type(problem) is kind
    assert text in str(problem)
    assert "MyElement|Water" in str(problem)


@pytest.mark.parametrize("status", ["Succeeded", "Succeded", "AlreadyRegistered", "Anything"])
def test_a_registration_is_its_marker(status: str) -> None:
    """However PI spells that it worked."""
    data = msgspec.json.encode({"Items": [{"Source": "x", "LatestMarker": "m_0", "Status": status, "Exception": None}]})
    (item,) = read_registrations(data).items
    assert (item.web_id, item.latest_marker, item.problem()) == ("x", "m_0", None)


def test_a_failed_registration_is_a_problem() -> None:
    """It has no marker and says why."""
    data = b'{"Items": [{"Source": "x", "Status": "Failed", "Exception": {"Errors": ["no data pipe"]}}]}'
    (item,) = read_registrations(data).items
    assert "no data pipe" in str(item.problem())
