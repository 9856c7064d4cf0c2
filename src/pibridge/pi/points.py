"""Finding PI points by name and by wildcard."""

from collections.abc import Sequence
from typing import Final

from pibridge.errors import RejectedError, UnavailableError
from pibridge.model.tag import Asset, Mode, Tag
from pibridge.pi.answers import readable
from pibridge.pi.client import PiClient
from pibridge.pi.paging import all_pages
from pibridge.pi.points_file import PointRow
from pibridge.pi.select_settings import is_pattern
from pibridge.pi.selected import Problem, Selection, span_of
from pibridge.pi.url_groups import url_groups
from pibridge.pi.webid import identity
from pibridge.pi.wire import DataServer, Found, Items, Point, Reader

_FIELDS: Final = ("WebId", "Name", "Path", "PointType", "EngineeringUnits", "Span", "WebException")
_FAILURES: Final = ("WebException", "Errors", "Message")
_FIELDS_OF_LIST: Final = ";".join([*(f"Items.{field}" for field in _FIELDS), "Links.Next", *_FAILURES])
_FIELDS_OF_FOUND: Final = ";".join(
    [*(f"Items.Object.{field}" for field in _FIELDS), "Items.Identifier", "Items.Exception.Errors", *_FAILURES]
)
_TEXTS: Final = frozenset({"string", "timestamp", "blob"})
_HINT: Final = "check the name, and that the account may read the point"

_read_points: Final = Reader(Items[Point])
_read_found: Final = Reader(Items[Found[Point]])
_read_server: Final = Reader(DataServer)


async def find_points(client: PiClient, rows: Sequence[PointRow], stream: str, mode: Mode) -> Selection:
    """Find the points of all rows. What is not found is a problem. Raises UnavailableError, UnauthorizedError.

    A wildcard that PI fails to answer, of a data server that is down, is a passing problem if anything else was found.
    """
    named = {row.path.upper(): row for row in reversed(rows) if not is_pattern(row.path)}
    tags: dict[str, Tag] = {}
    problems: list[Problem] = []

    def take(found: Sequence[Point] | Problem, row: PointRow) -> None:
        if isinstance(found, Problem):
            problems.append(found)
            return
        for point in found:
            tag = _tag(point, row, stream, mode)
            tags.setdefault(tag.key, tag)

    paths = [row.path for row in reversed(named.values())]
    for group in url_groups(paths, "path", client.url_bytes):
        for path, outcome in (await _by_name(client, group)).items():
            take(outcome if isinstance(outcome, Problem) else [outcome], named[path.upper()])
    servers: dict[str, str | Problem] = {}
    failures: list[UnavailableError] = []
    for row in rows:
        if not is_pattern(row.path):
            continue
        try:
            take(await _by_pattern(client, row.path, servers), row)
        except UnavailableError as error:
            failures.append(error)
            take(Problem(row.path, str(error), "it is looked for again soon", passing=True), row)
    if failures and not tags:
        raise failures[0]
    return Selection(list(tags.values()), problems)


async def _by_name(client: PiClient, paths: Sequence[str]) -> dict[str, Point | Problem]:
    params = [
        *(("path", path) for path in paths),
        ("asParallel", "true"),
        ("webIdType", "IDOnly"),
        ("selectedFields", _FIELDS_OF_FOUND),
    ]
    try:
        answer = await client.get("/points/multiple", params, _read_found)
    except RejectedError as error:
        if len(paths) == 1:
            return {paths[0]: Problem(paths[0], str(error), _HINT)}
        middle = len(paths) // 2
        return await _by_name(client, paths[:middle]) | await _by_name(client, paths[middle:])
    found = {item.identifier.upper(): item for item in answer.items}
    return {path: _outcome(path, found.get(path.upper())) for path in paths}


def _outcome(path: str, found: Found[Point] | None) -> Point | Problem:
    if found is None:
        return Problem(path, "PI left it out of its answer", "it is looked for again with the next refresh")
    if found.object is None:
        said = readable("; ".join(found.exception.errors)) if found.exception else ""
        return Problem(path, said or "PI knows no such point", _HINT)
    if problem := found.object.problem():
        return Problem(path, str(problem))
    return found.object


async def _by_pattern(client: PiClient, pattern: str, servers: dict[str, str | Problem]) -> list[Point] | Problem:
    """Find all points that match. `servers`: WebIDs of data servers that were asked for already."""
    server, _, name = pattern.removeprefix("\\\\").partition("\\")
    if server.upper() not in servers:
        servers[server.upper()] = await _server(client, server)
    web_id = servers[server.upper()]
    if isinstance(web_id, Problem):
        return Problem(pattern, web_id.reason, web_id.hint)
    params = [("nameFilter", name), ("webIdType", "IDOnly"), ("selectedFields", _FIELDS_OF_LIST)]
    try:
        points = await all_pages(client, f"/dataservers/{web_id}/points", params, _read_points)
    except RejectedError as error:
        return Problem(pattern, str(error))
    return points or Problem(
        pattern, "no point matches", "wildcards are * and ?; the account sees only what it may read"
    )


async def _server(client: PiClient, name: str) -> str | Problem:
    try:
        return (await client.get("/dataservers", [("name", name), ("webIdType", "IDOnly")], _read_server)).web_id
    except RejectedError as error:
        return Problem(name, f"no data server {name}: {error}", "check the name: it is that of the PI Data Archive")


def _tag(point: Point, row: PointRow, stream: str, mode: Mode) -> Tag:
    return Tag(
        stream=stream,
        mode=mode,
        name=row.tag or point.name,
        path=point.path,
        web_id=identity(point.web_id),
        unit=point.engineering_units,
        span=span_of(point.span),
        text=point.point_type.lower() in _TEXTS,
        asset=Asset(row.asset) if row.asset else None,
    )
