"""What the configuration may say and this version does not do yet."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from pibridge.config.problems import Problem
from pibridge.config.references import KeyPath

_WILDCARD: Final = "*"

_UNBUILT_VALUES: Final[Mapping[KeyPath, tuple[Sequence[str], str]]] = {}
"""By key: the values that are not built, and what there is instead."""


def unbuilt(tree: object) -> list[Problem]:
    """Give a problem for each thing that the tree asks for and this version does not have."""
    return [
        Problem(path, f"{value} is not built in this version; it has {built}")
        for pattern, (unbuilt_values, built) in _UNBUILT_VALUES.items()
        for path, value in _matches(tree, pattern)
        if value in unbuilt_values
    ]


def _matches(tree: Any, pattern: KeyPath, path: KeyPath = ()) -> Iterator[tuple[KeyPath, Any]]:
    if not pattern:
        yield path, tree
    elif isinstance(tree, dict):
        for key in tree if pattern[0] == _WILDCARD else tree.keys() & {pattern[0]}:
            yield from _matches(tree[key], pattern[1:], (*path, key))
