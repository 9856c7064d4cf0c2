"""Streams and stream sets: values of one attribute or point, or of many."""

from collections.abc import Callable, Iterable
from datetime import UTC, tzinfo
from typing import Any, Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pibridge.simulator import times
from pibridge.simulator.call import Call, Handler, Refused, Route, bad_request, conflict, not_found
from pibridge.simulator.frames import Frame
from pibridge.simulator.objects import Renderer, most
from pibridge.simulator.points import Point
from pibridge.simulator.reading import Boundary, Range, Reader, StaticError, Stream, stream_of
from pibridge.simulator.rest_assets import selected
from pibridge.simulator.samples import as_json
from pibridge.simulator.tree import Attribute, Element

Read = Callable[[Call, Stream], Any]
"""Reads one stream: a list of values, or one value."""

_MODES: Final = ("Auto", "AtOrBefore", "Before", "AtOrAfter", "After", "Exact")
_SUMMARY_TYPES: Final = ("Total", "Average", "Minimum", "Maximum", "Range", "StdDev", "Count", "PercentGood")
_STATIC: Final = "The data reference of the attribute does not support this operation."


def value(call: Call, stream: Stream) -> Any:
    """Read the current value, or the one at `time`."""
    reader = Reader(call.plant, call.now)
    if not call.query.text("time"):
        return _json(call, stream, [reader.current(stream)])[0]
    return _json(call, stream, [reader.at(stream, moment(call, call.query.text("time")))])[0]


def end(call: Call, stream: Stream) -> Any:
    """Read the end-of-stream value."""
    return _json(call, stream, [Reader(call.plant, call.now).end(stream)])[0]


def recorded(call: Call, stream: Stream) -> Any:
    """Read the archive."""
    _no_filter(call)
    name = call.query.text("boundaryType", "Inside")
    try:
        boundary = Boundary(name.capitalize())
    except ValueError:
        raise bad_request(f"The boundary type '{name}' is not valid.") from None
    count = most(call)
    low, high = _ends(call)
    reader = Reader(call.plant, call.now)
    samples = reader.recorded(stream, Range(low, high, count, boundary))
    if not call.settings.recorded_has_snapshot:
        present = reader.current(stream)
        samples = [sample for sample in samples if sample != present]
    return _json(call, stream, samples)


def recorded_at_time(call: Call, stream: Stream) -> Any:
    """Read the archived value at or near one time."""
    return _nearest(call, stream, _times(call)[:1])[0]


def recorded_at_times(call: Call, stream: Stream) -> Any:
    """Read the archived values at or near some times."""
    return _nearest(call, stream, _times(call))


def interpolated(call: Call, stream: Stream) -> Any:
    """Read at even times."""
    _no_filter(call)
    _check_history(stream)
    low, high = _ends(call)
    step = _interval(call.query.text("interval", "1h"))
    if abs(high - low) // step >= call.settings.max_items_per_call:
        raise _too_many(call)
    reader = Reader(call.plant, call.now)
    if call.query.text("syncTime"):
        origin = moment(call, call.query.text("syncTime"))
        low = origin - (origin - low) // step * step
    marks = range(low, high + 1, step) if high >= low else range(low, high - 1, -step)
    return _json(call, stream, (reader.at(stream, at) for at in marks))


def interpolated_at_times(call: Call, stream: Stream) -> Any:
    """Read between the archived values, at some times."""
    _no_filter(call)
    _check_history(stream)
    reader = Reader(call.plant, call.now)
    return _json(call, stream, (reader.at(stream, at) for at in _times(call)))


def plot(call: Call, stream: Stream) -> Any:
    """Read what a trend of so many pixels shows."""
    low, high = _ends(call)
    found = Reader(call.plant, call.now).plot(stream, Range(low, high), call.query.whole("intervals", 24))
    return _json(call, stream, found)


def summary(call: Call, stream: Stream) -> Any:
    """Read summaries of the range, or of its parts of `summaryDuration`."""
    _check_history(stream)
    low, high = _ends(call)
    asked = call.query.many("summaryType") or ["Total"]
    kinds = _SUMMARY_TYPES if "All" in asked else asked
    if unknown := [kind for kind in kinds if kind not in _SUMMARY_TYPES]:
        raise bad_request(f"The summary type '{unknown[0]}' is not valid.")
    duration = call.query.text("summaryDuration")
    step = _interval(duration) if duration else max(high - low, 1)
    reader = Reader(call.plant, call.now)
    return [
        {"Type": kind, "Value": as_json(reader.summary(stream, Range(at, min(at + step, high)), kind), stream.unit)}
        for kind in kinds
        for at in range(low, max(high, low + 1), step)
    ]


def single(read: Read) -> Handler:
    """Give the handler of `/streams/{webId}/…`."""

    def handle(call: Call) -> Any:
        stream = stream_at(call, call.ids[0])
        try:
            body = read(call, stream)
        except StaticError:
            raise conflict(_STATIC) from None
        if isinstance(body, dict):
            return body
        _check_total(call, len(body))
        return {"Links": {}, "Items": body, "UnitsAbbreviation": stream.unit}

    return handle


def ad_hoc(read: Read) -> Handler:
    """Give the handler of `/streamsets/…?webId=`."""
    return lambda call: _set(call, read, asked_for(call))


def of_parent(read: Read) -> Handler:
    """Give the handler of `/streamsets/{webId}/…`."""
    return lambda call: _set(call, read, below(call, call.ids[0]))


def stream_at(call: Call, web_id: str) -> Stream:
    """Give the stream of a point's or an attribute's WebID. Refused with 400 or 404."""
    return stream_of(_owner(call, web_id))


def asked_for(call: Call) -> list[Stream]:
    """Give the streams of the `webId` parameters. One unknown or twice: refused for all with 404."""
    owners = [_owner(call, web_id) for web_id in call.query.many("webId")]
    if not owners:
        raise bad_request("At least one webId must be specified.")
    if len({owner.identity for owner in owners}) < len(owners):
        raise not_found("The same Web ID was specified more than once.")
    return [stream_of(owner) for owner in owners]


def below(call: Call, web_id: str) -> list[Stream]:
    """Give the streams of the attributes below an element, event frame or attribute that the filters let through."""
    try:
        parent = call.plant.resolve(web_id)
    except ValueError as error:
        raise bad_request("The specified Web ID is not valid.") from error
    if not isinstance(parent, Element | Frame | Attribute):
        raise not_found("The specified object could not be found.")
    return [stream_of(attribute) for attribute in selected(call, parent)]


def head(renderer: Renderer, stream: Stream) -> dict[str, Any]:
    """Give how a stream of a set names itself."""
    folder = "points" if isinstance(stream.owner, Point) else "attributes"
    identity = stream.owner.identity
    return {
        "WebId": renderer.web_id(identity),
        "Name": stream.name,
        "Path": stream.path,
        "Links": {"Source": renderer.url(folder, identity)},
    }


def moment(call: Call, text: str) -> int:
    """Give the ticks of a time string. 400 if it is none."""
    try:
        return times.parse(text, call.now, _zone(call))
    except ValueError:
        raise bad_request(f"The specified time '{text}' is not valid.") from None


def _owner(call: Call, web_id: str) -> Point | Attribute:
    try:
        found = call.plant.resolve(web_id)
    except ValueError as error:
        raise bad_request(f"The specified Web ID '{web_id[:80]}' is not valid.") from error
    if isinstance(found, Point | Attribute):
        return found
    raise not_found("The specified object could not be found.")


def _set(call: Call, read: Read, streams: list[Stream]) -> Any:
    renderer = Renderer(call)
    items, total = [], 0
    left = most(call)
    for stream in streams:
        item = head(renderer, stream)
        if call.faults.stream_error(stream.path):
            items.append({**item, "Errors": [{"FieldName": "Items", "Message": ["The simulated stream failed."]}]})
            continue
        try:
            body = read(call, stream)
        except StaticError:
            items.append({**item, "Items": [], "Errors": [{"FieldName": "Items", "Message": [_STATIC]}]})
            continue
        if isinstance(body, dict):
            items.append({**item, "Value": body})
            continue
        if read is recorded and call.settings.max_count_scope == "total":
            body = body[:left]
            left -= len(body)
        total += len(body)
        _check_total(call, total)
        items.append({**item, "UnitsAbbreviation": stream.unit, "Items": body})
    return {"Links": {}, "Items": items}


def _json(call: Call, stream: Stream, samples: Iterable[Any]) -> list[dict[str, Any]]:
    return call.faults.values(stream.path, [as_json(sample, stream.unit) for sample in samples])


def _nearest(call: Call, stream: Stream, moments: list[int]) -> list[dict[str, Any]]:
    mode = call.query.text("retrievalMode", "Auto")
    if mode not in _MODES:
        raise bad_request(f"The retrieval mode '{mode}' is not valid.")
    reader = Reader(call.plant, call.now)
    found = [reader.nearest(stream, at, mode) for at in moments]
    if None in found:
        raise not_found("No value was found at the specified time.")
    return _json(call, stream, [sample for sample in found if sample])


def _times(call: Call) -> list[int]:
    texts = call.query.many("time")
    if not texts:
        raise bad_request("The parameter 'time' is required.")
    return [moment(call, text) for text in texts]


def _ends(call: Call) -> tuple[int, int]:
    return moment(call, call.query.text("startTime", "*-1d")), moment(call, call.query.text("endTime", "*"))


def _interval(text: str) -> int:
    try:
        step = times.parse_interval(text)
    except ValueError:
        step = 0
    if step <= 0:
        raise bad_request(f"The specified time interval '{text}' is not valid.")
    return step


def _zone(call: Call) -> tzinfo:
    name = call.query.text("timeZone")
    if not name:
        return UTC
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError):
        raise bad_request(f"The specified time zone '{name}' is not valid.") from None


def _check_history(stream: Stream) -> None:
    if stream.point is None:
        raise StaticError(stream.path)


def _no_filter(call: Call) -> None:
    if call.query.text("filterExpression"):
        raise conflict("The filter expression is not supported.")


def _too_many(call: Call) -> Refused:
    limit = call.settings.max_items_per_call
    return bad_request(f"The number of values requested is greater than the maximum allowed ({limit}).")


def _check_total(call: Call, count: int) -> None:
    if count > call.settings.max_items_per_call:
        raise _too_many(call)


_READS: Final[dict[str, Read]] = {
    "value": value,
    "end": end,
    "recorded": recorded,
    "recordedattime": recorded_at_time,
    "recordedattimes": recorded_at_times,
    "interpolated": interpolated,
    "interpolatedattimes": interpolated_at_times,
    "plot": plot,
    "summary": summary,
}
ROUTES: Final[list[Route]] = [
    route
    for name, read in _READS.items()
    for route in (
        ("GET", f"/streams/{{}}/{name}", single(read)),
        ("GET", f"/streamsets/{name}", ad_hoc(read)),
        ("GET", f"/streamsets/{{}}/{name}", of_parent(read)),
    )
]
