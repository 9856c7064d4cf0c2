"""Templates of AF: which are derived from which. Pure."""

import re
from collections.abc import Iterable, Mapping
from typing import Final

from pibridge.pi.wire import ElementTemplate

_IN_BRACKETS: Final = re.compile(r"\[([^\]]*)\]$")


def with_derived(name: str, templates: Iterable[ElementTemplate]) -> list[str]:
    """Give the template of this name and those derived from it at any depth, as PI writes them; empty: none."""
    by_name = {template.name.casefold(): template for template in templates}
    if name.casefold() not in by_name:
        return []
    family = [name.casefold()]
    for member in family:  # grows while it is read
        family += [key for key, template in by_name.items() if _base(template) == member and key not in family]
    return [by_name[key].name for key in family]


def lineages(templates: Iterable[ElementTemplate]) -> dict[str, tuple[str, ...]]:
    """Give for each template its name and those that it is derived from, its own first; all names in lower case."""
    bases = {template.name.casefold(): _base(template) for template in templates}
    return {name: _lineage(name, bases) for name in bases}


def _lineage(name: str, bases: Mapping[str, str]) -> tuple[str, ...]:
    line = [name]
    while (base := bases.get(line[-1])) and base not in line:
        line.append(base)
    return tuple(line)


def _base(template: ElementTemplate) -> str:
    """Give the name of the template it is derived from, whether PI tells name or path."""
    path = _IN_BRACKETS.search(template.base_template)
    return (path[1] if path else template.base_template).casefold()
