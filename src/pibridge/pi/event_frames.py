"""Event frames of an AF database: all of a time, and single ones again.

PI has no feed of them and no time of their last change: whoever follows them looks again and again.
"""

from collections.abc import Iterable, Sequence
from typing import Final

from msgspec import Struct

from pibridge.errors import RejectedError, TooMuchError, UnavailableError
from pibridge.model import ticks
from pibridge.pi.answers import NOT_FOUND
from pibridge.pi.client import Params, PiClient
from pibridge.pi.databases import database_at, is_of_frames, templates_of
from pibridge.pi.each import each
from pibridge.pi.frame_wire import EventFrame
from pibridge.pi.paging import all_pages
from pibridge.pi.selected import Problem
from pibridge.pi.templates import lineages, with_derived
from pibridge.pi.url_groups import url_groups
from pibridge.pi.webid import decode, identity
from pibridge.pi.wire import Element, ElementTemplate, Found, Items, Reader

_IDS: Final = ("webIdType", "IDOnly")
_FIELDS: Final = (
    "WebId",
    "Id",
    "Name",
    "Path",
    "TemplateName",
    "StartTime",
    "EndTime",
    "Severity",
    "CategoryNames",
    "RefElementWebIds",
    "AreValuesCaptured",
    "Links.Self",
    "Links.Parent",
    "Links.PrimaryReferencedElement",
    "WebException",
    "Errors",
)
_OF_LIST: Final = ";".join([*(f"Items.{name}" for name in _FIELDS), "Links.Next", "WebException", "Errors", "Message"])
_SELECTED: Final = (("selectedFields", _OF_LIST),)
_SORTED: Final = (("sortField", "StartTime"),)
_OPEN_YEAR: Final = "9999"

_read_frame: Final = Reader(EventFrame)
_read_frames: Final = Reader(Items[EventFrame])
_read_found: Final = Reader(Items[Found[EventFrame]])


class FoundFrame(Struct, frozen=True, kw_only=True):
    """An event frame without what takes further calls: paths of its elements, values of its attributes.

    WebIDs are in their IDOnly form. `lineage`: its template and those that it is derived from, in lower case, its own
    first. `end_ticks`: FOREVER while it is open. `parent_web_id`: empty at the root. `element_web_ids`: of the
    referenced elements, the primary one first.
    """

    id: str
    web_id: str
    name: str
    path: str
    template: str
    lineage: tuple[str, ...]
    start_ticks: int
    end_ticks: int
    severity: str
    categories: tuple[str, ...]
    parent_web_id: str
    element_web_ids: tuple[str, ...]
    are_values_captured: bool


async def find_database(client: PiClient, path: str) -> "FrameDatabase | Problem":
    r"""Find the database at `\\SERVER\DATABASE`. Raises UnavailableError and UnauthorizedError."""
    try:
        database = await database_at(client, path)
        return FrameDatabase(client, database, await templates_of(client, database))
    except RejectedError as error:
        return Problem(path, str(error), "check the path; what is new in AF can take 5 minutes to be seen")


class FrameDatabase:
    """The event frames of one database; made by `find_database`.

    Its calls raise what `PiClient.get` raises; then nothing was learned, least of all from what is absent.
    """

    def __init__(self, client: PiClient, database: Element, templates: Iterable[ElementTemplate]) -> None:
        self._client = client
        self._database = database
        self._take_templates(templates)
        self._order: Params = _SORTED
        self._selected: Params = _SELECTED

    def family(self, template: str) -> list[str]:
        """Give the event frame template of this name and those derived from it, as PI writes them; empty: none."""
        return with_derived(template, self._templates)

    async def refresh_templates(self) -> None:
        """Read the templates again."""
        self._take_templates(await templates_of(self._client, self._database))

    async def overlapping(self, start_ticks: int, end_ticks: int, templates: Sequence[str] | None) -> list[FoundFrame]:
        """Give all frames, at every depth, that were active between the two times. `templates`: None for any.

        A server may count derived templates or not: ask for the whole family.
        """
        period = [
            ("searchMode", "Overlapped"),
            ("startTime", ticks.render(start_ticks)),
            ("endTime", ticks.render(end_ticks)),
            ("searchFullHierarchy", "true"),
            _IDS,
        ]
        found: dict[str, EventFrame] = {}
        for template in [None] if templates is None else templates:
            wanted = [] if template is None else [("templateName", template)]
            found |= {frame.id: frame for frame in await self._list([*period, *wanted])}
        return await self._found(found.values())

    async def by_id(self, web_ids: Sequence[str]) -> dict[str, FoundFrame | None]:
        """Give frames by WebID as asked. None: it is gone. Left out: PI failed to tell of this one."""
        raw: dict[str, EventFrame] = {}
        gone: set[str] = set()
        for group in url_groups(web_ids, "webId", self._client.url_bytes):
            together = await self._together(group)
            raw |= {web_id: together[identity(web_id)] for web_id in group if identity(web_id) in together}
            alone = {web_id: (f"/eventframes/{web_id}", [_IDS]) for web_id in group if web_id not in raw}
            for web_id, outcome in (await each(self._client, alone, _read_frame)).items():
                if isinstance(outcome, EventFrame):
                    raw[web_id] = outcome
                elif isinstance(outcome, RejectedError) and outcome.status == NOT_FOUND:
                    gone.add(web_id)
        if gone:
            # Where the database cannot be found either, that says nothing of its frames.
            await database_at(self._client, self._database.path)
        frames = await self._found(raw.values())
        return dict.fromkeys(gone) | dict(zip(raw, frames, strict=True))

    async def _together(self, group: Sequence[str]) -> dict[str, EventFrame]:
        """Give by identity those that PI finds in one call."""
        params = [_IDS, *(("webId", web_id) for web_id in group)]
        try:
            answer = await self._client.get("/eventframes/multiple", params, _read_found)
        except RejectedError:
            return {}
        objects = (item.object for item in answer.items)
        return {identity(frame.web_id): frame for frame in objects if frame and not frame.problem()}

    async def _list(self, params: Params) -> list[EventFrame]:
        try:
            return await self._pages([*params, *self._order])
        except TooMuchError:
            raise
        except RejectedError:
            if not self._order:
                raise
        # Not every server sorts by time; one that then refuses all the same meant something else.
        frames = await self._pages(params)
        self._order = ()
        return frames

    async def _pages(self, params: Params) -> list[EventFrame]:
        path = f"/assetdatabases/{self._database.web_id}/eventframes"
        frames = await all_pages(self._client, path, [*params, *self._selected], _read_frames)
        if self._selected and not all(frame.links.self_ for frame in frames):
            # The choice of fields hides the links, and who is part of what stands nowhere else.
            self._selected = ()
            return await self._pages(params)
        return frames

    async def _found(self, frames: Iterable[EventFrame]) -> list[FoundFrame]:
        frames = list(frames)
        names = {frame.template_name.casefold() for frame in frames if frame.template_name}
        if names - self._lineages.keys():
            await self.refresh_templates()
            self._lineages |= {name: (name,) for name in names - self._lineages.keys()}
        return [_found(frame, self._lineages.get(frame.template_name.casefold(), ())) for frame in frames]

    def _take_templates(self, templates: Iterable[ElementTemplate]) -> None:
        self._templates = [template for template in templates if is_of_frames(template)]
        self._lineages = lineages(self._templates)


def _found(frame: EventFrame, lineage: tuple[str, ...]) -> FoundFrame:
    try:
        start_ticks = ticks.parse(frame.start_time)
        is_open = frame.end_time.startswith(_OPEN_YEAR)
        end_ticks = ticks.FOREVER if is_open else ticks.parse(frame.end_time)
    except ValueError as error:
        raise UnavailableError(
            f"PI sent event frame {frame.path or frame.id} with a time that is none: {error}"
        ) from error
    elements = [identity(web_id) for web_id in frame.ref_element_web_ids]
    primary = _linked(frame.links.primary_referenced_element, "elements")
    return FoundFrame(
        id=frame.id.lower(),
        web_id=identity(frame.web_id),
        name=frame.name,
        path=frame.path,
        template=frame.template_name,
        lineage=lineage,
        start_ticks=start_ticks,
        end_ticks=end_ticks,
        severity=frame.severity,
        categories=frame.category_names,
        parent_web_id=_linked(frame.links.parent, "eventframes"),
        element_web_ids=tuple(dict.fromkeys([primary, *elements] if primary in elements else elements)),
        are_values_captured=frame.are_values_captured,
    )


def _linked(link: str, folder: str) -> str:
    """Give the WebID at the end of a link to an object of this kind; empty if it is none, or names it by its path."""
    above, _, web_id = link.partition("?")[0].rpartition("/")
    try:
        return identity(web_id) if above.endswith(f"/{folder}") and decode(web_id).guids else ""
    except ValueError:
        return ""
