"""`POST /batch`: many requests in one, some built from the answers to others."""

import asyncio
import re
from collections.abc import Mapping
from dataclasses import replace
from http import HTTPStatus
from typing import Any, Final

import msgspec

from pibridge.simulator.call import Answer, Call, Refused, Route, bad_request

_STEP: Final = re.compile(r"\.([^.\[\]]+)|\[(\*|\d+|'[^']*')\]")
_FAILURE: Final = 400


class Template(msgspec.Struct, rename="pascal"):
    """What each of many sub-requests is made from."""

    resource: str


class Part(msgspec.Struct, rename="pascal"):
    """One request of a batch. `content`: a text that holds JSON."""

    method: str
    resource: str | None = None
    request_template: Template | None = None
    parameters: list[str] = []
    parent_ids: list[str] = []
    headers: dict[str, str] = {}
    content: str | None = None


async def execute(call: Call) -> Answer:
    """Answer a batch: 207 with an answer for each request, those without parents at once, the others after them."""
    try:
        parts = msgspec.json.decode(call.body, type=dict[str, Part])
    except msgspec.DecodeError as error:
        raise bad_request(f"The batch request is not valid: {error}") from error
    answers: dict[str, dict[str, Any]] = {}
    waiting = dict(parts)
    while waiting:
        ready = [name for name, part in waiting.items() if all(parent in answers for parent in part.parent_ids)]
        if not ready:
            raise bad_request("The ParentIds of the batch request name unknown requests or each other.")
        done = await asyncio.gather(*(_run(call, waiting.pop(name), answers) for name in ready))
        answers.update(zip(ready, done, strict=True))
    return Answer({name: answers[name] for name in parts}, HTTPStatus.MULTI_STATUS)


async def _run(call: Call, part: Part, answers: Mapping[str, dict[str, Any]]) -> dict[str, Any]:
    if failed := [parent for parent in part.parent_ids if answers[parent]["Status"] >= _FAILURE]:
        return _error(HTTPStatus.CONFLICT, f"The parent request '{failed[0]}' failed.")
    try:
        tokens = [select(path, answers) for path in part.parameters]
        if part.request_template is not None:
            urls = _fill_each(part.request_template.resource, tokens)
            items = await asyncio.gather(*(_one(call, part, url) for url in urls))
            body = {"Total": len(items), "Items": items}
            return {"Status": int(HTTPStatus.MULTI_STATUS), "Headers": {}, "Content": body}
        url = part.resource or ""
        if url.startswith("$"):
            url = str(select(url, answers)[0])
        return await _one(call, part, _fill(url, [found[0] for found in tokens]))
    except LookupError as error:
        return _error(HTTPStatus.BAD_REQUEST, f"The parameters of the request cannot be resolved: {error}")


async def _one(call: Call, part: Part, url: str) -> dict[str, Any]:
    inner = replace(call, method=part.method.upper(), body=(part.content or "").encode())
    try:
        answer = await call.dispatch(inner, url)
    except Refused as refusal:
        return {"Status": int(refusal.status), "Headers": _headers(), "Content": refusal.body}
    return {"Status": int(answer.status), "Headers": {**_headers(), **answer.headers}, "Content": answer.body}


def select(path: str, answers: Mapping[str, Any]) -> list[Any]:
    """Give what a JsonPath such as `$.2.Content.Items[*].WebId` selects, at least one thing. LookupError if nothing."""
    found: list[Any] = [answers]
    place = 1
    while place < len(path):
        match = _STEP.match(path, place)
        if match is None:
            raise LookupError(path)
        found = [child for each in found for child in _children(each, match[1] or match[2])]
        place = match.end()
    if not found:
        raise LookupError(path)
    return found


def _children(value: Any, step: str) -> list[Any]:
    if isinstance(value, Mapping):
        name = step.strip("'")
        return list(value.values()) if step == "*" else [value[name]] if name in value else []
    if not isinstance(value, list):
        return []
    if step == "*":
        return value
    return value[int(step) : int(step) + 1] if step.isdecimal() else []


def _fill(url: str, values: list[Any]) -> str:
    for number, value in enumerate(values):
        url = url.replace(f"{{{number}}}", str(value))
    return url


def _fill_each(url: str, tokens: list[list[Any]]) -> list[str]:
    count = max(map(len, tokens), default=1)
    return [_fill(url, [found[at] if len(found) > 1 else found[0] for found in tokens]) for at in range(count)]


def _headers() -> dict[str, str]:
    return {"Content-Type": "application/json; charset=utf-8"}


def _error(status: HTTPStatus, text: str) -> dict[str, Any]:
    return {"Status": int(status), "Headers": _headers(), "Content": {"Errors": [text]}}


ROUTES: Final[list[Route]] = [("POST", "/batch", execute)]
