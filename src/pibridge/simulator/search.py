"""The query texts of searches: `Name:=R* Template:=Reactor`, `tag:=sin* OR PointType:=Digital`."""

import re
from collections.abc import Callable, Mapping
from operator import ge, gt, le, lt
from types import MappingProxyType
from typing import Final

from pibridge.simulator.call import bad_request
from pibridge.simulator.objects import matches

_TERM: Final = re.compile(
    r"\s*(?:(?P<key>[A-Za-z]+)\s*:\s*(?:\{(?P<inner>[^}]*)\}|(?P<op>=|<>|!=|>=|<=|>|<)?\s*(?P<value>'[^']*'|\"[^\"]*\"|\S+))"
    r"|(?P<bare>'[^']*'|\"[^\"]*\"|\S+))"
)

_COMPARISONS: Final = {">": gt, ">=": ge, "<": lt, "<=": le}
Measure = Callable[[str], float]
Measures = Mapping[str, Measure]
_NOTHING: Final[Measures] = MappingProxyType({})
Term = tuple[str, str, str]
"""Name in lower case, with that of its group before a dot; operator; wanted value."""


def parse(query: str, bare: str) -> list[list[Term]]:
    """Give alternatives (joined by OR), each a list of terms that must hold. A bare text is a value of `bare`."""
    groups: list[list[Term]] = [[]]
    for match in _TERM.finditer(query):
        word = match["bare"]
        if word and word.upper() == "OR":
            groups.append([])
        elif word and word.upper() != "AND":
            groups[-1].append((bare, "=", _unquoted(word)))
        elif match["inner"] is not None:
            inner = parse(match["inner"], "name")[0]
            groups[-1] += [(f"{match['key'].lower()}.{key}", operator, value) for key, operator, value in inner]
        elif not word:
            groups[-1].append((match["key"].lower(), match["op"] or "=", _unquoted(match["value"])))
    return groups


def holds(groups: list[list[Term]], read: Callable[[str], list[str]], measures: Measures = _NOTHING) -> bool:
    """Say whether a thing fits. `read` gives what it has under a name; one of these must fit.

    `measures`: by name what makes a number of a text, where things are compared as more or less.
    """
    return any(
        all(_fits(read(key), operator, value, measures.get(key)) for key, operator, value in group) for group in groups
    )


def _fits(present: list[str], operator: str, wanted: str, measure: Measure | None) -> bool:
    if measure and operator in _COMPARISONS:
        return any(_COMPARISONS[operator](measure(each), measure(wanted)) for each in present)
    if operator == "=":
        return any(matches(each, wanted) for each in present)
    if operator in ("<>", "!="):
        return not any(matches(each, wanted) for each in present)
    raise bad_request(f"The operator '{operator}' is not supported in this query.")


def _unquoted(text: str) -> str:
    return text[1:-1] if text[:1] in "'\"" and text[-1:] == text[:1] else text
