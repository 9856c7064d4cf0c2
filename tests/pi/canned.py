"""A server that gives canned answers, to a client that does not sleep."""

from collections.abc import Awaitable, Callable
from typing import Any, Self

import msgspec
from aiohttp import web

from pibridge.model.tag import Mode
from pibridge.pi.client import PiClient, Retries
from pibridge.pi.points import find_points
from pibridge.pi.points_file import PointRow
from pibridge.pi.settings import PiSettings

Handler = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]
Answer = web.Response | Handler

AT_ONCE = Retries(attempts=3, first_wait_s=0, throttled_wait_s=0)


def said(body: Any, status: int = 200) -> web.Response:
    """Give an answer with this JSON."""
    return web.Response(body=msgspec.json.encode(body), status=status, content_type="application/json")


class CannedServer:
    """Answers each path below /piwebapi with its answers in turn, the last one again and again; 404 elsewhere."""

    def __init__(self) -> None:
        self.requests: list[web.BaseRequest] = []
        self.bodies: list[bytes] = []
        self.url = ""
        self._answers: dict[str, list[Answer]] = {}
        self._runner = web.ServerRunner(web.Server(self._handle, access_log=None), shutdown_timeout=0.1)

    def on(self, path: str, *answers: Answer) -> None:
        """Say how a path is answered."""
        self._answers[path] = list(answers)

    def asked(self, path: str) -> list[web.BaseRequest]:
        """Give the requests for a path so far."""
        return [request for request in self.requests if request.path == f"/piwebapi{path}"]

    async def __aenter__(self) -> Self:
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        host, port = self._runner.addresses[0][:2]
        self.url = f"http://{host}:{port}/piwebapi"
        return self

    async def __aexit__(self, *exception: object) -> None:
        await self._runner.cleanup()

    async def _handle(self, request: web.BaseRequest) -> web.StreamResponse:
        self.requests.append(request)
        self.bodies.append(await request.read())
        answers = self._answers.get(request.path.removeprefix("/piwebapi"))
        if not answers:
            return said({"Errors": ["not here"]}, 404)
        answer = answers.pop(0) if len(answers) > 1 else answers[0]
        if not isinstance(answer, web.Response):
            return await answer(request)
        return web.Response(body=answer.body, status=answer.status, headers=answer.headers)


def settings_for(url: str, **others: Any) -> PiSettings:
    """Give settings that do not slow the tests down."""
    return PiSettings.model_validate({"url": url, "limits": {"requests_per_second": 10_000}, **others})


def client_of(server: CannedServer, **others: Any) -> PiClient:
    """Give a client of the server that tries again at once."""
    return PiClient(settings_for(server.url, **others), retries=AT_ONCE)


async def point_of(client: PiClient) -> str:
    """Give the WebID of a point of the simulated brewery."""
    (tag,) = (await find_points(client, [PointRow(r"\\PISRV1\SINUSOID")], "live", Mode.REALTIME)).tags
    return tag.web_id
