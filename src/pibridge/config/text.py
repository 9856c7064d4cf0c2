"""From YAML or JSON text to a tree of mappings, lists and texts.

Every scalar stays the text that was written: `12:30`, `0815`, `on` and `1e3` are what they look like until the settings
say what they have to be. Only null is told apart, in JSON also true and false.
"""

import json
import re
from typing import Any, Final

import yaml

Tree = dict[str, Any]
"""Mappings (dict), lists, texts, null (None), and booleans where the source has them."""

_YAML: Final = "tag:yaml.org,2002:"
_PLAIN_TAGS: Final = {f"{_YAML}{kind}" for kind in ("null", "str", "seq", "map")}
_NAMED: Final = re.compile(r"(alias|anchor|handle) .*")
_DEEP: Final = "nested too deep, or inside itself; write it flat"


class _PlainLoader(yaml.SafeLoader):
    """Knows texts and null only."""


_PlainLoader.yaml_implicit_resolvers = {}
_PlainLoader.add_implicit_resolver(f"{_YAML}null", re.compile(r"^(?:~|null|Null|NULL|)$"), ["~", "n", "N", ""])


def read_json(text: str) -> tuple[Tree, list[str]]:
    """Give the tree of a JSON text and what is wrong with it."""
    problems: list[str] = []

    def mapping(pairs: list[tuple[str, Any]]) -> Tree:
        tree: Tree = {}
        for key, value in pairs:
            if key in tree:
                problems.append(f"{key}: written twice in one object; keep one of them")
            tree[key] = value
        return tree

    try:
        tree = json.loads(text, object_pairs_hook=mapping, parse_int=str, parse_float=str, parse_constant=str)
    except json.JSONDecodeError as problem:
        return {}, [f"line {problem.lineno}, column {problem.colno}: not JSON: {problem.msg}; mend it there"]
    except RecursionError:
        return {}, [f"configuration: {_DEEP}"]
    return _whole(tree, problems)


def read_yaml(text: str) -> tuple[Tree, list[str]]:
    """Give the tree of a YAML text and what is wrong with it."""
    problems: list[str] = []
    try:
        node = yaml.compose(text, _PlainLoader)
        tree = None if node is None else _value(node, "", problems)
    except yaml.MarkedYAMLError as problem:
        return {}, [_syntax_problem(problem)]
    except yaml.YAMLError:
        return {}, ["configuration: not YAML: it holds characters that cannot be printed; save the file as UTF-8"]
    except RecursionError:
        return {}, [f"configuration: {_DEEP}"]
    return _whole(tree, problems)


def _whole(tree: Any, problems: list[str]) -> tuple[Tree, list[str]]:
    if isinstance(tree, dict):
        return tree, problems
    what = "is empty" if tree is None else "is no set of keys"
    return {}, [*problems, f"configuration: {what}; write at least site, pi.url, one stream and one sink"]


def _syntax_problem(problem: yaml.MarkedYAMLError) -> str:
    mark = problem.problem_mark or problem.context_mark
    place = f"line {mark.line + 1}, column {mark.column + 1}: " if mark else ""
    # What PyYAML takes for the name of an alias, an anchor or a tag can be a password that stands without quotes.
    cause = _NAMED.sub(r"\1", problem.problem or problem.context or "cannot be read")
    return f"{place}not YAML: {cause}; check indentation, and put texts with special characters in single quotes"


def _value(node: yaml.Node, path: str, problems: list[str]) -> Any:
    if node.tag not in _PLAIN_TAGS:
        problems.append(f"{_place(node, path)} YAML tags (! …) are not used here; put the text in quotes")
        return None
    if isinstance(node, yaml.MappingNode):
        return _mapping(node, path, problems)
    if isinstance(node, yaml.SequenceNode):
        return [_value(item, f"{path}.{place}", problems) for place, item in enumerate(node.value)]
    return None if node.tag == f"{_YAML}null" else node.value


def _mapping(node: yaml.MappingNode, path: str, problems: list[str]) -> Tree:
    tree: Tree = {}
    for key_node, value_node in node.value:
        if not isinstance(key_node, yaml.ScalarNode):
            problems.append(f"{_place(key_node, path)} a key must be a text")
            continue
        key = str(key_node.value)
        below = f"{path}.{key}" if path else key
        if key in tree:
            problems.append(f"{_place(key_node, below)} written twice; keep one of them")
            continue
        tree[key] = _value(value_node, below, problems)
    return tree


def _place(node: yaml.Node, path: str) -> str:
    return f"{path or 'configuration'} (line {node.start_mark.line + 1}):"
