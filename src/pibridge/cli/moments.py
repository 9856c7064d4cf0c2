"""Times as people give them to a command."""

from datetime import UTC, datetime

from pydantic import TypeAdapter, ValidationError

from pibridge.errors import ConfigurationError
from pibridge.model import ticks
from pibridge.model.settings import Duration

_read_duration = TypeAdapter(Duration).validate_python


def moment(option: str, text: str, now_ticks: int) -> int:
    """Give the ticks of an ISO time (UTC where it names no zone), or of so long ago (`7d`). ConfigurationError."""
    if text[-1:].isalpha() and text[-1:] != "Z":
        try:
            return now_ticks - ticks.from_seconds(_read_duration(text))
        except ValidationError:
            raise _no_time(option, text) from None
    try:
        said = datetime.fromisoformat(text)
        return ticks.parse(text if said.tzinfo else f"{said.replace(tzinfo=UTC).isoformat()}")
    except ValueError:
        raise _no_time(option, text) from None


def _no_time(option: str, text: str) -> ConfigurationError:
    return ConfigurationError([f"{option} {text}: no time; write 2026-03-01, 2026-03-01T12:00:00Z, or 7d: so long ago"])
