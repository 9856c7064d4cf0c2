"""The configuration of a Greengrass component: the tree itself, or where it is."""

import json
from typing import Any, Final

from pibridge.config.load import parsed
from pibridge.config.source import Source, Version, source_of
from pibridge.errors import ConfigurationError, UnavailableError
from pibridge.greengrass.deployment import Deployment

OWN_NAME: Final = "component-configuration.json"
_ELSEWHERE: Final = "config_from"
_NOT_OURS: Final = "accessControl"
"""Of the nucleus, which keeps it in the same tree."""


class GreengrassSource:
    """What is deployed for this component, beside `accessControl`; or what `config_from` names there.

    A configuration that a deployment proposes is judged as one that is loaded.
    """

    def __init__(self, deployment: Deployment) -> None:
        self._deployment = deployment
        self._elsewhere: Source | None = None
        deployment.judge = _problems

    @property
    def name(self) -> str:
        """What people call it."""
        return OWN_NAME if self._elsewhere is None else self._elsewhere.name

    def version(self) -> Version:
        """Give a number that grows with each change of the component's configuration, and the version elsewhere."""
        changes = self._deployment.changes()
        return changes, None if self._elsewhere is None else self._elsewhere.version()

    def read(self) -> tuple[str, Version]:
        """Ask the nucleus for all of it, and read what it names."""
        changes = self._deployment.changes()
        tree = _ours(self._deployment.configuration())
        found = _elsewhere(tree)
        # The one that is known already knows what it has read.
        known = self._elsewhere
        self._elsewhere = known if known is not None and found is not None and known.name == found.name else found
        if self._elsewhere is None:
            return json.dumps(tree, sort_keys=True), (changes, None)
        text, version = self._elsewhere.read()
        return text, (changes, version)


def _problems(proposed: dict[str, Any]) -> list[str]:
    """Give what is wrong with a tree; nothing if that cannot be told now."""
    try:
        tree = _ours(proposed)
        source = _elsewhere(tree)
        if source is None:
            parsed(OWN_NAME, json.dumps(tree))
        else:
            parsed(source.name, source.read()[0])
    except ConfigurationError as error:
        return error.problems
    except UnavailableError:
        return []
    return []


def _ours(tree: dict[str, Any]) -> dict[str, Any]:
    return {key: below for key, below in tree.items() if key != _NOT_OURS}


def _elsewhere(tree: dict[str, Any]) -> Source | None:
    name = tree.get(_ELSEWHERE)
    if not name:
        tree.pop(_ELSEWHERE, None)
        return None
    if not isinstance(name, str):
        raise ConfigurationError([f"{_ELSEWHERE}: no text; write the name of a file, or s3://bucket/key"])
    if beside := ", ".join(key for key in tree if key != _ELSEWHERE):
        raise ConfigurationError([f"{_ELSEWHERE}: stands beside {beside}; keep either it alone or them"])
    return source_of(name)
