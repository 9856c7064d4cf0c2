"""SiteWise's double: a real socket behind which each request and answer is judged by botocore's own service model."""

import asyncio
import json
import re
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Final

from aiohttp import web
from botocore import xform_name
from botocore.session import get_session
from botocore.validate import ParamValidator

from sinks.sitewise.account import Account, RefusedError

SERVICE: Final = get_session().get_service_model("iotsitewise")
_ACCESS_KEY: Final = re.compile(r"Credential=(\w+)/")


@dataclass
class Double:
    """`account`: what it holds. `refuses`: errors that the next requests get whole, None for none.

    `keys`: access keys that are let in; others have expired. `requests`: operation and parameters, in order.
    """

    account: Account
    url: str = ""
    refuses: list[RefusedError | None] = field(default_factory=list)
    keys: set[str] = field(default_factory=lambda: {"AKIATESTTESTTESTTEST"})
    requests: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    hold: asyncio.Event | None = None
    """While it is not set, nothing is answered."""

    def puts(self) -> list[list[tuple[str, int]]]:
        """Give alias and number of values of each entry, by request that put values."""
        return [
            [(entry["propertyAlias"], len(entry["propertyValues"])) for entry in asked["entries"]]
            for operation, asked in self.requests
            if operation == "BatchPutAssetPropertyValue"
        ]

    async def answer(self, request: web.BaseRequest) -> web.StreamResponse:
        """Answer one request."""
        try:
            return web.json_response(await self._said(request))
        except RefusedError as error:
            return web.json_response(
                {"message": str(error), "resourceId": "-", "resourceArn": "-"},
                status=error.status,
                headers={"x-amzn-ErrorType": error.code},
            )

    async def _said(self, request: web.BaseRequest) -> dict[str, Any]:
        name, asked = await _parsed(request)
        operation = SERVICE.operation_model(name)
        wrong = _judged(operation.input_shape, asked)
        self.requests.append((name, asked))
        if self.hold is not None:
            await self.hold.wait()
        key = _ACCESS_KEY.search(request.headers.get("Authorization", ""))
        if key is None or key[1] not in self.keys:
            raise RefusedError(403, "ExpiredTokenException", "The security token included in the request is expired")
        if (refusal := self.refuses.pop(0) if self.refuses else None) is not None:
            raise refusal
        if wrong:
            raise RefusedError(400, "InvalidRequestException", "; ".join(wrong))
        said: dict[str, Any] = getattr(self.account, xform_name(name))(asked)
        told = ParamValidator().validate(said, operation.output_shape).generate_report() if said else ""
        assert not told, told
        return said


def judged_put(entries: Sequence[dict[str, Any]]) -> list[str]:
    """Give what SiteWise's model finds wrong with a request that puts values."""
    shape = SERVICE.operation_model("BatchPutAssetPropertyValue").input_shape
    return _judged(shape, {"entries": entries, "enablePartialEntryProcessing": True})


def _judged(shape: Any, asked: dict[str, Any]) -> list[str]:
    report = ParamValidator().validate(asked, shape).generate_report()
    return [*([report] if report else []), *_problems(shape, asked)]


async def _parsed(request: web.BaseRequest) -> tuple[str, dict[str, Any]]:
    """Give operation and parameters; path, query and body have each their part."""
    for name in SERVICE.operation_names:
        operation = SERVICE.operation_model(name)
        pattern = re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", operation.http["requestUri"].rstrip("/"))
        match = re.fullmatch(pattern, request.path.rstrip("/"))
        if match is None or operation.http["method"] != request.method:
            continue
        body = await request.read()
        asked = {**match.groupdict(), **(json.loads(body) if body else {})}
        for member, shape in operation.input_shape.members.items():
            text = request.query.get(shape.serialization.get("name", member))
            if shape.serialization.get("location") == "querystring" and text is not None:
                asked[member] = int(text) if shape.type_name == "integer" else text
        return name, asked
    raise RefusedError(404, "UnknownOperationException", f"{request.method} {request.path}")


def _problems(shape: Any, value: Any, path: str = "") -> Iterator[str]:
    """Give what is wrong by patterns, lengths and choices, which botocore leaves to the server."""
    if shape.type_name == "structure":
        for name, inner in value.items():
            if name in shape.members:
                yield from _problems(shape.members[name], inner, f"{path}.{name}")
    elif shape.type_name == "list":
        for each in value:
            yield from _problems(shape.member, each, path)
    elif shape.type_name == "string":
        said = shape.metadata
        # Java's classes of letters are unknown here.
        pattern = said.get("pattern", "").replace(r"\p{L}", "\\w").replace(r"\p{N}", "").replace(r"\p{Zs}", " ")
        if pattern and not re.fullmatch(pattern, value):
            yield f"{path}: {value!r} does not match {pattern}"
        if not said.get("min", 0) <= len(value) <= said.get("max", 1 << 30):
            yield f"{path}: {len(value)} characters"
        if said.get("enum") and value not in said["enum"]:
            yield f"{path}: {value!r} is none of {said['enum']}"


@asynccontextmanager
async def sitewise(now_s: float, **account: Any) -> AsyncIterator[Double]:
    """Run one on a free port."""
    double = Double(Account(now_s, **account))
    runner = web.ServerRunner(web.Server(double.answer))
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port = runner.addresses[0][1]
    double.url = f"http://127.0.0.1:{port}"
    yield double
    await runner.cleanup()
