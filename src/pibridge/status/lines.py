"""The last log lines, for the page: so many, none longer than a screen shows."""

from collections import deque
from collections.abc import MutableMapping
from itertools import count
from typing import Any, Final

from msgspec import Struct

MOST_LINES: Final = 300
_MOST_FIELDS: Final = 20
_LONGEST_TEXT: Final = 400


class Line(Struct, frozen=True):
    """One log line. `id`: grows by one with each. `time`: as text, UTC. `fields`: what it names, as texts."""

    id: int
    time: str
    level: str
    event: str
    fields: dict[str, str] = {}


class Lines:
    """A ring of log lines. `take` is a processor of structlog, and may be called by any thread."""

    def __init__(self, most: int = MOST_LINES) -> None:
        self._ids = count(1)
        self._lines: deque[Line] = deque(maxlen=most)

    def take(self, _logger: object, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
        """Keep a line; give it on as it is."""
        named = {key: value for key, value in event.items() if key not in {"event", "level", "time"}}
        fields = {key: _short(value) for key, value in list(named.items())[:_MOST_FIELDS]}
        line = Line(
            next(self._ids),
            _short(event.get("time", "")),
            _short(event.get("level", "")),
            _short(event.get("event", "")),
            fields,
        )
        self._lines.append(line)
        return event

    @property
    def newest_id(self) -> int:
        """Id of the last line; 0 before the first."""
        lines = self._lines.copy()
        return lines[-1].id if lines else 0

    def after(self, line_id: int) -> list[Line]:
        """Give the lines that are kept and came behind this one, the oldest first."""
        return [line for line in self._lines.copy() if line.id > line_id]


def _short(value: object) -> str:
    text = str(value)
    return text if len(text) <= _LONGEST_TEXT else f"{text[:_LONGEST_TEXT]} …"
