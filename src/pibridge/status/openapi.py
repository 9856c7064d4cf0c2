"""The API in the words of OpenAPI 3.1, made from the table of endpoints and the types of their answers."""

from collections.abc import Sequence
from typing import Any, Final

import msgspec
from msgspec import Struct

from pibridge import __version__
from pibridge.status.endpoints import Endpoint

_REF: Final = "#/components/schemas/{name}"


class Readiness(Struct, frozen=True):
    """Whether all is well, and if not why, a line each."""

    ready: bool
    reasons: list[str]


class Problem(Struct, frozen=True):
    """Why there is no answer."""

    error: str


OTHERS: Final[dict[str, dict[str, Any]]] = {
    "/": {
        "summary": "The page for people; without a sign-in, where one is asked for, the form for it.",
        "type": "text/html",
    },
    "/static/{name}": {"summary": "A file of the page.", "type": "text/plain", "open": True},
    "/healthz": {"summary": "200 while the process lives.", "type": "text/plain", "open": True},
    "/metrics": {"summary": "Metrics for Prometheus.", "type": "text/plain"},
    "/api/events": {
        "summary": "Server-sent events every two seconds: status, newest point of the charts, id of the last log line.",
        "type": "text/event-stream",
    },
    "/api/openapi.json": {"summary": "This document.", "type": "application/json"},
}
"""Routes with GET that answer otherwise than with a described object."""


def document(endpoints: Sequence[Endpoint]) -> dict[str, Any]:
    """Give the document."""
    answers = [endpoint.answer for endpoint in endpoints]
    queries = [endpoint.query for endpoint in endpoints]
    schemas, components = msgspec.json.schema_components([*answers, *queries, Readiness, Problem], ref_template=_REF)
    described = dict(zip([*answers, *queries, Readiness, Problem], schemas, strict=True))
    paths: dict[str, Any] = {path: {"get": _other(path, other)} for path, other in OTHERS.items()}
    paths["/readyz"] = {"get": _ready(described[Readiness])}
    paths["/signin"] = {"post": _sign_in()}
    for endpoint in endpoints:
        query = components[endpoint.query.__name__]
        paths[endpoint.path] = {
            "get": {
                "summary": endpoint.summary,
                "parameters": [_parameter(name, schema, query) for name, schema in query["properties"].items()],
                "responses": {
                    "200": _json("The answer.", described[endpoint.answer]),
                    "default": _json("Why there is none.", described[Problem]),
                },
            }
        }
    kept = {name: schema for name, schema in components.items() if name not in {query.__name__ for query in queries}}
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "PI Bridge status",
            "version": __version__,
            "description": "Read only. With `status.token` set: Authorization: Bearer, or the cookie of the sign-in.",
        },
        "paths": dict(sorted(paths.items())),
        "components": {
            "schemas": kept,
            "securitySchemes": {
                "bearer": {"type": "http", "scheme": "bearer"},
                "cookie": {"type": "apiKey", "in": "cookie", "name": "pibridge"},
            },
        },
        "security": [{}, {"bearer": []}, {"cookie": []}],
    }


def _parameter(name: str, schema: dict[str, Any], query: dict[str, Any]) -> dict[str, Any]:
    return {"name": name, "in": "query", "required": name in query.get("required", ()), "schema": schema}


def _other(path: str, other: dict[str, Any]) -> dict[str, Any]:
    operation: dict[str, Any] = {
        "summary": other["summary"],
        "responses": {"200": {"description": "The answer.", "content": {other["type"]: {}}}},
    }
    if other.get("open"):
        operation["security"] = []
    if "{name}" in path:
        operation["parameters"] = [{"name": "name", "in": "path", "required": True, "schema": {"type": "string"}}]
    return operation


def _ready(schema: dict[str, Any]) -> dict[str, Any]:
    return {
        "summary": "200 when all is well, else 503; with the reasons.",
        "responses": {"200": _json("Ready.", schema), "503": _json("Not ready.", schema)},
    }


def _sign_in() -> dict[str, Any]:
    form = {"type": "object", "properties": {"token": {"type": "string"}}, "required": ["token"]}
    return {
        "summary": "Sign in with the token: sets the cookie.",
        "security": [],
        "requestBody": {"content": {"application/x-www-form-urlencoded": {"schema": form}}},
        "responses": {
            "303": {"description": "Signed in; on to the page."},
            "401": {"description": "The token is wrong."},
            "429": {"description": "Too many wrong tokens; Retry-After says how long to wait."},
        },
    }


def _json(description: str, schema: dict[str, Any]) -> dict[str, Any]:
    return {"description": description, "content": {"application/json": {"schema": schema}}}
