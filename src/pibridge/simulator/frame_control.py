"""`/simulator/frames`: how tests and acceptance runs make, change and remove event frames, and learn of all."""

from enum import StrEnum
from typing import Any
from uuid import UUID

import msgspec
from aiohttp import web
from msgspec import UNSET, UnsetType
from msgspec.structs import asdict

from pibridge.model import ticks as clock_ticks
from pibridge.model.ticks import FOREVER
from pibridge.simulator import tree, webid
from pibridge.simulator.control import refused, time_asked_for
from pibridge.simulator.frames import Frame
from pibridge.simulator.plant import Plant
from pibridge.simulator.samples import NO_DATA
from pibridge.simulator.tree import Element


class FrameAction(StrEnum):
    """What is done to an event frame."""

    CREATE = "create"
    CHANGE = "change"
    CLOSE = "close"
    DELETE = "delete"
    RECREATE = "recreate"
    MERGE = "merge"


class FrameRequest(msgspec.Struct, forbid_unknown_fields=True):
    """What is to be done. Fields that are not given stay as they are, or have their defaults.

    `id`: of the frame; none for create. `into`: of the frame that this one is merged into. `parent`: for create.
    `start`, `end`: ISO 8601; an `end` of null is open. `elements`: AF paths, the primary one first.
    """

    action: FrameAction
    id: UUID | None = None
    into: UUID | None = None
    parent: UUID | None = None
    name: str | UnsetType = UNSET
    description: str | UnsetType = UNSET
    template: str | UnsetType = UNSET
    start: str | UnsetType = UNSET
    end: str | UnsetType | None = UNSET
    severity: str | UnsetType = UNSET
    elements: tuple[str, ...] | UnsetType = UNSET
    attributes: dict[str, Any] | UnsetType = UNSET
    categories: tuple[str, ...] | UnsetType = UNSET
    can_be_acknowledged: bool | UnsetType = UNSET
    acknowledged_by: str | UnsetType = UNSET


_WHICH = ("action", "id", "into", "parent")


class FrameControl:
    """The steering endpoints of event frames. `started_ticks`: since when truth is told if no start is asked for."""

    def __init__(self, plant: Plant, started_ticks: int) -> None:
        self._plant = plant
        self._started = started_ticks

    def register(self, app: web.Application) -> None:
        """Add the routes."""
        app.router.add_get("/simulator/frames", self.truth)
        app.router.add_post("/simulator/frames", self.edit)

    async def truth(self, request: web.Request) -> web.Response:
        """Answer JSON lines: every event frame that was open at some time from `start` to `end`, as it is now."""
        try:
            start = time_asked_for(request, "start", self._started)
            end = time_asked_for(request, "end", self._plant.clock())
        except ValueError as error:
            return refused(str(error))
        lines = (msgspec.json.encode(_told(frame)) + b"\n" for frame in self._plant.frames.between(start, end))
        return web.Response(body=b"".join(lines), content_type="application/x-ndjson")

    async def edit(self, request: web.Request) -> web.Response:
        """Make, change, close, remove, make anew or merge a frame; answers its id."""
        try:
            wanted = msgspec.json.decode(await request.read(), type=FrameRequest)
            frame_id = self._done(wanted)
        except (msgspec.DecodeError, ValueError, KeyError) as error:
            return refused(str(error.args[0]))
        return web.json_response({"id": str(frame_id)})

    def _done(self, wanted: FrameRequest) -> UUID:
        frames, fields = self._plant.frames, self._fields(wanted)
        if wanted.action is FrameAction.CREATE:
            if "name" not in fields:
                raise ValueError("a frame needs a `name`")
            return frames.create(**{"parent": wanted.parent, **fields})
        if wanted.id is None:
            raise ValueError(f"{wanted.action} needs the `id` of a frame")
        match wanted.action:
            case FrameAction.CLOSE:
                return frames.close(wanted.id, fields.get("end_ticks"))
            case FrameAction.DELETE:
                return frames.delete(wanted.id)
            case FrameAction.RECREATE:
                return frames.recreate(wanted.id)
            case FrameAction.MERGE:
                if wanted.into is None:
                    raise ValueError("merge needs `into`, the id of the other frame")
                return frames.merge(wanted.id, wanted.into)
            case _:
                return frames.change(wanted.id, **fields)

    def _fields(self, wanted: FrameRequest) -> dict[str, Any]:
        """Give what was said, as the fields of Frame."""
        fields = {name: value for name, value in asdict(wanted).items() if value is not UNSET and name not in _WHICH}
        if template := fields.get("template"):
            known = tree.TEMPLATES.get(template)
            if known is None or known.instance_type != "EventFrame":
                raise ValueError(f"there is no event frame template {template!r}")
        if "start" in fields:
            fields["start_ticks"] = clock_ticks.parse(fields.pop("start"))
        if "end" in fields:
            end = fields.pop("end")
            fields["end_ticks"] = FOREVER if end is None else clock_ticks.parse(end)
        if "elements" in fields:
            fields["elements"] = tuple(map(self._element, fields["elements"]))
        return fields

    def _element(self, path: str) -> Element:
        found = self._plant.find(webid.ELEMENT, path)
        if not isinstance(found, Element):
            raise KeyError(f"there is no element {path}")
        return found


def _told(frame: Frame) -> dict[str, Any]:
    values = {attribute.name: attribute.static for attribute in frame.attributes}
    return {
        "id": str(frame.id),
        "name": frame.name,
        "template": frame.template,
        "path": frame.path,
        "start": clock_ticks.render(frame.start_ticks),
        "end": None if frame.is_open else clock_ticks.render(frame.end_ticks),
        "parent": frame.parent and str(frame.parent),
        "elements": [element.path for element in frame.elements],
        "attributes": {name: None if value is NO_DATA else value for name, value in values.items()},
        "severity": frame.severity,
        "categories": list(frame.categories),
    }
