"""The status page, its API, health checks and metrics over HTTP. Nothing can be changed here."""

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable, Sequence
from http import HTTPStatus
from typing import Any, Final

import msgspec
import structlog
from aiohttp import web
from aiohttp.typedefs import Handler
from msgspec import Struct, ValidationError

from pibridge.errors import JournalError, PIBridgeError
from pibridge.status.beats import Beats
from pibridge.status.contract import Source
from pibridge.status.door import COOKIE, SESSION_S, Door, ShutError
from pibridge.status.endpoints import Api, Endpoint, NotFoundError
from pibridge.status.files import File, load
from pibridge.status.lines import Lines
from pibridge.status.metrics import SnapshotMetrics
from pibridge.status.openapi import Problem, Readiness, document
from pibridge.status.past import EVERY_S, Past, Point
from pibridge.status.settings import StatusSettings
from pibridge.status.snapshot import Snapshot
from pibridge.status.worker import BusyError

_HEADERS: Final = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": (
        "default-src 'self'; img-src 'self' data:; object-src 'none'; base-uri 'none'; form-action 'self'; "
        "frame-ancestors 'none'"
    ),
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}
_WORTH_PACKING_BYTES: Final = 4096
_LARGEST_FORM_BYTES: Final = 4096
_MESSAGE: Final = b"<!-- message -->"


class Beat(Struct, frozen=True):
    """What an open page is told. `point`: the newest of the charts; `line`: id of the last log line."""

    status: Snapshot
    point: Point | None
    line: int


class StatusServer:
    """Listens as `settings` say, and tells what `source` and `lines` have, and `more`. `now_s`: Unix time."""

    def __init__(
        self,
        settings: StatusSettings,
        source: Source,
        lines: Lines,
        now_s: Callable[[], float] = time.time,
        *,
        more: Sequence[Endpoint] = (),
    ) -> None:
        self._settings = settings
        self._source = source
        self._lines = lines
        self._now_s = now_s
        self._door = Door(settings, now_s)
        self._past = Past()
        self._beats = Beats()
        self._files = load()
        self._api = Api(source, self._past, lines, more)
        self._metrics = SnapshotMetrics(self._api.snapshot)
        self._document = msgspec.json.encode(document(self._api.endpoints))
        self._runner: web.AppRunner | None = None
        self._pulse: asyncio.Task[None] | None = None

    @property
    def port(self) -> int:
        """TCP port: the one it listens on once started, the configured one before."""
        if self._runner is None or not self._runner.addresses:
            return self._settings.port
        port: int = self._runner.addresses[0][1]
        return port

    @property
    def routes(self) -> list[web.AbstractRoute]:
        """What it answers to, once started."""
        return [] if self._runner is None else list(self._runner.app.router.routes())

    async def start(self) -> None:
        """Listen. Raises PIBridgeError if the address cannot be had."""
        app = web.Application(middlewares=[self._guard], client_max_size=_LARGEST_FORM_BYTES)
        app.on_response_prepare.append(_harden)
        app.add_routes(
            [
                web.get("/", self._page),
                web.get("/static/{name}", self._file),
                web.post("/signin", self._sign_in),
                web.get("/healthz", _alive),
                web.get("/readyz", self._ready),
                web.get("/metrics", self._metrics_text),
                web.get("/api/openapi.json", self._described),
                web.get("/api/events", self._beats.serve, allow_head=False),
                *(web.get(endpoint.path, _answering(endpoint)) for endpoint in self._api.endpoints),
            ]
        )
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=1.0)
        await runner.setup()
        try:
            await web.TCPSite(runner, self._settings.host, self._settings.port).start()
        except OSError as error:
            await runner.cleanup()
            raise PIBridgeError(
                f"the status page cannot listen on {self._settings.listen}: {error.strerror or error}",
                hint="stop what uses this address, or set status.listen to another one, or status: null for no page",
            ) from error
        self._runner = runner
        self._pulse = asyncio.create_task(self._beat(), name="status pulse")

    async def close(self) -> None:
        """Stop listening and end open requests. May be called again, and before `start`."""
        self._beats.close()
        if self._pulse is not None:
            pulse, self._pulse = self._pulse, None
            pulse.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await pulse
        if self._runner is not None:
            runner, self._runner = self._runner, None
            await runner.cleanup()
            await asyncio.to_thread(self._api.close)

    async def _beat(self) -> None:
        while True:
            try:
                self._past.take(self._source.snapshot(), self._now_s())
                if self._beats.pages:
                    beat = Beat(self._api.snapshot(), self._past.point(), self._lines.newest_id)
                    self._beats.tell(msgspec.json.encode(beat))
            except Exception:  # noqa: BLE001 - the page may miss a beat, the daemon must not
                structlog.get_logger().exception(
                    "the status page missed a beat", hint="nothing else is concerned; report this with its traceback"
                )
            await asyncio.sleep(EVERY_S)

    @web.middleware
    async def _guard(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        if not self._door.knows(request.host):
            return _problem(HTTPStatus.MISDIRECTED_REQUEST, "this page answers to the name of this machine only")
        route = request.match_info.route.resource
        if route is not None and route.canonical in {"/healthz", "/static/{name}", "/signin"}:
            return await handler(request)
        try:
            self._door.admit(
                request.headers.get("Authorization", ""), request.cookies.get(COOKIE, ""), request.remote or ""
            )
        except ShutError as shut:
            return self._shut(request, shut)
        except PIBridgeError as error:
            return _lost(error)
        return await handler(request)

    def _shut(self, request: web.Request, shut: ShutError) -> web.Response:
        if request.path == "/":
            return self._form("", HTTPStatus.UNAUTHORIZED)
        if shut.wait_s:
            return _problem(HTTPStatus.TOO_MANY_REQUESTS, str(shut), {"Retry-After": f"{shut.wait_s:.0f}"})
        return _problem(HTTPStatus.UNAUTHORIZED, str(shut), {"WWW-Authenticate": 'Bearer realm="pibridge"'})

    async def _sign_in(self, request: web.Request) -> web.StreamResponse:
        tried = (await request.post()).get("token", "")
        try:
            cookie = self._door.sign_in(str(tried), request.remote or "")
        except ShutError as shut:
            status = HTTPStatus.TOO_MANY_REQUESTS if shut.wait_s else HTTPStatus.UNAUTHORIZED
            wait = f" Wait {shut.wait_s:.0f} s." if shut.wait_s else ""
            return self._form(f"This did not work: {shut}.{wait}", status)
        except PIBridgeError as error:
            return _lost(error)
        answer = web.Response(status=HTTPStatus.SEE_OTHER, headers={"Location": "./"})
        is_tls = request.secure or request.headers.get("X-Forwarded-Proto") == "https"
        answer.set_cookie(COOKIE, cookie, max_age=SESSION_S, httponly=True, samesite="Strict", secure=is_tls, path="/")
        return answer

    def _form(self, message: str, status: HTTPStatus) -> web.Response:
        body = self._files["signin.html"].body.replace(_MESSAGE, message.encode())
        return web.Response(status=status, body=body, content_type="text/html", charset="utf-8")

    async def _page(self, _request: web.Request) -> web.Response:
        return _file(self._files["index.html"])

    async def _file(self, request: web.Request) -> web.Response:
        file = self._files.get(request.match_info["name"])
        return _problem(HTTPStatus.NOT_FOUND, "there is no such file") if file is None else _file(file)

    async def _described(self, _request: web.Request) -> web.Response:
        return web.Response(body=self._document, content_type="application/json")

    async def _ready(self, _request: web.Request) -> web.Response:
        reasons = self._source.snapshot().reasons
        return _json(Readiness(not reasons, reasons), HTTPStatus.SERVICE_UNAVAILABLE if reasons else HTTPStatus.OK)

    async def _metrics_text(self, request: web.Request) -> web.Response:
        text, content_type = self._metrics.exposition(request.headers.get("Accept", ""))
        return web.Response(body=text, headers={"Content-Type": content_type})


def _lost(error: PIBridgeError) -> web.Response:
    structlog.get_logger().error("status.token cannot be read, nobody is let in", error=str(error))
    return _problem(HTTPStatus.SERVICE_UNAVAILABLE, "status.token cannot be read; the log says why")


def _answering(endpoint: Endpoint) -> Callable[[web.Request], Awaitable[web.Response]]:
    async def answer(request: web.Request) -> web.Response:
        try:
            query = msgspec.convert(dict(request.query), endpoint.query, strict=False)
            told = await endpoint.ask(query)
        except ValidationError as error:
            return _problem(HTTPStatus.BAD_REQUEST, str(error))
        except NotFoundError as error:
            return _problem(HTTPStatus.NOT_FOUND, str(error))
        except BusyError:
            return _problem(HTTPStatus.SERVICE_UNAVAILABLE, "too much is asked at a time", {"Retry-After": "2"})
        except JournalError as error:
            return _problem(HTTPStatus.SERVICE_UNAVAILABLE, str(error))
        body = msgspec.json.encode(told)
        response = web.Response(body=body, content_type="application/json")
        if len(body) > _WORTH_PACKING_BYTES:
            response.enable_compression()
        return response

    return answer


async def _alive(_request: web.Request) -> web.Response:
    return web.Response(text="alive\n")


async def _harden(_request: web.Request, response: web.StreamResponse) -> None:
    response.headers.update(_HEADERS)


def _file(file: File) -> web.Response:
    return web.Response(body=file.body, content_type=file.content_type, charset="utf-8")


def _json(told: Any, status: HTTPStatus = HTTPStatus.OK, headers: dict[str, str] | None = None) -> web.Response:
    return web.Response(status=status, body=msgspec.json.encode(told), content_type="application/json", headers=headers)


def _problem(status: HTTPStatus, error: str, headers: dict[str, str] | None = None) -> web.Response:
    return _json(Problem(error), status, headers)
