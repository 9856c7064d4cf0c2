"""A line between a sink and the account, on which each request is noted as the IAM action that it needs."""

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from io import BytesIO
from typing import Final
from urllib.parse import unquote

import aiohttp
from aiohttp import web

from sinks.data_streams import served

_SERVICE: Final = re.compile(r"Credential=[^/]+/\d+/[^/]+/(\w+)/aws4_request")
_HOPS: Final = {"host", "content-length", "transfer-encoding", "expect"}

Asked = tuple[str, str]
"""An action, and the ARN that it is done to; `*` where the request does not say."""


@dataclass
class Wire:
    """`refuses_parts`: parts of uploads are answered with 403."""

    behind: str
    port: int = 0
    refuses_parts: bool = False
    asked: list[Asked] = field(default_factory=list)

    @property
    def url(self) -> str:
        """Give its address."""
        return f"http://127.0.0.1:{self.port}"

    async def serve(self, request: web.Request) -> web.Response:
        """Note one request and hand it on."""
        self.asked.append(asked(request))
        if self.refuses_parts and "partNumber" in request.query:
            return web.Response(status=403, text="<Error><Code>AccessDenied</Code></Error>")
        headers = {name: value for name, value in request.headers.items() if name.lower() not in _HOPS}
        async with (
            aiohttp.ClientSession(auto_decompress=False) as session,
            session.request(
                request.method, f"{self.behind}{request.raw_path}", data=BytesIO(await request.read()), headers=headers
            ) as answer,
        ):
            kept = {name: value for name, value in answer.headers.items() if name.lower() not in _HOPS}
            return web.Response(status=answer.status, body=await answer.read(), headers=kept)


def asked(request: web.Request) -> Asked:
    """Give the action that a request needs, and on what."""
    found = _SERVICE.search(request.headers.get("Authorization", ""))
    assert found, request.headers
    if found[1] != "s3":
        return f"{found[1]}:{request.headers['X-Amz-Target'].partition('.')[2]}", "*"
    # All steps of an upload in parts need s3:PutObject, but for giving it up.
    action = {"DELETE": "AbortMultipartUpload" if "uploadId" in request.query else "DeleteObject"}
    action |= {"GET": "GetObject", "PUT": "PutObject", "POST": "PutObject"}
    return f"s3:{action[request.method]}", f"arn:aws:s3:::{unquote(request.path).lstrip('/')}"


@asynccontextmanager
async def wire_to(url: str) -> AsyncIterator[Wire]:
    """Lay one."""
    wire = Wire(url)
    async with served(wire.serve) as wire.port:
        yield wire
