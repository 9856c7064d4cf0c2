"""What is wrong, in the words of who wrote the configuration."""

from collections.abc import Callable, Mapping
from difflib import get_close_matches
from typing import Any, Final, NamedTuple

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from pibridge.config.json_schema import branch, json_schema, resolved
from pibridge.config.references import KeyPath


class Problem(NamedTuple):
    """One thing that is wrong. `message`: what, and what to do."""

    path: KeyPath
    message: str

    def __str__(self) -> str:
        line = f"{'.'.join(map(str, self.path)) or 'configuration'}: {self.message}"
        return "".join(character if character.isprintable() else " " for character in line)


def of_validation(error: ValidationError, tree: object) -> list[Problem]:
    """Give what pydantic found in the tree. Nothing of a value is repeated, but for what our own validators quote."""
    return [
        _problem(found, tree)
        for found in error.errors(include_url=False)
        if found["type"] != "default_factory_not_called"  # what it depends on is a problem already
    ]


def in_order(problems: list[Problem], tree: object) -> list[Problem]:
    """Sort the problems as their keys stand in the tree; what is missing comes after what is there."""

    def place(problem: Problem) -> list[float]:
        places: list[float] = []
        here = tree
        for step in problem.path:
            if isinstance(here, dict) and step in here:
                places.append(list(here).index(step))
                here = here[step]
            else:
                places.append(step if isinstance(step, int) else float("inf"))
        return places

    return sorted(problems, key=place)


def _problem(found: ErrorDetails, tree: object) -> Problem:
    path, above, node = _locate(found["loc"], tree)
    context: Mapping[str, Any] = found.get("ctx", {})
    kind = found["type"]
    if kind == "missing":
        return Problem(path, f"missing; add it: {_first_sentence(node.get('description', 'it is needed'))}")
    if kind == "extra_forbidden":
        return Problem(path, f"unknown key; {_meant(str(path[-1]), list(above.get('properties', {})))}")
    if kind in ("union_tag_not_found", "union_tag_invalid"):
        key = str(context["discriminator"]).strip("'")
        what = "missing" if kind == "union_tag_not_found" else f"unknown {key}"
        known = ", ".join(resolved(node).get("discriminator", {}).get("mapping", {}))
        return Problem((*path, key), f"{what}; write one of {known}")
    if kind == "value_error":
        return Problem(path, found["msg"].removeprefix("Value error, "))
    if found.get("input") is None and kind in _OF_SECTIONS:
        return Problem(path, "empty; write its keys below it, or leave it out")
    say = _MESSAGES.get(kind)
    return Problem(path, say(context) if say else found["msg"])


def _locate(place: tuple[int | str, ...], tree: object) -> tuple[KeyPath, dict[str, Any], dict[str, Any]]:
    """Give the key path of a place that pydantic names, the schema above it, and its own."""
    path: list[int | str] = []
    above: dict[str, Any] = {}
    node = json_schema()
    written: Any = tree
    for step in place:
        if step == "[key]":
            break
        node = resolved(node)
        if "oneOf" in node:  # pydantic names the branch, which is no key
            node = branch(node, written)
            continue
        above = node
        known = node.get("properties", {}).get(step) or (node.get("items") if isinstance(step, int) else None)
        other = node.get("additionalProperties")
        node = known or (other if isinstance(other, dict) else {})
        written = _below(written, step)
        path.append(step)
    return tuple(path), above, node


def _below(written: Any, step: int | str) -> Any:
    if isinstance(written, dict):
        return written.get(step)
    if isinstance(written, list) and isinstance(step, int) and step < len(written):
        return written[step]
    return None


def _meant(key: str, known: list[str]) -> str:
    close = get_close_matches(key, known, n=1)
    return f"did you mean {close[0]}?" if close else f"known here: {', '.join(known)}"


def _first_sentence(text: str) -> str:
    return text.partition(". ")[0].rstrip(".").strip()


def _one_of(context: Mapping[str, Any]) -> str:
    return f"not one of the choices; write {context['expected']}".replace("'", "")


_OF_SECTIONS: Final = ("model_type", "model_attributes_type", "dict_type", "list_type", "tuple_type", "frozen_set_type")

_MESSAGES: Final[dict[str, Callable[[Mapping[str, Any]], str]]] = {
    "bool_parsing": lambda _: "neither true nor false; write one of them",
    "bool_type": lambda _: "neither true nor false; write one of them",
    "int_parsing": lambda _: "not a whole number; write digits only",
    "int_from_float": lambda _: "not a whole number; write digits only",
    "int_type": lambda _: "not a whole number; write digits only",
    "float_parsing": lambda _: "not a number; write one, such as 2.5",
    "float_type": lambda _: "not a number; write one, such as 2.5",
    "finite_number": lambda _: "not a finite number; write one, such as 2.5",
    "string_type": lambda _: "not a text; write one, in quotes if it looks like something else",
    "path_type": lambda _: "not a path; write one as text",
    "string_too_short": lambda context: f"too short; write at least {context['min_length']} characters",
    "too_short": lambda context: f"too few entries; write at least {context['min_length']}",
    "model_type": lambda _: "not a set of keys; write its keys below it",
    "model_attributes_type": lambda _: "not a set of keys; write its keys below it",
    "dict_type": lambda _: "not a set of keys; write names with their settings below it",
    "list_type": lambda _: "not a list; write [a, b] or one entry a line after a dash",
    "tuple_type": lambda _: "not a list; write [a, b] or one entry a line after a dash",
    "frozen_set_type": lambda _: "not a list; write [a, b] or one entry a line after a dash",
    "literal_error": _one_of,
    "enum": _one_of,
    "greater_than": lambda context: f"too small; write more than {context['gt']:g}",
    "greater_than_equal": lambda context: f"too small; write at least {context['ge']:g}",
    "less_than": lambda context: f"too large; write less than {context['lt']:g}",
    "less_than_equal": lambda context: f"too large; write at most {context['le']:g}",
}
