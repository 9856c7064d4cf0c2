from typing import Any

import pytest
from pydantic import ValidationError

from pibridge.remote.settings import RemoteSettings


def test_little_is_needed() -> None:
    """A sink's name is enough: health records, and no requests."""
    settings = RemoteSettings(via="cloud")
    assert settings.health is not None
    assert (settings.health.topic, settings.health.every, settings.commands) == ("pibridge/{site}/health", 60.0, None)


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        ({"health": {"topic": "a/{tag}"}}, "unknown {tag}; use {site}"),
        ({"health": {"topic": "a/{site"}}, "a brace without its partner"),
        ({"health": {"topic": "a/+"}}, "wildcard"),
        ({"commands": {"topic": "a/#"}}, "wildcard"),
        ({"commands": {"topic": "a", "answers": "a"}}, "answers on the topic of the requests"),
        ({"commands": {"run": "ls"}}, "Extra inputs"),
        ({"health": {"every": 0}}, "greater than 0"),
    ],
)
def test_what_cannot_be_is_refused(keys: dict[str, Any], said: str) -> None:
    """One topic each, another for the answers, nothing else."""
    with pytest.raises(ValidationError, match=said):
        RemoteSettings.model_validate({"via": "cloud", **keys})
