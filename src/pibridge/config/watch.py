"""Notices that the configuration, or a file or secret that it names, has changed."""

import os
from collections.abc import Hashable
from typing import TYPE_CHECKING, Final

from pibridge.config.load import parsed, tree_of
from pibridge.config.loaded import Loaded
from pibridge.config.named import named_files, named_secrets
from pibridge.config.references import References
from pibridge.config.source import Source, signature
from pibridge.errors import UnavailableError

if TYPE_CHECKING:
    from pathlib import Path

_REST_S: Final = 1.0
"""How long nothing may change before it is read: a file may be in the middle of being written."""


class Watch:
    """Reads a source, and looks at it and at what it names. All calls block."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self._references = References(os.environ)
        self._named: frozenset[Path] = frozenset()
        self._secrets: frozenset[str] = frozenset()
        self._read: Hashable = None
        self._seen: Hashable = None
        self._since_s = 0.0

    def load(self) -> Loaded:
        """Read all anew. Raises ConfigurationError with every problem, or UnavailableError."""
        self._read = self._seen = self._state()
        try:
            text, version = self._source.read()
        except UnavailableError:
            self._read = None
            raise
        tree, _ = tree_of(self._source.name, text)
        self._named = named_files(tree, self._references)
        self._secrets = named_secrets(tree)
        self._read = self._seen = (version, self._beside())
        return Loaded.of(parsed(self._source.name, text), text)

    def look(self, now_s: float) -> bool:
        """Tell whether there is something new to load, which has been left alone for a while.

        `now_s`: any steady clock. Raises UnavailableError.
        """
        state = self._state()
        if state != self._seen:
            self._seen, self._since_s = state, now_s
        return state != self._read and now_s - self._since_s >= _REST_S

    def _state(self) -> Hashable:
        return self._source.version(), self._beside()

    def _beside(self) -> Hashable:
        files = tuple((file, signature(file)) for file in sorted(self._named))
        return files, tuple((secret, self._references.digest(secret)) for secret in sorted(self._secrets))
