"""No secret shows, whatever goes wrong: not in logs, errors and their causes, settings or the parts themselves."""

import asyncio
import json
import pprint
import ssl
import traceback
from base64 import b64encode
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
import trustme
from aiohttp import web
from structlog.testing import capture_logs

from pi.auth.token_server import CLIENT, token_server
from pi.canned import AT_ONCE, CannedServer, Handler
from pibridge.config.load import configuration
from pibridge.config.loaded import Loaded
from pibridge.errors import PIBridgeError
from pibridge.pi.channel import open_channel
from pibridge.pi.client import PiClient
from pibridge.pi.landing import landing

MARK = "marker-4711"
BASIC = {"method": "basic", "username": "svc", "password": f"{MARK}-password"}
FIXED = {"method": "bearer", "token": f"{MARK}-token"}
FETCHED = {"method": "bearer", "client_id": CLIENT[0], "client_secret": f"{MARK}-client"}


def marks() -> list[str]:
    """Give the secrets, and the forms in which they are sent."""
    pairs = [f"svc:{BASIC['password']}", f"{CLIENT[0]}:{FETCHED['client_secret']}"]
    return [MARK, *(b64encode(pair.encode()).decode() for pair in pairs)]


async def cut(request: web.BaseRequest) -> web.StreamResponse:
    """Break off in the middle of the body."""
    response = web.StreamResponse(headers={"Content-Length": "1000"})
    await response.prepare(request)
    await response.write(b"{")
    assert request.transport is not None
    request.transport.abort()
    return response


async def garble(request: web.BaseRequest) -> web.StreamResponse:
    """Answer what is no HTTP."""
    assert isinstance(request.transport, asyncio.WriteTransport)
    request.transport.write(b"SMTP ready\r\n\r\n")
    request.transport.close()
    return web.Response()


async def hang(_: web.BaseRequest) -> web.StreamResponse:
    """Never answer."""
    await asyncio.Event().wait()
    return web.Response()


WRONG: list[web.Response | Handler] = [
    *(web.Response(status=status) for status in (400, 401, 403, 404, 429, 500)),
    web.Response(status=302, headers={"Location": f"http://x/y?token={MARK}"}),
    web.Response(body=b"<html>"),
    cut,
    garble,
    hang,
]


def loaded(folder: Path, url: str, auth: dict[str, str], **pi: Any) -> Loaded:
    """Load a whole configuration, its secrets in a file as an operator keeps them."""
    kept = {}
    for key, value in auth.items():
        (folder / key).write_text(value, encoding="utf-8")
        kept[key] = f"${{file:{folder / key}}}" if MARK in value else value
    tree = {
        "site": "brewery",
        "pi": {"url": url, "auth": kept, "timeouts": {"connect": 0.3, "read": 0.3}, **pi},
        "streams": {"live": {"select": {"points": [r"\\PISRV1\SINUSOID"]}}},
        "sinks": {"local": {"type": "file"}},
    }
    return Loaded.of(configuration(tree, {}), json.dumps(tree))


async def failure(work: Awaitable[object]) -> str:
    """Give all that an error says: its words, its causes, what they hold, and its traceback."""
    with pytest.raises(PIBridgeError) as caught:
        await work
    said = traceback.format_exception(caught.value)
    error: BaseException | None = caught.value
    while error is not None:
        said.append(f"{error!r} {error.args!r} {vars(error)!r}")
        error = error.__cause__ or error.__context__
    return "\n".join(said)


async def all_that_is_said(whole: Loaded) -> str:
    """Fail with requests and a channel, and give errors, logs and what the parts look like."""
    said: list[str] = []
    with capture_logs() as lines:
        async with PiClient(whole.configuration.pi, retries=AT_ONCE) as client:
            works: list[Callable[[], Awaitable[object]]] = [lambda: landing(client), lambda: opened(client)]
            for work in works:
                said.append(await failure(work()))
                client.try_now()
            auth = vars(client.gate)["_auth"]
            parts = [client, vars(client), client.gate, vars(client.gate), auth, vars(auth), await credentials(auth)]
            said += [pprint.pformat(part) for part in parts]
    settings = whole.configuration
    return "\n".join([*said, str(lines), repr(whole), repr(settings), str(settings), repr(settings.model_dump())])


async def credentials(auth: Any) -> str:
    """Give how what is sent looks like, where it can be had."""
    try:
        return repr(await auth.credentials())
    except PIBridgeError as error:
        return repr(error)


async def opened(client: PiClient) -> None:
    """Open a channel."""
    async with open_channel(client, ["abc"]):
        """It is to fail before."""


@pytest.mark.parametrize("auth", [BASIC, FIXED, FETCHED], ids=["basic", "fixed", "fetched"])
@pytest.mark.parametrize(
    "answer", WRONG, ids=lambda answer: str(getattr(answer, "status", getattr(answer, "__name__", "")))
)
async def test_what_pi_answers_brings_no_secret_out(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, auth: dict[str, str], answer: web.Response | Handler
) -> None:
    """Refusals, failures, redirects, cut and senseless answers, silence: the secret was sent, and is told nowhere."""
    async with CannedServer() as server, token_server() as identity:
        identity.secret = FETCHED["client_secret"]
        identity.token_text = f"{MARK}-given"
        server.on("/", answer)
        server.on("/streamsets/channel", answer)
        where = {"token_url": f"{identity.url}/token"} if auth is FETCHED else {}
        said = await all_that_is_said(loaded(tmp_path, server.url, auth | where))
        sent = str([dict(request.headers) for request in server.requests])
    assert any(mark in sent for mark in marks())
    assert [mark for mark in marks() if mark in said + caplog.text] == []


@pytest.mark.parametrize(
    "answer", WRONG, ids=lambda answer: str(getattr(answer, "status", getattr(answer, "__name__", "")))
)
async def test_what_the_identity_server_answers_brings_no_secret_out(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, answer: web.Response | Handler
) -> None:
    """The same where tokens are fetched, also by one that repeats the secret."""
    echo = web.Response(body=json.dumps({"error": MARK, "error_description": MARK}).encode(), status=400)
    async with CannedServer() as server:
        server.on("/", echo)
        server.on("/token", answer)
        auth = FETCHED | {"token_url": f"{server.url}/token"}
        said = await all_that_is_said(loaded(tmp_path, server.url, auth))
        server.on("/token", echo)
        said += await all_that_is_said(loaded(tmp_path, server.url, auth))
        assert server.asked("/token")
    assert [mark for mark in marks() if mark in said + caplog.text] == []


async def test_tls_and_a_server_that_is_away_bring_no_secret_out(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, port: int
) -> None:
    """A certificate that is not trusted, no certificate of ours, and nobody there: nothing of a secret is told."""
    ca = trustme.CA()
    ca.cert_pem.write_to_path(tmp_path / "ca.pem")
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    ca.issue_cert("localhost").configure_cert(context)
    context.verify_mode = ssl.CERT_REQUIRED
    runner = web.ServerRunner(web.Server(hang))
    await runner.setup()
    await web.TCPSite(runner, "localhost", 0, ssl_context=context).start()
    url = f"https://localhost:{runner.addresses[0][1]}/piwebapi"
    said = ""
    for auth in (BASIC, FIXED, FETCHED):
        said += await all_that_is_said(loaded(tmp_path, url, auth))
        said += await all_that_is_said(loaded(tmp_path, url, auth, tls={"ca_file": str(tmp_path / "ca.pem")}))
        said += await all_that_is_said(loaded(tmp_path, f"http://127.0.0.1:{port}/piwebapi", auth))
    await runner.cleanup()
    assert [mark for mark in marks() if mark in said + caplog.text] == []


def test_a_core_dump_of_the_configuration_shows_no_secret(tmp_path: Path) -> None:
    """Printed, dumped and as JSON the settings show that there is a secret, and not which."""
    for auth in (BASIC, FIXED, FETCHED):
        settings = loaded(tmp_path, "https://pi.example.com/piwebapi", auth).configuration
        told = f"{settings!r}{settings.model_dump()!r}{settings.model_dump_json()}"
        assert MARK not in told
        assert "**********" in told
