"""Which attributes the patterns and categories of a selection mean. Pure.

The name of a nested attribute is `Outer|Inner`. `*` and `?` stay within one level, `**` crosses levels; case does not
matter.
"""

import re
from collections.abc import Iterable, Sequence
from typing import Final

_WILDCARD: Final = re.compile(r"(\*\*|\*|\?)")
_MEANING: Final = {"**": ".*", "*": "[^|]*", "?": "[^|]"}


class AttributePatterns:
    """Patterns, and which of them have matched so far."""

    def __init__(self, patterns: Sequence[str]) -> None:
        self._patterns = {pattern: re.compile(_regex(pattern), re.IGNORECASE | re.DOTALL) for pattern in patterns}
        self._unused = dict.fromkeys(patterns)

    @property
    def reach_nested(self) -> bool:
        """Whether attributes below attributes can match."""
        return any("|" in pattern or "**" in pattern for pattern in self._patterns)

    @property
    def unused(self) -> list[str]:
        """The patterns that no attribute has matched."""
        return list(self._unused)

    def match(self, name: str) -> bool:
        """Tell whether any pattern means this attribute."""
        matching = [pattern for pattern, regex in self._patterns.items() if regex.fullmatch(name)]
        for pattern in matching:
            self._unused.pop(pattern, None)
        return bool(matching)


class AttributeCategories:
    """Categories, of which an attribute must have one (None: any or no category), and which have matched so far."""

    def __init__(self, names: Sequence[str] | None) -> None:
        self._wanted = None if names is None else {name.casefold() for name in names}
        self._unused = {name.casefold(): name for name in names or ()}

    @property
    def unused(self) -> list[str]:
        """The categories that no attribute had."""
        return list(self._unused.values())

    def match(self, names: Iterable[str]) -> bool:
        """Tell whether an attribute with these categories is meant."""
        if self._wanted is None:
            return True
        own = {name.casefold() for name in names}
        for name in own:
            self._unused.pop(name, None)
        return not self._wanted.isdisjoint(own)


def _regex(pattern: str) -> str:
    return "".join(_MEANING.get(part) or re.escape(part) for part in _WILDCARD.split(pattern))
