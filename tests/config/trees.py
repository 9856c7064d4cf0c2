"""Small configurations to start from."""

from copy import deepcopy
from typing import Any

from pibridge.config.load import configuration
from pibridge.errors import ConfigurationError

_SMALL: dict[str, Any] = {
    "site": "houston",
    "pi": {"url": "https://pi.example.com/piwebapi"},
    "streams": {"live": {"select": {"points": [r"\\PISRV1\SINUSOID"]}}},
    "sinks": {"local": {"type": "file"}},
}


def small(**changes: Any) -> dict[str, Any]:
    """Give the least that loads, with top-level keys changed; keys `a__b` reach below."""
    tree = deepcopy(_SMALL)
    for key, value in changes.items():
        *above, last = key.split("__")
        place = tree
        for step in above:
            place = place.setdefault(step, {})
        place[last] = value
    return tree


def problems_of(tree: dict[str, Any], environment: dict[str, str] | None = None) -> list[str]:
    """Give the problems of a tree, none if it loads."""
    try:
        configuration(tree, environment or {})
    except ConfigurationError as error:
        return error.problems
    return []
