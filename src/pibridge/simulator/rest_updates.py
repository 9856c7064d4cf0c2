"""Stream updates over REST: streams are registered once, and what is new is asked for with markers."""

from collections.abc import Sequence
from typing import Any, Final
from urllib.parse import urlencode

from pibridge.simulator.call import Answer, Call, Route, bad_request, conflict, not_found
from pibridge.simulator.faults import Kind
from pibridge.simulator.objects import Renderer
from pibridge.simulator.reading import Stream
from pibridge.simulator.rest_streams import asked_for, below, stream_at
from pibridge.simulator.samples import as_json
from pibridge.simulator.updates import Cache, MarkerError, Registration, Told

_STATIC: Final = "The data reference of the attribute does not support this operation."
_NO_CACHE: Final = "Cache not found"
_BAD_MARKER: Final = "The specified marker is not valid."
_FAILED: Final = "The simulated signup failed."
_OVERFLOW: Final = "The queue of the signup has overflowed."
_SIGNUP_FAULTS: Final = {
    Kind.SIGNUP_UPDATED: "The signup was updated and any cached data could be invalid.",
    Kind.SIGNUP_REMOVED: "The signup was removed because it is no longer valid.",
}


def register_one(call: Call) -> Answer:
    """Register a point or an attribute."""
    (item,) = _register(call, [stream_at(call, call.ids[0])])
    return Answer({**item, "Links": {}}, headers={"Location": f"{call.base}/streams/updates/{_marker(item)}"})


def register_many(call: Call) -> Answer:
    """Register the streams of the `webId` parameters."""
    return _registered(call, asked_for(call))


def register_below(call: Call) -> Answer:
    """Register the attributes of an element or attribute that the filters let through."""
    return _registered(call, below(call, call.ids[0]))


def retrieve_one(call: Call) -> Any:
    """Give what is new since one marker. 404: nothing is registered. 409: not so, or no longer."""
    marker = call.ids[0]
    cache = _cache(call)
    if cache is None:
        raise not_found(_NO_CACHE)
    registration = cache.of_marker(marker)
    if registration is None:
        raise conflict(_BAD_MARKER)
    try:
        return {**_news(call, cache, registration, marker), "Links": {}}
    except MarkerError:
        raise conflict(_BAD_MARKER) from None


def retrieve_many(call: Call) -> Any:
    """Give what is new since each of the `marker` parameters, or an exception in its place."""
    markers = call.query.many("marker")
    if not markers:
        raise bad_request("At least one marker must be specified.")
    cache = _cache(call)
    if cache is None and call.settings.updates_lost == "status":
        raise not_found(_NO_CACHE)
    return {"Links": {}, "Items": [_item(call, cache, marker) for marker in markers]}


def _register(call: Call, streams: Sequence[Stream]) -> list[dict[str, Any]]:
    if any(stream.point is None for stream in streams):
        raise conflict(_STATIC)
    cache = _cache(call) or call.caches.make(call.user, call.now, call.faults.clock())
    renderer = Renderer(call)
    return [{**_source(renderer, stream), **_sign_up(call, cache, stream)} for stream in streams]


def _sign_up(call: Call, cache: Cache, stream: Stream) -> dict[str, Any]:
    if call.faults.stream_error(stream.path) or stream.point is None:
        return {"Status": "Failed", "Exception": {"Errors": [_FAILED]}}
    registration = cache.of_stream(stream)
    status = "AlreadyRegistered" if registration else "Succeeded"
    if registration is None:
        registration = Registration(stream, stream.point, call.plant, call.now, call.faults.clock())
        cache.add(registration)
    return {"LatestMarker": registration.marker, "Status": status}


def _registered(call: Call, streams: Sequence[Stream]) -> Answer:
    items = _register(call, streams)
    query = urlencode([("marker", _marker(item)) for item in items if _marker(item)])
    return Answer({"Links": {}, "Items": items}, headers={"Location": f"{call.base}/streamsets/updates?{query}"})


def _item(call: Call, cache: Cache | None, marker: str) -> dict[str, Any]:
    registration = cache.of_marker(marker) if cache else None
    if cache is None or registration is None:
        return _exception(_BAD_MARKER if cache else _NO_CACHE, marker)
    try:
        return _news(call, cache, registration, marker)
    except MarkerError:
        return {**_source(Renderer(call), registration.stream), **_exception(_BAD_MARKER, marker)}


def _news(call: Call, cache: Cache, registration: Registration, marker: str) -> dict[str, Any]:
    stream = registration.stream
    source = _source(Renderer(call), stream)
    settings = call.settings
    told = registration.since(marker, call.now, repeats=settings.old_markers == "repeat")
    error = _error(call, registration)
    if len(told) > settings.update_queue_events:
        told = told[: settings.update_queue_events]
        error = error or (_OVERFLOW if settings.update_overflow == "error" else "")
    if error:
        cache.remove(registration)
        return {**source, **_exception(error, marker)}
    return {
        **source,
        "RequestedMarker": marker,
        "LatestMarker": registration.marker,
        "Status": "Updated",
        "Events": call.faults.values(stream.path, [_event(call, stream, each) for each in told]),
    }


def _error(call: Call, registration: Registration) -> str:
    """Give the text of the fault that this stream meets, empty if none."""
    path = registration.stream.path
    since, registration.looked = registration.looked, call.faults.clock()
    struck = (text for kind, text in _SIGNUP_FAULTS.items() if call.faults.on_tag(kind, since, path))
    return next(struck, _FAILED if call.faults.stream_error(path) else "")


def _cache(call: Call) -> Cache | None:
    cache = call.caches.find(call.user, call.now)
    if cache is None:
        return None
    since, cache.looked = cache.looked, call.faults.clock()
    if call.faults.channel(Kind.LOST_REGISTRATIONS, since, call.path):
        call.caches.drop(call.user)
        return None
    return cache


def _source(renderer: Renderer, stream: Stream) -> dict[str, Any]:
    return {"Source": renderer.web_id(stream.owner.identity), "SourceName": stream.name, "SourcePath": stream.path}


def _event(call: Call, stream: Stream, told: Told) -> dict[str, Any]:
    value = as_json(stream.seen(told.sample), stream.unit)
    previous = told.previous if call.settings.previous_event_told else "None"
    return {"Action": told.action, "PreviousEventAction": previous, **value}


def _exception(text: str, marker: str) -> dict[str, Any]:
    # The status does not account for errors, on the real server neither.
    return {"RequestedMarker": marker, "Status": "Updated", "Exception": {"Errors": [text]}}


def _marker(item: dict[str, Any]) -> str:
    return str(item.get("LatestMarker", ""))


ROUTES: Final[list[Route]] = [
    ("POST", "/streams/{}/updates", register_one),
    ("POST", "/streamsets/updates", register_many),
    ("POST", "/streamsets/{}/updates", register_below),
    ("GET", "/streams/updates/{}", retrieve_one),
    ("GET", "/streamsets/updates", retrieve_many),
]
