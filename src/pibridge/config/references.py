"""`${env:NAME}`, `${file:PATH}` and `${secret:NAME#field}` inside the texts of the configuration."""

import re
from collections.abc import Callable, Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

from pibridge.errors import PIBridgeError, UnavailableError
from pibridge.greengrass.component import own_component
from pibridge.model.settings import Secret

KeyPath = tuple[str | int, ...]

_REFERENCE: Final = re.compile(r"\$\{([^}]*)\}")


class UnresolvedError(UnavailableError):
    """What a text refers to is not there. The text says what to do, and holds nothing secret."""


class References:
    """Replaces references in texts by what the environment, files and the nucleus say at that moment."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._environment = environment

    def replace(self, text: str) -> str:
        """Give the text with its references replaced. Raises UnresolvedError."""
        return _REFERENCE.sub(lambda match: self._read(match[1]), text)

    def secret(self, text: str) -> Secret:
        """Give a secret that is read anew at each `reveal()`."""
        return _WrittenSecret(text, self.replace)

    def digest(self, text: str) -> str:
        """Give what changes with what a text refers to, and shows nothing of it; nothing, if that is not there."""
        try:
            return sha256(self.replace(text).encode()).hexdigest()
        except UnresolvedError:
            return ""

    def _read(self, reference: str) -> str:
        kind, _, name = reference.partition(":")
        if kind == "env" and name:
            return self._variable(name)
        if kind == "file" and name:
            return _file_text(name)
        if kind == "secret" and name:
            return self._secret(name)
        raise UnresolvedError("holds an unknown reference; write ${env:NAME}, ${file:PATH} or ${secret:NAME#field}")

    def _variable(self, name: str) -> str:
        try:
            return self._environment[name]
        except KeyError:
            raise UnresolvedError(f"the environment variable {name} is not set; set it for the daemon") from None

    def _secret(self, reference: str) -> str:
        name, _, field = reference.partition("#")
        try:
            instead = "write ${env:NAME} or ${file:PATH}"
            component = own_component(f"${{secret:{reference}}}", self._environment, instead)
            # Loads awscrt, which only these references need.
            from pibridge.greengrass.secrets import vault_of  # noqa: PLC0415

            return vault_of(component).read(name, field)
        except PIBridgeError as problem:
            raise UnresolvedError(str(problem)) from None


class _WrittenSecret(Secret):
    """A secret as the configuration writes it. Equal to another that is written the same."""

    def __init__(self, text: str, replace: Callable[[str], str]) -> None:
        super().__init__(lambda: replace(text))
        self._text = text

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _WrittenSecret) and self._text == other._text

    def __hash__(self) -> int:
        return hash(self._text)


def replace_all(tree: Any, references: References) -> tuple[Any, dict[KeyPath, str]]:
    """Give the tree with all references replaced, and what is wrong by key path.

    A text that cannot be replaced stays as it is.
    """
    problems: dict[KeyPath, str] = {}

    def walk(value: Any, path: KeyPath) -> Any:
        if isinstance(value, dict):
            return {key: walk(below, (*path, key)) for key, below in value.items()}
        if isinstance(value, list):
            return [walk(below, (*path, place)) for place, below in enumerate(value)]
        if not isinstance(value, str):
            return value
        try:
            return references.replace(value)
        except UnresolvedError as problem:
            problems[path] = str(problem)
            return value

    return walk(tree, ()), problems


def _file_text(name: str) -> str:
    try:
        return Path(name).read_text(encoding="utf-8-sig").rstrip("\r\n")
    except OSError as problem:
        reason = problem.strerror or "cannot be read"
        raise UnresolvedError(f"the file {name} cannot be read: {reason}; make it readable for the daemon") from None
    except ValueError:
        raise UnresolvedError(f"the file {name} is no UTF-8 text; save it as UTF-8") from None
