"""Which other files a configuration is made of."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from pibridge.config.references import References, UnresolvedError
from pibridge.config.text import Tree

_FILE: Final = re.compile(r"\$\{file:([^}]+)\}")
_ENDING: Final = "_file"


def named_files(tree: Tree, references: References) -> frozenset[Path]:
    """Give the files in `${file:…}` and in keys that end in `_file`, whether the tree is valid or not."""
    return frozenset(Path(name) for name in _names(tree, "", references))


def _names(value: Any, key: str, references: References) -> Iterator[str]:
    if isinstance(value, dict):
        for name, below in value.items():
            yield from _names(below, name, references)
    elif isinstance(value, list):
        for below in value:
            yield from _names(below, "", references)
    elif isinstance(value, str):
        yield from _FILE.findall(value)
        if key.endswith(_ENDING):
            try:
                yield references.replace(value)
            except UnresolvedError:
                return
