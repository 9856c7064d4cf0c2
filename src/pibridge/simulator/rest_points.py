"""Data servers, points, digital sets."""

from typing import Any, Final

from pibridge.simulator import points, search, times, webid
from pibridge.simulator.call import Answer, Call, Route, bad_request, not_found
from pibridge.simulator.objects import Renderer, by_path, many, matches, page, resolve
from pibridge.simulator.points import DigitalSet, Point
from pibridge.simulator.servers import ARCHIVE, DataServer

_SEARCH_MOST: Final = 1000
_SEARCH_SINCE: Final = (1, 17, 0, 200)


def data_servers(call: Call) -> dict[str, Any]:
    """Answer the list, or the one of that name or path."""
    name, path = call.query.text("name"), call.query.text("path")
    if name or path:
        return Renderer(call).data_server(by_path(call, webid.DATA_SERVER, path or rf"\\{name}", DataServer))
    return {"Links": {}, "Items": [Renderer(call).data_server(server) for server in call.plant.data_servers]}


def data_server(call: Call) -> dict[str, Any]:
    """Answer the server."""
    return Renderer(call).data_server(resolve(call, call.ids[0], DataServer))


def server_points(call: Call) -> dict[str, Any]:
    """Answer the server's points, by name and source."""
    server = resolve(call, call.ids[0], DataServer)
    name, source = call.query.text("nameFilter"), call.query.text("sourceFilter")
    found = [each for each in _points(call, server) if matches(each.name, name) and matches(each.source, source)]
    return page(call, sorted(found, key=lambda each: each.name.upper()), Renderer(call).point)


def point_by_path(call: Call) -> dict[str, Any]:
    """Answer the point at that path."""
    if not call.query.text("path"):
        raise bad_request("The parameter 'path' is required.")
    return Renderer(call).point(by_path(call, webid.POINT, call.query.text("path"), Point))


def point(call: Call) -> dict[str, Any]:
    """Answer the point of that WebID."""
    return Renderer(call).point(resolve(call, call.ids[0], Point))


def points_multiple(call: Call) -> Answer:
    """Answer many points, found or not."""
    return many(call, webid.POINT, Point, Renderer(call).point)


def point_attributes(call: Call) -> dict[str, Any]:
    """Answer the configuration of a point. 400 for a name it has not."""
    found = resolve(call, call.ids[0], Point)
    known = _configuration(found)
    wanted = [name.lower() for name in call.query.many("name")]
    if unknown := [name for name in wanted if name not in known]:
        raise bad_request(f"The point attribute '{unknown[0]}' could not be found.")
    pattern = call.query.text("nameFilter")
    at = Renderer(call).url("points", found.identity, "/attributes")
    items = [
        {"Name": name, "Value": value, "Links": {"Self": f"{at}/{name}"}}
        for name, value in known.items()
        if (not wanted or name in wanted) and matches(name, pattern)
    ]
    return {"Links": {}, "Items": items}


def point_search(call: Call) -> dict[str, Any]:
    """Answer a search among the points of a server, the default one if none is named. 400 above 1000 a page.

    404 on servers that do not have it yet.
    """
    if tuple(map(int, call.settings.version.split("."))) < _SEARCH_SINCE:
        raise not_found("No HTTP resource was found that matches the request URI.")
    if call.query.whole("maxCount", _SEARCH_MOST) > _SEARCH_MOST:
        raise bad_request(f"Parameter 'maxCount' is greater than the maximum allowed ({_SEARCH_MOST}).")
    asked = call.query.text("dataServerWebId")
    server = resolve(call, asked, DataServer) if asked else ARCHIVE
    groups = search.parse(call.query.text("query"), "tag")

    def fits(each: Point) -> bool:
        configuration = {**_configuration(each), "name": each.name}
        return search.holds(groups, lambda key: [str(configuration[key])] if key in configuration else [])

    return page(call, filter(fits, _points(call, server)), Renderer(call).point)


def digital_sets(call: Call) -> dict[str, Any]:
    """Answer the digital state sets."""
    found = points.digital_sets(resolve(call, call.ids[0], DataServer))
    return {"Links": {}, "Items": [Renderer(call).digital_set(each) for each in found]}


def digital_states(call: Call) -> dict[str, Any]:
    """Answer the states of a set."""
    states = resolve(call, call.ids[0], DigitalSet).states
    return {"Links": {}, "Items": [{"Name": name, "Value": code, "Description": ""} for code, name in states.items()]}


def _points(call: Call, server: DataServer) -> list[Point]:
    return [each for each in call.plant.points.values() if each.server is server]


def _configuration(found: Point) -> dict[str, Any]:
    return {
        "tag": found.name,
        "descriptor": found.descriptor,
        "pointtype": found.type,
        "pointsource": found.source,
        "pointid": found.id,
        "engunits": found.unit,
        "digitalset": found.digital_set,
        "zero": found.zero,
        "span": found.span,
        "typicalvalue": found.zero + found.span / 2,
        "step": int(found.step),
        "future": int(found.future),
        "archiving": 1,
        "scan": 1,
        "shutdown": 0,
        "compressing": int(found.deviation > 0),
        "compdev": found.deviation,
        "compdevpercent": found.deviation / found.span * 100,
        "compmin": 0,
        "compmax": 28800,
        "excdev": 0.0,
        "excmin": 0,
        "excmax": 600,
        "exdesc": "",
        "instrumenttag": "",
        "creationdate": times.text(found.created_ticks),
        "changedate": times.text(found.created_ticks),
        **{f"location{number}": 0 for number in range(1, 6)},
    }


ROUTES: Final[list[Route]] = [
    ("GET", "/dataservers", data_servers),
    ("GET", "/dataservers/{}", data_server),
    ("GET", "/dataservers/{}/points", server_points),
    ("GET", "/dataservers/{}/enumerationsets", digital_sets),
    ("GET", "/enumerationsets/{}/enumerationvalues", digital_states),
    ("GET", "/points", point_by_path),
    ("GET", "/points/multiple", points_multiple),
    ("GET", "/points/search", point_search),
    ("GET", "/points/{}", point),
    ("GET", "/points/{}/attributes", point_attributes),
]
