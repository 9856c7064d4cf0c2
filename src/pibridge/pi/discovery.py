"""What there is in a PI System: servers, points by source, databases, templates with what uses them."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from pibridge.errors import PIBridgeError
from pibridge.pi.client import Params, PiClient
from pibridge.pi.databases import is_of_frames, templates_of
from pibridge.pi.paging import all_pages
from pibridge.pi.webid import identity
from pibridge.pi.wire import Answer, AssetServer, DataServer, Element, ElementTemplate, Items, Reader

RECENT_DAYS: Final = 7
"""How far back event frames are counted."""
_MOST_POINTS: Final = 100_000
_MOST_ELEMENTS: Final = 100_000
_MOST_FRAMES: Final = 1_000
_MOST_SOURCES: Final = 20
_STORAGE: Final = "pibatch storage point"
"""How the descriptors of points begin in which an older batch database keeps itself."""


class _Listed(Answer, rename="pascal"):
    """As much of a point, an element or an event frame as is needed to count it."""

    web_id: str
    descriptor: str = ""
    template_name: str = ""
    ref_element_web_ids: tuple[str, ...] = ()


class _PointAttribute(Answer, rename="pascal"):
    name: str
    value: object = None


_read_data_servers: Final = Reader(Items[DataServer])
_read_asset_servers: Final = Reader(Items[AssetServer])
_read_databases: Final = Reader(Items[Element])
_read_listed: Final = Reader(Items[_Listed])
_read_attributes: Final = Reader(Items[_PointAttribute])


@dataclass(frozen=True)
class Count:
    """How many. `complete`: counted to the end; otherwise there are more."""

    number: int
    complete: bool = True

    def __str__(self) -> str:
        return str(self.number) if self.complete else f"more than {self.number}"


@dataclass(frozen=True)
class Points:
    """A Data Archive. `sources`: points by point source, the most frequent first. `problem`: why they are not known.

    `storage`: points in which an older batch database keeps itself; they are not among the others.
    """

    server: str
    is_connected: bool | None
    count: Count = Count(0)
    sources: Mapping[str, Count] = field(default_factory=dict)
    storage: int = 0
    problem: str = ""


@dataclass(frozen=True)
class Template:
    """A template. `count`: of elements that have it itself, or of recent event frames; None: PI did not tell.

    `on_elements`: of event frames, whether recent ones reference elements; None: there are none to tell.
    """

    name: str
    base: str = ""
    count: Count | None = None
    on_elements: bool | None = None


@dataclass(frozen=True)
class Database:
    """An AF database. `problem`: what could not be asked."""

    path: str
    element_templates: Sequence[Template] = ()
    frame_templates: Sequence[Template] = ()
    problem: str = ""


@dataclass(frozen=True)
class Assets:
    """An AF server. `problem`: why its databases are not known."""

    server: str
    is_connected: bool | None
    databases: Sequence[Database] = ()
    problem: str = ""


@dataclass(frozen=True)
class Discovery:
    """All that was found."""

    points: Sequence[Points]
    assets: Sequence[Assets]

    @property
    def databases(self) -> list[Database]:
        """All databases of all servers."""
        return [database for server in self.assets for database in server.databases]


async def discover(client: PiClient) -> Discovery:
    """Look at all servers. One that fails does not stop the others. Raises what `PiClient.get` raises for the lists."""
    data_servers = (await client.get("/dataservers", [("webIdType", "IDOnly")], _read_data_servers)).items
    asset_servers = (await client.get("/assetservers", [("webIdType", "IDOnly")], _read_asset_servers)).items
    return Discovery(
        [await _points(client, server) for server in data_servers],
        [await _assets(client, server) for server in asset_servers],
    )


async def _points(client: PiClient, server: DataServer) -> Points:
    path = f"/dataservers/{server.web_id}/points"
    try:
        listed = await _list(client, path, ("Descriptor",), [], _MOST_POINTS)
        storage = {key for key, each in listed.items() if each.descriptor.casefold().startswith(_STORAGE)}
        sources = await _sources(client, path, {key: each for key, each in listed.items() if key not in storage})
    except PIBridgeError as error:
        return Points(server.name, server.is_connected, problem=str(error))
    count = Count(len(listed) - len(storage), len(listed) < _MOST_POINTS)
    return Points(server.name, server.is_connected, count, sources, len(storage))


async def _sources(client: PiClient, path: str, points: Mapping[str, _Listed]) -> dict[str, Count]:
    """Ask one point for its source, then for all points of that source, then one of the others, and so on."""
    left = dict(points)
    sources: dict[str, Count] = {}
    while left and len(sources) < _MOST_SOURCES:
        key, point = next(iter(left.items()))
        answer = await client.get(f"/points/{point.web_id}/attributes", [("name", "pointsource")], _read_attributes)
        source = str(answer.items[0].value or "") if answer.items else ""
        same = await _list(client, path, (), [("sourceFilter", source)], _MOST_POINTS) if source else {}
        sources[source] = Count(len({key, *same} & left.keys()), len(same) < _MOST_POINTS)
        left = {other: listed for other, listed in left.items() if other != key and other not in same}
    return dict(sorted(sources.items(), key=lambda item: -item[1].number))


async def _assets(client: PiClient, server: AssetServer) -> Assets:
    try:
        params = [("webIdType", "IDOnly")]
        databases = await client.get(f"/assetservers/{server.web_id}/assetdatabases", params, _read_databases)
    except PIBridgeError as error:
        return Assets(server.name, server.is_connected, problem=str(error))
    return Assets(server.name, server.is_connected, [await _database(client, each) for each in databases.items])


async def _database(client: PiClient, database: Element) -> Database:
    path = f"/assetdatabases/{database.web_id}"
    try:
        templates = await templates_of(client, database)
        deep = [("searchFullHierarchy", "true")]
        elements = await _list(client, f"{path}/elements", ("TemplateName",), deep, _MOST_ELEMENTS)
    except PIBridgeError as error:
        return Database(database.path, problem=str(error))
    frames = [each for each in templates if is_of_frames(each)]
    problem = ""
    counted: list[Template] = []
    try:
        counted = [await _of_frames(client, path, each) for each in frames]
    except PIBridgeError as error:
        problem = str(error)
    users = Counter(each.template_name for each in elements.values())
    is_whole = len(elements) < _MOST_ELEMENTS
    return Database(
        database.path,
        [
            Template(each.name, each.base_template, Count(users[each.name], is_whole))
            for each in templates
            if not is_of_frames(each)
        ],
        counted or [Template(each.name, each.base_template) for each in frames],
        problem,
    )


async def _of_frames(client: PiClient, path: str, template: ElementTemplate) -> Template:
    """Count the recent frames of a template; those of derived ones, which come with them, are not its own."""
    recent = [("searchMode", "Overlapped"), ("startTime", f"*-{RECENT_DAYS}d"), ("endTime", "*")]
    params = [*recent, ("searchFullHierarchy", "true"), ("templateName", template.name)]
    frames = await _list(client, f"{path}/eventframes", ("TemplateName", "RefElementWebIds"), params, _MOST_FRAMES)
    own = [each for each in frames.values() if each.template_name == template.name]
    on_elements = any(each.ref_element_web_ids for each in own) if own else None
    return Template(template.name, template.base_template, Count(len(own), len(frames) < _MOST_FRAMES), on_elements)


async def _list(client: PiClient, path: str, fields: Sequence[str], params: Params, most: int) -> dict[str, _Listed]:
    """Give what a list holds, up to about `most`, by identity."""
    wanted = ";".join(
        [*(f"Items.{name}" for name in ("WebId", *fields)), "Links.Next", "WebException", "Errors", "Message"]
    )
    asked = [*params, ("webIdType", "IDOnly"), ("selectedFields", wanted)]
    return {identity(each.web_id): each for each in await all_pages(client, path, asked, _read_listed, most=most)}
