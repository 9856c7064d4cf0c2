"""PI Web API's JSON: bytes in, typed values out. Pure.

Every reader gives whole answers only: a WebException in a 200, a body that is cut off, and a page that is no JSON are
errors, never "no data". What is well-formed but unusual (bare NaN, booleans as texts, null for absent) is read as
meant.
"""

import json
import math
from typing import Any, Final, Generic, TypeVar

import msgspec
from msgspec import Struct

from pibridge.errors import PIBridgeError, UnavailableError
from pibridge.pi.answers import SERVER_ERROR, readable, refusal

T = TypeVar("T")


class WebException(Struct, rename="pascal"):
    """PI failed after it had said 200. `status_code`: what it meant to say."""

    errors: list[str] = []
    status_code: int = SERVER_ERROR


class PropertyError(Struct, rename="pascal"):
    """What is wrong with one field."""

    field_name: str = ""
    message: list[str] | str = ""

    def __str__(self) -> str:
        text = self.message if isinstance(self.message, str) else "; ".join(self.message)
        return f"{self.field_name}: {text}" if self.field_name else text


Errors = tuple[PropertyError | str, ...]


class TimedValue(Struct, rename="pascal", gc=False):
    """One value as PI sent it. `value` is any JSON; NaN and infinities are the texts NaN, Infinity, -Infinity."""

    timestamp: str
    value: Any = None
    units_abbreviation: str = ""
    good: bool = True
    questionable: bool = False
    substituted: bool = False
    annotated: bool = False
    errors: Errors = ()
    web_exception: WebException | None = None

    def error(self) -> str:
        """Give what PI said in place of a value, empty if it sent one."""
        if not self.errors and self.web_exception is None and not isinstance(self.value, dict):
            return ""  # nearly always
        return _error_text(self.errors, self.web_exception) or _errors_in(self.value)


class StreamItem(Struct, rename="pascal", gc=False):
    """Values of one stream, as channels and streamsets send them."""

    web_id: str
    items: list[TimedValue]
    name: str = ""
    path: str = ""
    units_abbreviation: str = ""
    errors: Errors = ()
    web_exception: WebException | None = None

    def problem(self) -> PIBridgeError | None:
        """Give why this stream could not be read, None if it could."""
        return _stream_problem(self)


class StreamValue(Struct, rename="pascal"):
    """The one value of a stream, as `streamsets/value` sends it. None: PI said errors instead."""

    web_id: str
    value: TimedValue | None = None
    name: str = ""
    path: str = ""
    errors: Errors = ()
    web_exception: WebException | None = None

    def problem(self) -> PIBridgeError | None:
        """Give why this stream could not be read, None if it could."""
        return _stream_problem(self)


class Answer(Struct, rename="pascal", kw_only=True):
    """What any answer, and any object in a list, can say instead of what was asked for."""

    web_exception: WebException | None = None
    errors: Errors = ()
    message: str = ""

    def problem(self) -> PIBridgeError | None:
        """Give why this is no answer, None if it is one."""
        if self.web_exception is not None:
            return refusal(self.web_exception.status_code, self.web_exception.errors)
        if said := _error_text(self.errors, None) or self.message:
            return UnavailableError(f"PI answered with an error in place of data: {readable(said)}")
        return None


class PageLinks(Struct, rename="pascal", frozen=True):
    """Where the pages around one are. `next`: empty behind the last page, and where there are no pages."""

    next: str = ""


class Items(Answer, Generic[T], rename="pascal"):
    """A list. An object with a WebException makes the whole list fail; streams are judged one by one."""

    items: list[T]
    links: PageLinks = PageLinks()

    def problem(self) -> PIBridgeError | None:
        """Give why this is no whole list, None if it is."""
        objects = (item for item in self.items if isinstance(item, Answer) and item.web_exception is not None)
        return Answer.problem(self) or next((item.problem() for item in objects), None)


class Point(Answer, rename="pascal"):
    """A PI point. `span`: of its range."""

    web_id: str
    name: str
    path: str
    descriptor: str = ""
    point_type: str = ""
    engineering_units: str = ""
    span: float = 0.0
    future: bool = False


class DataServer(Answer, rename="pascal"):
    """A PI Data Archive."""

    web_id: str
    name: str
    path: str = ""
    is_connected: bool | None = None


class AssetServer(DataServer, rename="pascal"):
    """A PI AF server."""


class Element(Answer, rename="pascal"):
    """An AF element, or a database (which has no template)."""

    web_id: str
    name: str
    path: str
    template_name: str = ""


class ElementTemplate(Answer, rename="pascal"):
    """An AF template of elements or event frames. `base_template`: what it is derived from."""

    name: str
    base_template: str = ""
    instance_type: str = ""


class Attribute(Answer, rename="pascal"):
    """An AF attribute. Without `data_reference_plug_in` it is static: it has a value but no history."""

    web_id: str
    name: str
    path: str
    type: str = ""
    default_units_name_abbreviation: str = ""
    data_reference_plug_in: str = ""
    category_names: list[str] = []
    span: float = 0.0
    has_children: bool = False


class Failure(Struct, rename="pascal"):
    """Why one of many failed."""

    errors: list[str] = []


class Found(Struct, Generic[T], rename="pascal"):
    """One of the objects asked for by `*/multiple`: it, or why not."""

    identifier: str = ""
    object: T | None = None
    exception: Failure | None = None


class BatchPart(Struct, rename="pascal"):
    """The answer to one request of a batch."""

    status: int
    content: msgspec.Raw = msgspec.Raw(b"")


class Home(Answer, rename="pascal"):
    """Where everything is."""

    links: dict[str, Any] = {}


class UserInfo(Answer, rename="pascal"):
    """Whom PI takes us for."""

    name: str = ""
    identity_type: str = ""
    is_authenticated: bool = False


class SystemLanding(Answer, rename="pascal"):
    """What the server is."""

    product_title: str = ""
    product_version: str = ""


class Reader(Generic[T]):
    """Reads one kind of answer. Calling it raises what the answer means if it is not a whole one."""

    def __init__(self, kind: type[T]) -> None:
        self._kind = kind
        self._decoder = msgspec.json.Decoder(kind)

    def __call__(self, data: bytes) -> T:
        """Decode. Raises UnavailableError for what is no whole answer, and what a WebException says."""
        try:
            answer = self._decoder.decode(data)
        except (msgspec.DecodeError, UnicodeDecodeError):
            answer = _read_unusual(data, self._kind)
        if isinstance(answer, Answer) and (problem := answer.problem()) is not None:
            raise problem
        return answer


class _Message(Answer, rename="pascal"):
    items: list[StreamItem] = []  # a heartbeat may come without


class _Refusal(Answer):
    """Any object, read for nothing but its errors."""


_message_decoder: Final = msgspec.json.Decoder(_Message)


def decode_channel(data: bytes) -> list[StreamItem]:
    """Decode one channel message; a heartbeat gives an empty list.

    A stream in it may have a `problem()`, a value an `error()`. Raises UnavailableError for a message that is
    not whole.
    """
    try:
        message = _message_decoder.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError):
        if not data.strip():
            return []
        message = _read_unusual(data, _Message)
    if (message.web_exception or message.errors or message.message) and (problem := message.problem()) is not None:
        raise problem
    return message.items


def _read_unusual(data: bytes, kind: type[T]) -> T:
    """Read what the strict decoder refused."""
    try:
        text = data.decode("utf-8-sig", errors="replace")
        parsed = json.loads(text, parse_constant=str, parse_float=_finite_or_text)
    except (ValueError, RecursionError) as error:
        what = "an HTML page" if data.lstrip()[:1] == b"<" else "a body that is cut off or no JSON"
        raise UnavailableError(f"PI answered with {what} ({len(data)} bytes) in place of data") from error
    tidy = _tidy(parsed)
    try:
        refused = msgspec.convert(tidy, _Refusal, strict=False).problem()
    except msgspec.ValidationError:
        refused = None
    if refused is not None:
        raise refused
    try:
        return msgspec.convert(tidy, kind, strict=False)
    except msgspec.ValidationError as error:
        raise UnavailableError(f"PI's answer has not the shape of PI Web API: {error}") from error


def _finite_or_text(number: str) -> float | str:
    value = float(number)
    if math.isinf(value):
        return "-Infinity" if value < 0 else "Infinity"
    return value


def _storable(parsed: Any) -> Any:
    """Leave a value as it is, but for halves of surrogate pairs, which no text can hold."""
    if isinstance(parsed, str):
        return parsed.encode(errors="replace").decode()
    if isinstance(parsed, list):
        return [_storable(item) for item in parsed]
    if isinstance(parsed, dict):
        return {_storable(key): _storable(item) for key, item in parsed.items()}
    return parsed


def _tidy(parsed: Any) -> Any:
    """Bring what PI Web API may write to what the structs expect, and leave values alone.

    Null counts as absent. A stream whose one value stands under `Value` (as the documentation of
    channels has it) or that has errors in place of items gets `Items`.
    """
    if isinstance(parsed, list):
        return [_tidy(item) for item in parsed]
    if not isinstance(parsed, dict):
        return _storable(parsed)
    tidy = {key: _tidy(item) for key, item in parsed.items() if item is not None}
    if "Timestamp" in parsed:
        tidy["Value"] = _storable(parsed.get("Value"))
    if "WebId" in tidy and "Items" not in tidy:
        value = tidy.get("Value")
        if isinstance(value, dict) and "Timestamp" in value:
            tidy["Items"] = [value]
        elif "Errors" in tidy or "WebException" in tidy:
            tidy["Items"] = []
    return tidy


def _stream_problem(stream: StreamItem | StreamValue) -> PIBridgeError | None:
    if stream.web_exception is not None:
        return refusal(stream.web_exception.status_code, stream.web_exception.errors, about=stream.path or stream.name)
    if stream.errors:
        said = readable(_error_text(stream.errors, None))
        return UnavailableError(f"PI has errors in place of the values of {stream.path or stream.name}: {said}")
    return None


def _error_text(errors: Errors, web_exception: WebException | None) -> str:
    texts = [str(error) for error in errors]
    if web_exception is not None:
        texts += web_exception.errors or [f"status {web_exception.status_code}"]
    return "; ".join(texts)


def _errors_in(value: Any) -> str:
    """Give the text of a value that is an object with the single property `Errors`."""
    if isinstance(value, dict) and value.keys() == {"Errors"}:
        errors = value["Errors"]
        return "; ".join(map(str, errors)) if isinstance(errors, list) else str(errors)
    return ""
