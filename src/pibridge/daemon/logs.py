"""How the daemon's log lines look: to standard error, JSON or for people."""

import logging
import sys
from collections.abc import MutableMapping
from typing import Any, Final

import structlog

from pibridge.config.settings import LogSettings
from pibridge.status.lines import Lines
from pibridge.status.redaction import redacted

RECENT: Final = Lines()
"""The last lines of this process, for its page: structlog, too, is one for the process."""


def configure(settings: LogSettings) -> None:
    """Set up logging for this process."""
    render = (
        structlog.processors.JSONRenderer()
        if settings.format == "json"
        else structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty(), pad_event_to=0)
    )
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True, key="time"),
            structlog.processors.format_exc_info,
            redact,
            RECENT.take,
            render,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[settings.level.upper()]),
        logger_factory=structlog.WriteLoggerFactory(file=sys.stderr),
        cache_logger_on_first_use=False,
    )


def redact(_logger: object, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Take out what looks like a secret; a processor of structlog."""
    return {key: redacted(key, value) for key, value in event.items()}
