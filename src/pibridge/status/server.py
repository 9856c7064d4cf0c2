"""The status page, health checks and metrics over HTTP. There is no login: it belongs on this machine's loopback."""

from collections.abc import Awaitable, Callable
from typing import Final

import msgspec
from aiohttp import web
from aiohttp.typedefs import Handler

from pibridge.errors import PIBridgeError
from pibridge.status import page
from pibridge.status.metrics import SnapshotMetrics
from pibridge.status.snapshot import Snapshot

_HEADERS: Final = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": (
        "default-src 'self'; img-src 'self' data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}


class StatusServer:
    """Answers `/`, `/api/status`, `/api/explain`, `/healthz`, `/readyz` and `/metrics`.

    `listen`: `host:port`; port 0 lets the system choose. `snapshot` and `ready` are asked at each request and must not
    block. `ready` gives the reasons why not, one line each; none means ready. `explain`: a tag at a time, as JSON.
    """

    def __init__(
        self,
        listen: str,
        snapshot: Callable[[], Snapshot],
        ready: Callable[[], list[str]],
        explain: Callable[[str, str], Awaitable[bytes]] | None = None,
    ) -> None:
        host, _, port = listen.rpartition(":")
        self._listen = listen
        self._host = host.strip("[]")
        self._port = int(port)
        self._snapshot = snapshot
        self._ready = ready
        self._explain = explain
        self._metrics = SnapshotMetrics(snapshot)
        self._runner: web.AppRunner | None = None

    @property
    def port(self) -> int:
        """TCP port: the one it listens on once started, the configured one before."""
        if self._runner is None or not self._runner.addresses:
            return self._port
        port: int = self._runner.addresses[0][1]
        return port

    async def start(self) -> None:
        """Listen. Raises PIBridgeError if the address cannot be had."""
        app = web.Application(middlewares=[_harden])
        app.add_routes(
            [
                web.get("/", _static("text/html", page.HTML)),
                web.get("/page.css", _static("text/css", page.CSS)),
                web.get("/page.js", _static("text/javascript", page.JAVASCRIPT)),
                web.get("/api/status", self._answer_status),
                web.get("/api/explain", self._answer_explain),
                web.get("/healthz", _static("text/plain", "alive\n")),
                web.get("/readyz", self._answer_ready),
                web.get("/metrics", self._answer_metrics),
            ]
        )
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=1.0)
        await runner.setup()
        try:
            await web.TCPSite(runner, self._host, self._port).start()
        except OSError as error:
            await runner.cleanup()
            raise PIBridgeError(
                f"the status page cannot listen on {self._listen}: {error.strerror or error}",
                hint="stop what uses this address, or set status.listen to another one, or status: null for no page",
            ) from error
        self._runner = runner

    async def close(self) -> None:
        """Stop listening and end open requests. May be called again, and before `start`."""
        if self._runner is not None:
            runner, self._runner = self._runner, None
            await runner.cleanup()

    async def _answer_status(self, _request: web.Request) -> web.Response:
        return web.Response(body=msgspec.json.encode(self._snapshot()), content_type="application/json")

    async def _answer_ready(self, _request: web.Request) -> web.Response:
        reasons = self._ready()
        return web.Response(
            status=503 if reasons else 200,
            body=msgspec.json.encode({"ready": not reasons, "reasons": reasons}),
            content_type="application/json",
        )

    async def _answer_explain(self, request: web.Request) -> web.Response:
        tag, at = request.query.get("tag", ""), request.query.get("at", "")
        if self._explain is None:
            raise web.HTTPNotFound
        try:
            status, body = 200, await self._explain(tag, at)
        except ValueError:
            status, body = 400, msgspec.json.encode({"error": "write /api/explain?tag=NAME&at=2026-03-01T12:00:00Z"})
        except PIBridgeError as error:
            status, body = 503, msgspec.json.encode({"error": str(error)})
        return web.Response(status=status, body=body, content_type="application/json")

    async def _answer_metrics(self, request: web.Request) -> web.Response:
        text, content_type = self._metrics.exposition(request.headers.get("Accept", ""))
        return web.Response(body=text, headers={"Content-Type": content_type})


@web.middleware
async def _harden(request: web.Request, handler: Handler) -> web.StreamResponse:
    try:
        response = await handler(request)
    except web.HTTPException as refusal:
        refusal.headers.update(_HEADERS)
        raise
    response.headers.update(_HEADERS)
    return response


def _static(content_type: str, text: str) -> Callable[[web.Request], Awaitable[web.Response]]:
    async def answer(_request: web.Request) -> web.Response:
        return web.Response(text=text, content_type=content_type, charset="utf-8")

    return answer
