"""Event frames: finding them, their attributes, their elements."""

from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import Any, Final

from pibridge.model.ticks import FOREVER
from pibridge.simulator import search, times, webid
from pibridge.simulator.call import Answer, Call, Route, bad_request
from pibridge.simulator.frame_search import MODES, SORT_FIELDS, Search
from pibridge.simulator.frames import Frame, Kind, Wanted
from pibridge.simulator.objects import Renderer, by_path, many, matches, page, resolve
from pibridge.simulator.rest_assets import any_of, attributes_of, database_asked_for
from pibridge.simulator.rest_streams import moment
from pibridge.simulator.tree import PLANT, Database, Element, lineage

Frames = Callable[[int, int, Wanted], Iterable[Frame]]
"""Gives the frames that are searched: those that were open in a range of ticks."""


def database_frames(call: Call) -> dict[str, Any]:
    """Answer the event frames of the database: those at the root, or all with searchFullHierarchy."""
    database = resolve(call, call.ids[0], Database)
    everywhere = call.query.flag("searchFullHierarchy")

    def of_database(low: int, high: int, wanted: Wanted) -> Iterator[Frame]:
        found = call.plant.frames.between(low, high, lambda kind: (kind.is_root or everywhere) and wanted(kind))
        return (frame for frame in found if everywhere or frame.parent is None)

    return _found(call, of_database if database.name == PLANT else lambda *_: ())


def element_frames(call: Call) -> dict[str, Any]:
    """Answer the event frames that reference the element, at every depth."""
    element = resolve(call, call.ids[0], Element)

    def of_element(low: int, high: int, wanted: Wanted) -> Iterator[Frame]:
        return (frame for frame in call.plant.frames.between(low, high, wanted) if element in frame.elements)

    return _found(call, of_element)


def frame_frames(call: Call) -> dict[str, Any]:
    """Answer the event frames that are part of one: directly, or at every depth with searchFullHierarchy."""
    parent = resolve(call, call.ids[0], Frame)
    children = _below(call, parent) if call.query.flag("searchFullHierarchy") else call.plant.frames.below(parent)
    return _found(call, lambda *_: children)


def frame_search(call: Call) -> dict[str, Any]:
    """Answer an AFSearch for event frames, of all times unless it says which."""
    database = database_asked_for(call)
    groups = search.parse(call.query.text("query"), "name")
    of_template = [[term for term in group if term[0] == "template"] for group in groups]

    def worth_making(kind: Kind) -> bool:
        return search.holds(of_template, lambda _: list(lineage(kind.template)))

    measures = dict.fromkeys(("start", "end"), partial(moment, call))
    frames = call.plant.frames.between(0, FOREVER, worth_making) if database.name == PLANT else ()
    found = (frame for frame in frames if search.holds(groups, partial(_terms, frame), measures))
    return page(call, sorted(found, key=lambda frame: (frame.name.upper(), frame.start_ticks)), Renderer(call).frame)


def frame(call: Call) -> dict[str, Any]:
    """Answer the event frame."""
    return Renderer(call).frame(resolve(call, call.ids[0], Frame))


def frame_by_path(call: Call) -> dict[str, Any]:
    """Answer the event frame at that path."""
    return Renderer(call).frame(by_path(call, webid.EVENT_FRAME, call.query.text("path"), Frame))


def frames_multiple(call: Call) -> Answer:
    """Answer many event frames, found or not."""
    return many(call, webid.EVENT_FRAME, Frame, Renderer(call).frame)


def frame_attributes(call: Call) -> dict[str, Any]:
    """Answer the attributes of an event frame."""
    return attributes_of(call, resolve(call, call.ids[0], Frame))


def referenced_elements(call: Call) -> dict[str, Any]:
    """Answer the elements that an event frame references, the primary one first."""
    elements = resolve(call, call.ids[0], Frame).elements
    return {"Links": {}, "Items": [Renderer(call).element(element) for element in elements]}


def annotations(call: Call) -> dict[str, Any]:
    """Answer that nobody has annotated it."""
    resolve(call, call.ids[0], Frame)
    return {"Links": {}, "Items": []}


def _found(call: Call, frames: Frames) -> dict[str, Any]:
    """Answer the frames that the search of the request finds among these."""
    wanted = _search(call)
    field, descending = _sorting(call)
    template = call.query.text("templateName")

    candidates = frames(wanted.low, wanted.high, lambda kind: _is_of(call, kind.template, template))
    found = (frame for frame in candidates if wanted.finds(frame) and _passes(call, frame))
    return page(call, wanted.ordered(found, field, descending=descending), Renderer(call).frame)


def _search(call: Call) -> Search:
    query = call.query
    name = query.text("searchMode", "Overlapped")
    mode = MODES.get(name.lower())
    if mode is None:
        raise bad_request(f"The search mode '{name}' is not valid.")
    if mode.is_directed and (given := [each for each in ("endTime", "sortField", "sortOrder") if query.has(each)]):
        raise bad_request(f"The parameter '{given[0]}' cannot be used with the search mode '{mode}'.")
    wanted = Search(mode, moment(call, query.text("startTime", "*-8h")), moment(call, query.text("endTime", "*")))
    if not mode.is_directed and wanted.start > wanted.end:
        raise bad_request("The parameter 'startTime' must be less than or equal to 'endTime'.")
    return wanted


def _sorting(call: Call) -> tuple[str, bool]:
    field, order = call.query.text("sortField", "Name"), call.query.text("sortOrder", "Ascending")
    known = SORT_FIELDS if call.settings.frame_sort_fields == "all" else ("name",)
    if field.lower() not in known:
        raise bad_request(f"The sort field '{field}' is not supported.")
    if order.lower() not in ("ascending", "descending"):
        raise bad_request(f"The sort order '{order}' is not valid.")
    return field.lower(), order.lower() == "descending"


def _passes(call: Call, frame: Frame) -> bool:
    query = call.query
    severities = [name.lower() for name in query.many("severity")]
    elements, of_element = query.text("referencedElementNameFilter"), query.text("referencedElementTemplateName")
    return (
        _is_of(call, frame.template, query.text("templateName"))
        and matches(frame.name, query.text("nameFilter"))
        and any_of(frame.categories, query.text("categoryName"))
        and (not severities or frame.severity.lower() in severities)
        and (not elements or any(matches(each.name, elements) for each in frame.elements))
        and (not of_element or any(any_of(lineage(each.template), of_element) for each in frame.elements))
        and _is(query.text("canBeAcknowledged"), frame.can_be_acknowledged)
        and _is(query.text("isAcknowledged"), bool(frame.acknowledged_by))
    )


def _is_of(call: Call, template: str, wanted: str) -> bool:
    return any_of(lineage(template) if call.settings.derived_frames else (template,), wanted)


def _is(wanted: str, flag: bool) -> bool:  # noqa: FBT001 - what is compared
    return not wanted or (wanted.lower() == "true") is flag


def _below(call: Call, parent: Frame) -> Iterator[Frame]:
    for child in call.plant.frames.below(parent):
        yield child
        yield from _below(call, child)


def _terms(found: Frame, key: str) -> list[str]:
    terms: dict[str, list[str]] = {
        "name": [found.name],
        "description": [found.description],
        "category": list(found.categories),
        "template": list(lineage(found.template)),
        "severity": [found.severity],
        "element": [each.name for each in found.elements],
        "elementname": [each.name for each in found.elements],
        "inprogress": [str(found.is_open)],
        "isacknowledged": [str(bool(found.acknowledged_by))],
        "canbeacknowledged": [str(found.can_be_acknowledged)],
        "id": [str(found.id)],
        "start": [times.text(found.start_ticks)],
        "end": [times.text(found.end_ticks)],
    }
    if key not in terms:
        raise bad_request(f"The search filter '{key}' is not supported.")
    return terms[key]


ROUTES: Final[list[Route]] = [
    ("GET", "/assetdatabases/{}/eventframes", database_frames),
    ("GET", "/elements/{}/eventframes", element_frames),
    ("GET", "/eventframes", frame_by_path),
    ("GET", "/eventframes/multiple", frames_multiple),
    ("GET", "/eventframes/search", frame_search),
    ("GET", "/eventframes/{}", frame),
    ("GET", "/eventframes/{}/eventframes", frame_frames),
    ("GET", "/eventframes/{}/attributes", frame_attributes),
    ("GET", "/eventframes/{}/referencedelements", referenced_elements),
    ("GET", "/eventframes/{}/annotations", annotations),
]
