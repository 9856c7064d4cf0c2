"""What else a configuration is made of: other files, and secrets."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from pibridge.config.references import References, UnresolvedError
from pibridge.config.text import Tree

_FILE: Final = re.compile(r"\$\{file:([^}]+)\}")
_SECRET: Final = re.compile(r"\$\{secret:[^}]+\}")
_ENDING: Final = "_file"


def named_files(tree: Tree, references: References) -> frozenset[Path]:
    """Give the files in `${file:…}` and in keys that end in `_file`, whether the tree is valid or not."""
    return frozenset(Path(name) for key, text in _texts(tree, "") for name in _names(text, key, references))


def named_secrets(tree: Tree) -> frozenset[str]:
    """Give each `${secret:…}` as it is written."""
    return frozenset(found for _, text in _texts(tree, "") for found in _SECRET.findall(text))


def _texts(value: Any, key: str) -> Iterator[tuple[str, str]]:
    """Give all texts, each with its key; those in lists have none."""
    if isinstance(value, dict):
        for name, below in value.items():
            yield from _texts(below, name)
    elif isinstance(value, list):
        for below in value:
            yield from _texts(below, "")
    elif isinstance(value, str):
        yield key, value


def _names(text: str, key: str, references: References) -> Iterator[str]:
    yield from _FILE.findall(text)
    if key.endswith(_ENDING):
        try:
            yield references.replace(text)
        except UnresolvedError:
            return
