"""One request inside the simulator, whether it came by HTTP or in a batch: its question, its answer, its way."""

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any, Final
from urllib.parse import parse_qsl, unquote, urlencode

from pibridge.simulator.faults import Faults
from pibridge.simulator.plant import Plant
from pibridge.simulator.settings import SimulatorSettings
from pibridge.simulator.updates import Caches

ROOT: Final = "/piwebapi"


class Refused(Exception):  # noqa: N818 - an answer, no failure of the simulator
    """The request is answered with an error. `body`: JSON."""

    def __init__(self, status: HTTPStatus, *errors: str, body: Any = None) -> None:
        super().__init__(*errors)
        self.status = status
        self.body = {"Errors": list(errors)} if body is None else body


def bad_request(text: str) -> Refused:
    """Give a 400."""
    return Refused(HTTPStatus.BAD_REQUEST, text)


def not_found(text: str) -> Refused:
    """Give a 404."""
    return Refused(HTTPStatus.NOT_FOUND, text)


def conflict(text: str) -> Refused:
    """Give a 409."""
    return Refused(HTTPStatus.CONFLICT, text)


class Query:
    """The parameters of a URL. Their names do not care about case."""

    def __init__(self, text: str) -> None:
        self._values: dict[str, list[str]] = {}
        for name, value in parse_qsl(text, keep_blank_values=True):
            self._values.setdefault(name.lower(), []).append(value)

    def paged(self, start: int, count: int) -> str:
        """Give the parameters for another page."""
        others = {name: values for name, values in self._values.items() if name not in ("startindex", "maxcount")}
        return urlencode({**others, "startIndex": start, "maxCount": count}, doseq=True)

    def text(self, name: str, default: str = "") -> str:
        """Give the parameter; an empty one counts as absent."""
        return self._values.get(name.lower(), [""])[0] or default

    def many(self, name: str) -> list[str]:
        """Give a repeated parameter."""
        return self._values.get(name.lower(), [])

    def has(self, name: str) -> bool:
        """Say whether the parameter is there."""
        return name.lower() in self._values

    def flag(self, name: str) -> bool:
        """Give a boolean, false if absent."""
        return self.text(name).lower() == "true"

    def whole(self, name: str, default: int) -> int:
        """Give a whole number. 400 if it is none or below 0."""
        text = self.text(name)
        if not text:
            return default
        if not text.isdecimal():
            raise bad_request(f"The value '{text}' of parameter '{name}' is not valid.")
        return int(text)


@dataclass(frozen=True)
class Answer:
    """What the server says. `body`: JSON, or None for no body."""

    body: Any
    status: HTTPStatus = HTTPStatus.OK
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Call:
    """A request. `base`: the URL with `/piwebapi`. `path`: below it. `ids`: what varies in it. `now`: ticks.

    `caches`: the stream updates that users have registered.
    """

    plant: Plant
    settings: SimulatorSettings
    base: str
    now: int
    method: str = "GET"
    user: str | None = None
    path: str = "/"
    ids: Sequence[str] = ()
    query: Query
    body: bytes = b""
    faults: Faults
    caches: Caches
    dispatch: "Dispatch"


Handler = Callable[[Call], Any]
"""Gives the JSON body, an Answer, or an awaitable of either; raises Refused."""
Dispatch = Callable[["Call", str], Awaitable[Answer]]
"""Answers another request, of a batch: a call with its method and body, and its URL."""
Route = tuple[str, str, Handler]
"""Method, pattern below `/piwebapi` with `{}` for what varies, handler."""


class Router:
    """Finds the handler of a path. Names in paths do not care about case; a literal segment wins over `{}`."""

    def __init__(self, routes: Iterable[Route]) -> None:
        self._routes: dict[int, list[tuple[str, list[str], Handler]]] = {}
        for method, pattern, handler in sorted(routes, key=lambda route: route[1].count("{}")):
            segments = [segment for segment in pattern.split("/") if segment]
            self._routes.setdefault(len(segments), []).append((method, segments, handler))

    def find(self, method: str, path: str) -> tuple[Handler, list[str]]:
        """Give handler and variable segments for a path below `/piwebapi`. Refused with 404 or 405."""
        segments = [unquote(segment) for segment in path.split("/") if segment]
        known = False
        for allowed, pattern, handler in self._routes.get(len(segments), []):
            pairs = list(zip(pattern, segments, strict=True))
            if all(name in ("{}", segment.lower()) for name, segment in pairs):
                known = True
                if allowed == method:
                    return handler, [segment for name, segment in pairs if name == "{}"]
        if known:
            text = f"The requested resource does not support http method '{method}'."
            raise Refused(HTTPStatus.METHOD_NOT_ALLOWED, body={"Message": text})
        text = "No HTTP resource was found that matches the request URI."
        raise Refused(HTTPStatus.NOT_FOUND, body={"Message": text})
