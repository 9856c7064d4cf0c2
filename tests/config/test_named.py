from pathlib import Path
from typing import Any

import pytest

from pibridge.config.named import named_files, named_secrets
from pibridge.config.references import References


@pytest.mark.parametrize(
    ("tree", "files"),
    [
        ({"pi": {"auth": {"password": "a${file:/run/pw}b${file:/run/more}"}}}, {"/run/pw", "/run/more"}),
        ({"streams": {"a": {"select": {"points_file": "tags.csv"}}}}, {"tags.csv"}),
        ({"context": {"assets_file": "${env:FOLDER}/assets.csv"}}, {"/plant/assets.csv"}),
        ({"context": {"assets_file": "${env:UNKNOWN}/assets.csv"}}, set()),
        ({"pi": {"tls": {"ca_file": None}}, "sinks": [{"x": ["${file:deep}"]}]}, {"deep"}),
        ({}, set()),
    ],
)
def test_files_are_found_wherever_they_are_named(tree: dict[str, Any], files: set[str]) -> None:
    """References and keys that end in `_file` count, also in a tree that is not valid."""
    assert named_files(tree, References({"FOLDER": "/plant"})) == {Path(name) for name in files}


def test_secrets_are_found_wherever_they_are_named() -> None:
    """Each is given once, as it is written."""
    tree = {
        "pi": {"auth": {"username": "${secret:pi#user}", "password": "${secret:pi#password}"}},
        "a": ["x${secret:b}"],
    }
    assert named_secrets({**tree, "again": "${secret:b}"}) == {
        "${secret:pi#user}",
        "${secret:pi#password}",
        "${secret:b}",
    }
