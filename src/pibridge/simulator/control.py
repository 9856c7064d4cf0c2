"""`/simulator/…`: how tests and acceptance runs steer a simulator in another process, outside the simulated API."""

from collections.abc import AsyncIterator
from http import HTTPStatus
from typing import Any

import msgspec
from aiohttp import web

from pibridge.errors import PIBridgeError
from pibridge.model import ticks as clock_ticks
from pibridge.simulator.edits import Action
from pibridge.simulator.faults import Faults
from pibridge.simulator.plant import Plant
from pibridge.simulator.samples import Sample


class EditRequest(msgspec.Struct):
    """A change: `action` insert, replace or delete; `tag` a name or path; `ts` ISO 8601; `value` JSON."""

    action: Action
    tag: str
    ts: str
    value: Any = None


class Control:
    """The steering endpoints. `started_ticks`: since when truth is told unless another start is asked for."""

    def __init__(self, plant: Plant, faults: Faults, started_ticks: int) -> None:
        self._plant = plant
        self._faults = faults
        self._started = started_ticks

    def register(self, app: web.Application) -> None:
        """Add the routes."""
        app.router.add_get("/simulator/truth", self.truth)
        app.router.add_get("/simulator/faults", self.faults)
        app.router.add_post("/simulator/faults", self.add_faults)
        app.router.add_delete("/simulator/faults", self.clear_faults)
        app.router.add_delete(r"/simulator/faults/{number:\d+}", self.remove_fault)
        app.router.add_post("/simulator/edits", self.edit)

    async def truth(self, request: web.Request) -> web.StreamResponse:
        """Answer JSON lines: every snapshot from `start` to `end`, of all points or those whose path holds `tag`."""
        try:
            start = time_asked_for(request, "start", self._started)
            end = time_asked_for(request, "end", self._plant.clock())
        except ValueError as error:
            return refused(str(error))
        response = web.StreamResponse(headers={"Content-Type": "application/x-ndjson"})
        await response.prepare(request)
        async for lines in self._lines(request.query.get("tag", ""), start, end):
            await response.write(lines)
        await response.write_eof()
        return response

    async def _lines(self, tag: str, start: int, end: int) -> AsyncIterator[bytes]:
        for point in self._plant.points.values():
            if tag.lower() in point.path.lower():
                yield b"".join(
                    msgspec.json.encode(
                        {
                            "tag": point.name,
                            "path": point.path,
                            "ts": clock_ticks.render(sample.ticks),
                            "value": sample.value,
                            "good": sample.good,
                            "substituted": sample.substituted,
                        }
                    )
                    + b"\n"
                    for sample in self._plant.snapshots(point, start, end)
                )

    async def faults(self, request: web.Request) -> web.Response:
        """Answer the faults in force."""
        del request
        listed = [{"id": each.number, "fault": each.text, "acted": each.acted} for each in self._faults.listed()]
        return web.json_response(listed)

    async def add_faults(self, request: web.Request) -> web.Response:
        """Take on faults, one a line."""
        lines = [line for line in (await request.text()).splitlines() if line.strip()]
        try:
            added = [self._faults.add(line) for line in lines]
        except PIBridgeError as error:
            return refused(str(error))
        return web.json_response([fault.number for fault in added], status=HTTPStatus.CREATED)

    async def clear_faults(self, request: web.Request) -> web.Response:
        """Take all faults away."""
        del request
        self._faults.clear()
        return web.Response(status=HTTPStatus.NO_CONTENT)

    async def remove_fault(self, request: web.Request) -> web.Response:
        """Take one fault away."""
        known = self._faults.remove(int(request.match_info["number"]))
        return web.Response(status=HTTPStatus.NO_CONTENT if known else HTTPStatus.NOT_FOUND)

    async def edit(self, request: web.Request) -> web.Response:
        """Insert, replace or delete a value."""
        try:
            wanted = msgspec.json.decode(await request.read(), type=EditRequest)
            at = clock_ticks.parse(wanted.ts)
            if wanted.action is Action.INSERT:
                self._plant.insert(wanted.tag, Sample(at, wanted.value))
            elif wanted.action is Action.REPLACE:
                self._plant.replace(wanted.tag, at, wanted.value)
            else:
                self._plant.delete(wanted.tag, at)
        except (msgspec.DecodeError, ValueError, KeyError) as error:
            return refused(str(error))
        return web.Response(status=HTTPStatus.NO_CONTENT)


def time_asked_for(request: web.Request, name: str, default: int) -> int:
    """Give the ticks of a parameter in ISO 8601. ValueError if it is none."""
    return clock_ticks.parse(request.query[name]) if name in request.query else default


def refused(text: str) -> web.Response:
    """Give a 400 with the reason."""
    return web.json_response({"Errors": [text]}, status=HTTPStatus.BAD_REQUEST)
