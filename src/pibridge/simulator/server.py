"""The simulated PI Web API on a socket."""

import asyncio
import contextlib
import socket
import ssl
from dataclasses import replace
from email.utils import formatdate
from http import HTTPStatus
from inspect import isawaitable
from itertools import chain
from types import TracebackType
from typing import Final, Self
from urllib.parse import urlsplit

import structlog
from aiohttp import web
from aiohttp.web import ContentCoding

from pibridge.errors import UnavailableError
from pibridge.model.ticks import PER_SECOND
from pibridge.simulator import (
    batch,
    fields,
    rest_assets,
    rest_frames,
    rest_points,
    rest_streams,
    rest_system,
    rest_updates,
    transport,
)
from pibridge.simulator.bursts import flood
from pibridge.simulator.call import ROOT, Answer, Call, Query, Refused, Router, not_found
from pibridge.simulator.channels import Channel, cut, encode
from pibridge.simulator.control import Control
from pibridge.simulator.faults import Fault, Faults, Kind
from pibridge.simulator.frame_control import FrameControl
from pibridge.simulator.plant import Clock, Plant, wall_clock
from pibridge.simulator.settings import SimulatorSettings
from pibridge.simulator.transport import Identity
from pibridge.simulator.updates import Caches

_log = structlog.get_logger()
_BIG: Final = 1 << 20
_TURNS_TO_CONNECT: Final = 4
_GZIP_FROM_BYTES: Final = 1024
_SLICES: Final = 10
_WRITING: Final = ("POST", "PUT", "PATCH", "DELETE")


class Simulator:
    """A PI Web API server with a small plant behind it. `clock`: what time it is in the plant, in ticks.

    After `close()` or `kill()` it can be started again, on the same port and with the same plant: an outage.
    """

    def __init__(
        self,
        settings: SimulatorSettings | None = None,
        *,
        clock: Clock = wall_clock,
        ssl_context: ssl.SSLContext | None = None,
    ) -> None:
        self.settings = settings or SimulatorSettings()
        self.plant = Plant(
            seed=self.settings.seed,
            bulk=self.settings.bulk_points,
            event_rate=self.settings.event_rate,
            compression=self.settings.compression,
            cycle_s=self.settings.cycle_s,
            clock=clock,
        )
        self.faults = Faults()
        self.started_ticks = clock()
        self.requests = 0
        self._clock = clock
        self._ssl = ssl_context
        self._port = self.settings.port
        self._runner: web.AppRunner | None = None
        self._door: socket.socket
        self._closing = asyncio.Event()
        self._sockets: set[web.WebSocketResponse] = set()
        self._caches = Caches()
        self._flood: asyncio.Task[None] | None = None
        self._rate = transport.RateLimit(self.settings.rate_limit)
        rest = (rest_system, rest_points, rest_assets, rest_frames, rest_streams, rest_updates, batch)
        self._router = Router(chain.from_iterable(part.ROUTES for part in rest))
        for text in self.settings.faults:
            self.faults.add(text)

    @property
    def url(self) -> str:
        """The base URL, `http://127.0.0.1:PORT/piwebapi`."""
        return f"{self.origin}{ROOT}"

    @property
    def origin(self) -> str:
        """Scheme, host and port."""
        return f"{'https' if self._ssl else 'http'}://{self.settings.host}:{self._port}"

    @property
    def channels(self) -> int:
        """How many channels are open."""
        return len(self._sockets)

    async def start(self) -> None:
        """Listen. Raises UnavailableError if the port is taken."""
        self._closing = asyncio.Event()
        self._caches.clear()
        app = web.Application(client_max_size=64 << 20)
        Control(self.plant, self.faults, self.started_ticks).register(app)
        FrameControl(self.plant, self.started_ticks).register(app)
        app.router.add_route("*", "/{tail:.*}", self._handle)
        app.on_response_prepare.append(self._sign)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=1.0, max_line_size=_BIG, max_field_size=_BIG)
        await runner.setup()
        host = self.settings.host
        try:
            self._door = socket.create_server(
                (host, self._port), family=socket.AF_INET6 if ":" in host else socket.AF_INET, backlog=128
            )
        except OSError as error:
            await runner.cleanup()
            raise UnavailableError(
                f"cannot listen on {host}:{self._port}: {error.strerror}", hint="choose another port"
            ) from error
        await web.SockSite(runner, self._door, ssl_context=self._ssl).start()
        self._runner = runner
        self._port = self._door.getsockname()[1]
        self._flood = asyncio.create_task(flood(self.plant, self.faults, self.settings.channel_interval_s))

    async def close(self) -> None:
        """Stop in order: channels are closed with 1001."""
        self._closing.set()
        await self._admit_nobody()
        for channel in list(self._sockets):
            await channel.close(code=1001, message=b"Service stopping")
        await self._stop()

    async def kill(self) -> None:
        """Stop as a crash does: every connection is reset."""
        self._closing.set()
        await self._admit_nobody()
        if self._runner is not None and self._runner.server is not None:
            for connection in self._runner.server.connections:
                cut(connection.transport, reset=True)
        await self._stop()

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def _admit_nobody(self) -> None:
        # A connection that asyncio has accepted and not set up when its server is closed would stay open for ever.
        if self._runner is not None:
            with contextlib.suppress(NotImplementedError):  # a loop without readers, as on Windows, has no such fault
                asyncio.get_running_loop().remove_reader(self._door.fileno())
            for _ in range(_TURNS_TO_CONNECT):
                await asyncio.sleep(0)

    async def _stop(self) -> None:
        if self._flood is not None:
            self._flood.cancel()
            await asyncio.wait({self._flood})
            self._flood = None
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    async def _sign(self, request: web.Request, response: web.StreamResponse) -> None:
        del request
        response.headers["Server"] = "Microsoft-HTTPAPI/2.0"
        response.headers["Date"] = formatdate(self._clock() / PER_SECOND, usegmt=True)

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        self.requests += 1
        if page := transport.limit(request.raw_path, request.headers):
            return web.Response(text=page, content_type="text/html", status=HTTPStatus.BAD_REQUEST)
        fault = self.faults.request(request.method, request.path_qs)
        if fault and fault.kind in (Kind.STATUS, Kind.RESET, Kind.HANG, Kind.HTML):
            return await self._refuse(request, fault)
        if not self._rate.admits(request.remote or "", self._clock() // PER_SECOND):
            return self._status(HTTPStatus.TOO_MANY_REQUESTS)
        try:
            identity = transport.identify(
                self.settings,
                self.faults.password(),
                request.headers.get("Authorization", ""),
                channel=request.path.lower().endswith("/channel"),
            )
        except transport.RefusedIdentityError:
            return self._status(HTTPStatus.UNAUTHORIZED)
        response = await self._answer(request, identity, fault)
        if identity.challenge and not response.prepared:
            response.headers["WWW-Authenticate"] = identity.challenge
        return response

    async def _answer(self, request: web.Request, identity: Identity, fault: Fault | None) -> web.StreamResponse:
        try:
            call = self._call(request, identity.user, await request.read())
            if call.path.lower().endswith("/channel"):
                return await self._channel(request, call, identity.challenge)
            answer = await self._dispatch(call, request.raw_path)
        except Refused as refusal:
            answer = Answer(refusal.body, refusal.status)
        data = b"" if answer.body is None else encode(answer.body, self.faults)
        if fault and fault.kind is Kind.WEB_EXCEPTION:
            text = "Error occurred during writing of the output stream."
            data = encode({"WebException": {"Errors": [text], "StatusCode": int(fault.number_value)}}, self.faults)
        if fault and fault.kind is Kind.TRUNCATE:
            data = data[: len(data) // 2]
        if fault and fault.kind is Kind.SLOW:
            return await self._trickle(request, data, fault.number_value)
        response = web.Response(body=data, status=answer.status, headers=answer.headers)
        if answer.body is not None:
            response.headers["Content-Type"] = "application/json; charset=utf-8"
        if len(data) >= _GZIP_FROM_BYTES and "gzip" in request.headers.get("Accept-Encoding", "").lower():
            response.enable_compression(ContentCoding.gzip)
        return response

    def _call(self, request: web.Request, user: str | None, body: bytes) -> Call:
        path = urlsplit(request.raw_path).path
        if not f"{path.lower()}/".startswith(f"{ROOT}/"):
            raise not_found("No HTTP resource was found that matches the request URI.")
        if self.settings.csrf_defense and request.method in _WRITING and "X-Requested-With" not in request.headers:
            raise Refused(HTTPStatus.BAD_REQUEST, "Missing CSRF prevention header 'X-Requested-With'.")
        return Call(
            plant=self.plant,
            settings=self.settings,
            base=f"{request.scheme}://{request.host}{ROOT}",
            now=self._clock(),
            method=request.method,
            user=user,
            path=path[len(ROOT) :],
            query=Query(request.raw_path.partition("?")[2]),
            body=body,
            faults=self.faults,
            caches=self._caches,
            dispatch=self._dispatch,
        )

    async def _dispatch(self, call: Call, url: str) -> Answer:
        parts = urlsplit(url)
        handler, ids = self._router.find(call.method, parts.path[len(ROOT) :])
        query = Query(parts.query)
        found = handler(replace(call, path=parts.path[len(ROOT) :], ids=ids, query=query))
        if isawaitable(found):
            found = await found
        answer = found if isinstance(found, Answer) else Answer(found)
        selection = fields.parse(query.text("selectedFields"))
        keep_errors = not self.settings.selected_fields_hide_errors
        return Answer(fields.select(answer.body, selection, keep_errors=keep_errors), answer.status, answer.headers)

    async def _channel(self, request: web.Request, call: Call, challenge: str) -> web.StreamResponse:
        segments = [segment for segment in call.path.lower().split("/") if segment]
        web_id = urlsplit(request.raw_path).path.split("/")[-2]
        if segments[0] == "streams":
            streams = [rest_streams.stream_at(call, web_id)]
        elif segments == ["streamsets", "channel"]:
            streams = rest_streams.asked_for(call)
        else:
            streams = rest_streams.below(call, web_id)
        response = web.WebSocketResponse(compress=False, timeout=1.0)
        if not response.can_prepare(request):
            raise Refused(HTTPStatus.BAD_REQUEST, "The request is no WebSocket handshake.")
        channel = Channel(call, streams, response)
        if challenge:
            response.headers["WWW-Authenticate"] = challenge
        await response.prepare(request)
        self._sockets.add(response)
        try:
            await channel.run(request)
        finally:
            self._sockets.discard(response)
        return response

    async def _refuse(self, request: web.Request, fault: Fault) -> web.StreamResponse:
        if fault.kind is Kind.STATUS:
            return self._status(HTTPStatus(int(fault.number_value)))
        if fault.kind is Kind.HTML:
            return web.Response(text=transport.html("Sign in", "Please sign in."), content_type="text/html")
        if fault.kind is Kind.HANG:
            await self._closing.wait()
        cut(request.transport, reset=True)
        return web.Response()

    def _status(self, status: HTTPStatus) -> web.Response:
        kind, body = transport.status_body(status)
        data = body.encode() if isinstance(body, str) else encode(body, self.faults)
        response = web.Response(body=data, status=status, content_type=kind)
        if status is HTTPStatus.UNAUTHORIZED:
            response.headers.add("WWW-Authenticate", "Negotiate")
            response.headers.add("WWW-Authenticate", 'Basic realm="pi"')
        return response

    async def _trickle(self, request: web.Request, data: bytes, seconds: float) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "application/json; charset=utf-8"})
        response.content_length = len(data)
        await response.prepare(request)
        step = max(len(data) // _SLICES, 1)
        for place in range(0, len(data), step):
            await response.write(data[place : place + step])
            await asyncio.sleep(seconds / _SLICES)
        await response.write_eof()
        return response


async def serve(settings: SimulatorSettings, *, ssl_context: ssl.SSLContext | None = None) -> None:
    """Run a simulator until the task is cancelled. Raises UnavailableError if the port is taken."""
    async with Simulator(settings, ssl_context=ssl_context) as simulator:
        _log.info("simulator listens", url=simulator.url, points=len(simulator.plant.points))
        await asyncio.Event().wait()
