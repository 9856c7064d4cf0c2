"""From a text to the configuration, or to all that is wrong with it."""

import os
from collections.abc import Iterator, Mapping
from copy import deepcopy
from typing import Any, Final

from pydantic import BaseModel, ValidationError

from pibridge.config.cross_checks import remote_ways, shared_places, unknown_streams, unsharded_places
from pibridge.config.files import problems_in_files
from pibridge.config.problems import Problem, in_order, of_validation
from pibridge.config.references import KeyPath, References, replace_all
from pibridge.config.settings import Configuration
from pibridge.config.source import source_of
from pibridge.config.text import Tree, read_json, read_yaml
from pibridge.errors import ConfigurationError
from pibridge.model.settings import Secret
from pibridge.pi.settings import PiSettings

_LEAST: Final[Tree] = {
    "site": "any",
    "streams": {"any": {"select": {"points": [r"\\ANY\ANY"]}}},
    "sinks": {"any": {"type": "file"}},
}
"""What a configuration has at the least, beside `pi`."""


def load(name: str) -> Configuration:
    """Read a configuration, YAML or (named `.json`) JSON, from a file or `s3://bucket/key`.

    Raises ConfigurationError with every problem, or UnavailableError: S3 does not answer.
    """
    text, _ = source_of(name).read()
    return parsed(name, text)


def parsed(name: str, text: str) -> Configuration:
    """Make the configuration of the text of the source `name`. Raises ConfigurationError with every problem."""
    tree, problems = tree_of(name, text)
    if problems and not tree:
        raise ConfigurationError(problems)
    return configuration(tree, os.environ, problems)


def tree_of(name: str, text: str) -> tuple[Tree, list[str]]:
    """Give the tree of the text of the source `name`, and what is wrong with it."""
    return read_json(text) if name.endswith(".json") else read_yaml(text)


def configuration(tree: Tree, environment: Mapping[str, str], problems: list[str] | None = None) -> Configuration:
    """Make the configuration from a tree as read from text. Raises ConfigurationError with every problem.

    `problems`: what was wrong with the text already.
    """
    references = References(environment)
    replaced, unresolved = replace_all(tree, references)
    found = [Problem(path, message) for path, message in unresolved.items()]
    result: Configuration | None = None
    try:
        result = Configuration.model_validate(replaced)
    except ValidationError as error:
        found += [each for each in of_validation(error, replaced) if each.path not in unresolved]
    else:
        found += [*shared_places(result), *unsharded_places(tree, result), *remote_ways(result)]
    found += unknown_streams(replaced)
    if found or problems or result is None:
        lines = [str(_unexpanded(each, tree, replaced)) for each in in_order(found, replaced)]
        raise ConfigurationError([*(problems or []), *lines])
    for path in _secrets(result):
        _put(replaced, path, references.secret(_get(tree, path)))
    complete = Configuration.model_validate(replaced)
    if wrong := list(problems_in_files(complete)):
        raise ConfigurationError(wrong)
    return complete


def connection(pi: Any, environment: Mapping[str, str]) -> tuple[PiSettings, Tree]:
    """Make the settings of PI alone of their part of a tree; give that part, too, with references for all secrets.

    Raises ConfigurationError with every problem.
    """
    settings = configuration({**_LEAST, "pi": pi}, environment).pi
    referring = deepcopy(pi)
    for path in _secrets(settings):
        if not str(_get(pi, path)).startswith("${"):
            _put(referring, path, f"${{env:PI_{str(path[-1]).upper()}}}")
    return settings, referring


def _secrets(value: object, path: KeyPath = ()) -> Iterator[KeyPath]:
    """Give the key paths of all secrets."""
    if isinstance(value, Secret):
        yield path
    elif isinstance(value, BaseModel):
        for key in value.model_fields_set:
            yield from _secrets(getattr(value, key), (*path, key))
    elif isinstance(value, dict):
        for key, below in value.items():
            yield from _secrets(below, (*path, key))


def _get(tree: Any, path: KeyPath) -> Any:
    for step in path:
        tree = tree[step]
    return tree


def _put(tree: Any, path: KeyPath, value: object) -> None:
    _get(tree, path[:-1])[path[-1]] = value


def _unexpanded(problem: Problem, tree: Any, replaced: Any) -> Problem:
    """Put `${…}` back where a message quotes what it stood for: that may be a secret."""
    message = problem.message
    for path, written, text in _differences(tree, replaced, ()):
        shorter = min(len(path), len(problem.path))
        if text and path[:shorter] == problem.path[:shorter]:
            message = message.replace(text, written)
    return problem._replace(message=message)


def _differences(tree: Any, replaced: Any, path: KeyPath) -> Iterator[tuple[KeyPath, str, str]]:
    if isinstance(tree, dict):
        for key, below in tree.items():
            yield from _differences(below, replaced[key], (*path, key))
    elif isinstance(tree, list):
        for place, below in enumerate(tree):
            yield from _differences(below, replaced[place], (*path, place))
    elif tree != replaced:
        yield path, tree, replaced
