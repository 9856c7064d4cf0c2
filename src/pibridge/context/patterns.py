"""Names with wildcards, as people write them. Case does not matter, as in PI. Pure."""

import re
from typing import Final

_WILDCARD: Final = re.compile(r"/\*\*(?=/|$)|^\*\*/|\*\*|\*|\?")
_MEANING: Final = {"/**": "(?:/.*)?", "**/": "(?:.*/)?", "**": ".*", "*": "[^/]*", "?": "[^/]"}


def wildcards(pattern: str) -> re.Pattern[str]:
    """Compile a name or PI path: `*` stands for any run of characters, `?` for one."""
    text = re.escape(pattern).replace(r"\*", ".*").replace(r"\?", ".")
    return re.compile(text, re.IGNORECASE | re.DOTALL)


def levels(pattern: str) -> re.Pattern[str]:
    """Compile an asset's path: `*` stands for any run of characters within one level, `?` for one, `**` crosses levels.

    As a level of its own `**` stands for any number of levels, none included: `Plant/R1/**` is R1 and all below it.
    """
    text = ""
    end = 0
    for found in _WILDCARD.finditer(pattern):
        text += re.escape(pattern[end : found.start()]) + _MEANING[found[0]]
        end = found.end()
    return re.compile(text + re.escape(pattern[end:]), re.IGNORECASE | re.DOTALL)
