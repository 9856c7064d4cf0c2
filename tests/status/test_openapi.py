import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientSession
from jsonschema import Draft202012Validator
from openapi_spec_validator import validate as validate_document

from pibridge.daemon.explaining import ExplainQuery, explain_endpoint
from pibridge.inspection.explanation import Explanation
from pibridge.model.event import Event
from pibridge.status.lines import Lines
from pibridge.status.server import StatusServer
from pibridge.status.settings import StatusSettings
from status.stage import NOW, staged

ASKED = {
    "/api/sparklines": "?tags=1,2",
    "/api/tag": "?number=1",
    "/static/{name}": "page.css",
    "/api/explain": "?tag=T1&at=1",
}


async def explained(query: ExplainQuery) -> Explanation:
    """Answer in place of a daemon."""
    return Explanation(asked=query.tag, at=query.at, daemon=True)


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[StatusServer]:
    """Give a server of a plant that says something."""
    async with staged(tmp_path, 12) as stage:
        await stage.wave([1, 2, 3], 10)
        await stage.tell(Event(4, NOW, {"Name": "On", "Value": 1, "IsSystem": False}))
        lines = Lines()
        lines.take(None, "info", {"event": "started", "time": "2026-03-01T12:00:00Z", "level": "info", "tags": 12})
        settings = StatusSettings(listen="127.0.0.1:0")
        server = StatusServer(settings, stage, lines, more=[explain_endpoint(explained)])
        await server.start()
        yield server
        await server.close()


@pytest.fixture
async def client(server: StatusServer) -> AsyncIterator[ClientSession]:
    """Give a client of it."""
    async with ClientSession(f"http://127.0.0.1:{server.port}") as client:
        yield client


async def described(client: ClientSession) -> dict[str, Any]:
    """Give the document."""
    async with client.get("/api/openapi.json") as answer:
        told: dict[str, Any] = await answer.json()
        return told


async def test_the_document_is_valid(client: ClientSession) -> None:
    """By the rules of OpenAPI 3.1."""
    validate_document(await described(client))


async def test_every_route_is_described(server: StatusServer, client: ClientSession) -> None:
    """And nothing is described that is not there."""
    said = await described(client)
    routes = {
        (route.method.lower(), route.resource.canonical)
        for route in server.routes
        if route.method != "HEAD" and route.resource is not None
    }
    assert routes == {(method, path) for path, methods in said["paths"].items() for method in methods}


async def test_every_answer_is_as_described(client: ClientSession) -> None:
    """Each route with a schema is asked, and its answer validated."""
    said = await described(client)
    judged = set()
    for path, methods in said["paths"].items():
        operation = methods.get("get", {})
        content = operation.get("responses", {}).get("200", {}).get("content", {})
        schema = content.get("application/json", {}).get("schema")
        if schema is None:
            continue
        async with client.get(path + ASKED.get(path, "")) as answer:
            assert answer.status in {200, 503}, path
            Draft202012Validator({**schema, "components": said["components"]}).validate(await answer.json())
        judged.add(path)
    assert len(judged) >= 9


async def test_a_refusal_is_as_described(client: ClientSession) -> None:
    """What cannot be answered says why, in the shape that the document has for it."""
    said = await described(client)
    for path in ("/api/tags?limit=none", "/api/tag?number=999"):
        async with client.get(path) as answer:
            assert answer.status in {400, 404}
            schema = {**said["components"]["schemas"]["Problem"], "components": said["components"]}
            Draft202012Validator(schema).validate(await answer.json())


async def test_parameters_say_what_they_take(client: ClientSession) -> None:
    """With their bounds, as the question's type has them."""
    said = await described(client)
    (limit,) = [each for each in said["paths"]["/api/tags"]["get"]["parameters"] if each["name"] == "limit"]
    assert (limit["schema"]["minimum"], limit["schema"]["maximum"], limit["required"]) == (1, 200, False)
    (number,) = [each for each in said["paths"]["/api/tag"]["get"]["parameters"] if each["name"] == "number"]
    assert number["required"]


async def test_every_route_is_documented(client: ClientSession) -> None:
    """The table in docs/status-page.md has each path, with each parameter, and no other."""
    page = (Path(__file__).parents[2] / "docs" / "status-page.md").read_text(encoding="utf-8")
    rows = dict(re.findall(r"^\| `(/[^`]*)` \| (.*) \|$", page.partition("## Endpoints")[2], flags=re.MULTILINE))
    said = await described(client)
    assert set(rows) == set(said["paths"])
    for path, methods in said["paths"].items():
        for parameter in methods.get("get", {}).get("parameters", []):
            assert f"`{parameter['name']}`" in rows[path] or parameter["in"] == "path", (path, parameter["name"])
