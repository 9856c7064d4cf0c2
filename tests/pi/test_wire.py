import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pibridge.errors import PIBridgeError, RejectedError, UnauthorizedError, UnavailableError
from pibridge.pi.wire import (
    BatchPart,
    Found,
    Items,
    Point,
    PropertyError,
    Reader,
    StreamItem,
    StreamValue,
    decode_channel,
)

STREAM = "I1DPrR1NjdPxEUOulNmps6aJqQFAEAAA"
TIME = "2022-03-19T08:34:00.9700012Z"
WEB_EXCEPTION = b'{"WebException":{"Errors":["Error occurred during writing."],"StatusCode":500}}'
json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**60), 2**60)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)


def message(*values: str, stream: str = "") -> bytes:
    """Give a channel message with these values, written as JSON members of the value objects."""
    items = ",".join(f'{{"Timestamp":"{TIME}",{value}}}' for value in values)
    return f'{{"Links":{{}},"Items":[{{"WebId":"{STREAM}",{stream}"Items":[{items}]}}]}}'.encode()


def only_value(data: bytes) -> Any:
    """Give the value of the only event in a message."""
    (item,) = decode_channel(data)
    return item.items[0].value


def test_a_channel_message_is_read() -> None:
    """All that PI says about a value is kept."""
    (item,) = decode_channel(
        b'{"Links":{},"Items":[{"WebId":"w","Name":"Water","Path":"\\\\\\\\AF\\\\DB|Water","Links":{"Self":"https://x"},'
        b'"UnitsAbbreviation":"m","Items":[{"Timestamp":"2014-07-22T14:00:00Z","Value":2.3,"UnitsAbbreviation":"m",'
        b'"Good":false,"Questionable":true,"Substituted":true,"Annotated":true}]}]}'
    )
    value = item.items[0]
    assert (item.web_id, item.name, item.path, item.units_abbreviation) == ("w", "Water", r"\\AF\DB|Water", "m")
    assert (value.timestamp, value.value, value.units_abbreviation) == ("2014-07-22T14:00:00Z", 2.3, "m")
    assert (value.good, value.questionable, value.substituted, value.annotated) == (False, True, True, True)
    assert item.problem() is None
    assert value.error() == ""


def test_old_servers_leave_fields_out() -> None:
    """A value of a server of 2018 has no Annotated, and new fields of later servers do not disturb."""
    (item,) = decode_channel(message('"Value":1,"Good":true,"New":{"x":[1]}'))
    assert (item.items[0].good, item.items[0].annotated) == (True, False)


@pytest.mark.parametrize("data", [b'{"Links":{},"Items":[]}', b'{"Links":{}}', b"{}", b"", b" \r\n", b'{"Items":null}'])
def test_a_heartbeat_has_no_streams(data: bytes) -> None:
    """Every way to send a heartbeat is understood."""
    assert decode_channel(data) == []


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("16.14", 16.14),
        ("9007199254740993", 9007199254740993),
        ("123456789012345678901234567890", 123456789012345678901234567890),
        ("null", None),
        ("true", True),
        ('"text"', "text"),
        ("[1,2]", [1, 2]),
        ('{"Name":"No Data","Value":248,"IsSystem":true}', {"Name": "No Data", "Value": 248, "IsSystem": True}),
        ('"NaN"', "NaN"),
        ("NaN", "NaN"),
        ("Infinity", "Infinity"),
        ("-Infinity", "-Infinity"),
        ("1e999", "Infinity"),
        ("-1e999", "-Infinity"),
    ],
)
def test_values_are_as_pi_wrote_them(written: str, read: object) -> None:
    """Values of all types keep type and digits; NaN and infinities become texts."""
    value = only_value(message(f'"Value":{written}'))
    assert value == read
    assert type(value) is type(read)


def test_half_a_surrogate_pair_can_be_stored() -> None:
    """A broken text is mended, so that it can be written down."""
    assert msgspec.json.encode(only_value(message(r'"Value":"a\ud800b"'))) == b'"a?b"'


def test_booleans_may_be_texts() -> None:
    """Good as the documentation prints it, a text, is understood."""
    (item,) = decode_channel(message('"Value":1,"Good":"false","Questionable":"true","Annotated":"false"'))
    assert (item.items[0].good, item.items[0].questionable, item.items[0].annotated) == (False, True, False)


def test_null_is_the_same_as_left_out() -> None:
    """Fields that are null have their defaults; a null value stays null."""
    (item,) = decode_channel(
        message('"Value":null,"UnitsAbbreviation":null,"Errors":null,"Good":true', stream='"Name":null,')
    )
    assert (item.items[0].units_abbreviation, item.items[0].errors, item.name) == ("", (), "")


def test_a_single_value_may_stand_in_place_of_items() -> None:
    """The form of channel messages that the documentation prints is understood."""
    data = f'{{"Items":[{{"WebId":"{STREAM}","Value":{{"Timestamp":"{TIME}","Value":3}}}}]}}'.encode()
    assert only_value(data) == 3


@pytest.mark.parametrize(
    "broken", [message('"Value":1')[:-5], b"<html>503</html>", b'{"Items":[{"WebId":"w"}]}', b"[]"]
)
def test_a_broken_message_is_never_empty(broken: bytes) -> None:
    """A cut-off message, a web page and a stream without values are errors."""
    with pytest.raises(UnavailableError):
        decode_channel(broken)


@given(st.integers(1, 200))
def test_a_cut_message_is_an_error(length: int) -> None:
    """Wherever a message is cut off, it is an error, never less data."""
    whole = message('"Value":1.5,"Good":true', '"Value":"x","Good":true')
    if length < len(whole):
        with pytest.raises(UnavailableError):
            decode_channel(whole[:length])


def test_a_failure_in_place_of_a_message_is_an_error() -> None:
    """A WebException, Errors or a Message instead of data are errors with PI's words."""
    for data in (WEB_EXCEPTION, b'{"Errors":["Error occurred"]}', b'{"Message":"Error occurred"}'):
        with pytest.raises(UnavailableError, match="Error occurred"):
            decode_channel(data)


def test_a_failed_stream_does_not_hide_the_others() -> None:
    """In a message one stream may have failed; it says so, and the others are read."""
    data = json.dumps(
        {
            "Items": [
                {"WebId": "a", "Path": r"\\P\A", "Errors": [{"FieldName": "Value", "Message": ["no archive"]}]},
                {"WebId": "b", "Items": [], "WebException": {"Errors": ["gone"], "StatusCode": 404}},
                {"WebId": "c", "Items": [{"Timestamp": TIME, "Value": 1}]},
            ]
        }
    ).encode()
    first, second, third = decode_channel(data)
    assert isinstance(first.problem(), UnavailableError)
    assert "no archive" in str(first.problem())
    assert isinstance(second.problem(), RejectedError)
    assert third.problem() is None


@pytest.mark.parametrize(
    ("said", "text"),
    [
        ('"Value":null,"Errors":[{"FieldName":"Value","Message":["bad","worse"]}]', "Value: bad; worse"),
        ('"Value":null,"Errors":["plain"]', "plain"),
        ('"Value":null,"WebException":{"Errors":["broken"],"StatusCode":500}', "broken"),
        ('"Value":null,"WebException":{"StatusCode":503}', "status 503"),
        ('"Value":{"Errors":["a","b"]},"Good":false', "a; b"),
        ('"Value":{"Errors":["a"],"Name":"x"}', ""),
    ],
)
def test_a_value_can_be_an_error(said: str, text: str) -> None:
    """All forms of an error in place of a value are told apart from values."""
    (item,) = decode_channel(message(said))
    assert item.items[0].error() == text


@given(st.lists(json_values, max_size=5))
def test_fast_and_careful_reading_agree(values: list[Any]) -> None:
    """A message that needs care (a byte order mark) is read like the same message without."""
    items = [{"Timestamp": TIME, "Value": value, "Good": True} for value in values]
    data = json.dumps({"Links": {}, "Items": [{"WebId": STREAM, "Items": items}]}).encode()
    assert [value.value for value in decode_channel(data)[0].items] == values
    assert decode_channel(b"\xef\xbb\xbf" + data) == decode_channel(data)


def test_a_list_is_read() -> None:
    """A list of points is read as its objects."""
    answer = Reader(Items[Point])(
        b'{"Links":{},"Items":[{"WebId":"w","Name":"a","Path":"\\\\\\\\P\\\\a","PointType":"String","Span":1.0}]}'
    )
    assert [(point.name, point.path, point.point_type) for point in answer.items] == [("a", r"\\P\a", "String")]


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"{}",
        b'{"Links":{}}',
        b'{"Items":[',
        b"<html></html>",
        WEB_EXCEPTION,
        b'{"Items":[{"WebException":{"StatusCode":503}}]}',
        b'{"Items":[{"WebId":"w","Name":"a","Path":"p","WebException":{"StatusCode":503}}]}',
        b'{"Items":[],"Errors":["late"]}',
        b"nonsense",
    ],
)
def test_a_list_that_is_not_whole_is_an_error(data: bytes) -> None:
    """Whatever is missing in a list, it is an error and never an empty list."""
    with pytest.raises(UnavailableError):
        Reader(Items[Point])(data)


@pytest.mark.parametrize(("status", "kind"), [(404, RejectedError), (401, UnauthorizedError), (503, UnavailableError)])
def test_the_status_within_counts(status: int, kind: type[PIBridgeError]) -> None:
    """A WebException in a 200 is the error that its own status means."""
    data = json.dumps({"WebException": {"Errors": ["no"], "StatusCode": status}}).encode()
    with pytest.raises(kind):
        Reader(Items[StreamItem])(data)


def test_a_list_of_streams_keeps_the_good_ones() -> None:
    """A failed stream in a list of streams says so itself, the list is read."""
    answer = Reader(Items[StreamValue])(
        b'{"Items":[{"WebId":"a","WebException":{"StatusCode":500}},{"WebId":"b","Value":{"Timestamp":"t","Value":1}}]}'
    )
    assert [item.problem() is None for item in answer.items] == [False, True]


def test_many_points_come_with_their_failures() -> None:
    """In an answer for many each has its object or the reason why not."""
    answer = Reader(Items[Found[Point]])(
        b'{"Items":[{"Identifier":"p","IdentifierType":"Path","Object":{"WebId":"w","Name":"a","Path":"p"}},'
        b'{"Identifier":"q","Exception":{"Errors":["not found"]}}]}'
    )
    good, bad = answer.items
    assert good.object is not None
    assert bad.exception is not None
    assert bad.exception.errors == ["not found"]


def test_a_batch_keeps_its_parts_as_they_are() -> None:
    """Each part of a batch has its own status and content."""
    parts = Reader(dict[str, BatchPart])(b'{"1":{"Status":200,"Headers":{},"Content":{"Items":[]}},"2":{"Status":404}}')
    assert (parts["1"].status, bytes(parts["1"].content), parts["2"].status) == (200, b'{"Items":[]}', 404)


def test_a_property_error_reads_as_a_sentence() -> None:
    """An error with and without a field name is one text."""
    assert str(PropertyError("Value", ["a", "b"])) == "Value: a; b"
    assert str(PropertyError(message="a")) == "a"
