"""A configuration that another machine will run: what only that machine has is taken for granted."""

import re
from collections.abc import Iterator
from typing import Any, Final

from pibridge.config.load import configuration, tree_of
from pibridge.config.problems import Problem
from pibridge.config.references import KeyPath
from pibridge.config.source import source_of
from pibridge.config.text import Tree
from pibridge.errors import ConfigurationError

_REFERENCE: Final = re.compile(r"\$\{[^}]*\}")
_ANY_POINT: Final = r"\\ELSEWHERE\ANY"


def look(name: str) -> Tree:
    """Give the tree of the configuration `name`: right, whatever its `${…}` and the CSV files that it names hold.

    Raises ConfigurationError with every problem, or UnavailableError: S3 does not answer.
    """
    tree, problems = tree_of(name, source_of(name).read()[0])
    try:
        configuration(_taken_for_granted(tree, ""), {}, problems)
    except ConfigurationError as error:
        beside = tuple(str(Problem(path, "")).rstrip() for path in _referring(tree, ()))
        if left := [problem for problem in error.problems if not problem.startswith(beside)]:
            raise ConfigurationError(left) from None
    return tree


def _taken_for_granted(value: Any, key: str) -> Any:
    if isinstance(value, dict):
        return dict(_entry(name, below) for name, below in value.items() if name != "assets_file")
    if isinstance(value, list):
        return [_taken_for_granted(below, key) for below in value]
    if not isinstance(value, str):
        return value
    whole = _REFERENCE.fullmatch(value) and key.endswith("url")
    return "https://elsewhere" if whole else _REFERENCE.sub("elsewhere", value)


def _entry(name: str, below: Any) -> tuple[str, Any]:
    return ("points", [_ANY_POINT]) if name == "points_file" else (name, _taken_for_granted(below, str(name)))


def _referring(value: Any, path: KeyPath) -> Iterator[KeyPath]:
    """Give the key paths of texts with references."""
    if isinstance(value, dict):
        for key, below in value.items():
            yield from _referring(below, (*path, key))
    elif isinstance(value, list):
        for place, below in enumerate(value):
            yield from _referring(below, (*path, place))
    elif isinstance(value, str) and _REFERENCE.search(value):
        yield path
