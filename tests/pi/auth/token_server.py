"""An identity server: OAuth 2.0 client credentials, and the document that says where."""

import asyncio
from base64 import b64decode
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import unquote_plus

from aiohttp import web

CLIENT = ("connector", "geheim-client:secret+/%")


class TokenServer:
    """Gives `token-1`, `token-2` … to who knows the client's secret. `tokens`: those given, and to whom."""

    def __init__(self) -> None:
        self.url = ""
        self.secret = CLIENT[1]
        self.token_text = "token"
        self.asked: list[dict[str, str]] = []
        self.tokens: dict[str, str] = {}
        self.extra: dict[str, Any] = {"token_type": "Bearer", "expires_in": 3600}
        self.failure: web.Response | None = None
        self.free = asyncio.Event()
        self.free.set()
        self.discovered: dict[str, Any] = {}

    async def token(self, request: web.Request) -> web.Response:
        """Answer a request for a token."""
        form = dict((await request.post()).items())
        pair = b64decode(request.headers.get("Authorization", "").removeprefix("Basic ")).decode().split(":")
        who = tuple(unquote_plus(each) for each in pair) if len(pair) > 1 else None
        how = "post" if who is None else "basic"
        who = who or (str(form.pop("client_id", "")), str(form.pop("client_secret", "")))
        self.asked.append({"how": how, **{key: str(value) for key, value in form.items()}})
        await self.free.wait()
        if self.failure is not None:
            return web.Response(body=self.failure.body, status=self.failure.status, headers=self.failure.headers)
        if who != (CLIENT[0], self.secret):
            return web.json_response({"error": "invalid_client", "error_description": f"no {who}"}, status=400)
        token = f"{self.token_text}-{len(self.asked)}"
        self.tokens[token] = who[0]
        return web.json_response({"access_token": token, **self.extra})

    async def document(self, _: web.Request) -> web.Response:
        """Answer where tokens are given."""
        return web.json_response({"token_endpoint": f"{self.url}/token", **self.discovered})


@asynccontextmanager
async def token_server() -> AsyncIterator[TokenServer]:
    """Run one on this machine. Its document is where PI's would be if `pi.url` were `url`."""
    server = TokenServer()
    app = web.Application()
    app.router.add_post("/token", server.token)
    app.router.add_get("/.well-known/openid-configuration", server.document)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    server.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    try:
        yield server
    finally:
        await runner.cleanup()
