"""Times as people write them."""

from datetime import datetime

from pibridge.errors import ConfigurationError
from pibridge.model import ticks


def ticks_of(option: str, text: str) -> int:
    """Give the time of an option; UTC unless it says otherwise. Raises ConfigurationError."""
    try:
        moment = datetime.fromisoformat(text)
        if moment.tzinfo is None:
            text = f"{text}Z" if ":" in text else f"{text}T00:00:00Z"
        return ticks.parse(text)
    except ValueError as error:
        raise ConfigurationError([f"{option} {text}: no time; write 2026-03-01 or 2026-03-01T12:00:00Z"]) from error
