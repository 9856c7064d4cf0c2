from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pibridge.config.json_schema import json_schema, resolved

DOCUMENT = Path(__file__).parents[2] / "docs" / "configuration.md"


def keys(node: dict[str, Any], path: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    """Give every key of the schema with its path, `<name>` for names that the user gives."""
    node = resolved(node)
    for alternative in node.get("oneOf", []):
        yield from keys(alternative, path)
    for key, below in node.get("properties", {}).items():
        yield path + key, below
        yield from keys(below, f"{path}{key}.")
    if isinstance(node.get("additionalProperties"), dict):
        yield from keys(node["additionalProperties"], f"{path}<name>.")
    if isinstance(node.get("items"), dict):
        yield from keys(node["items"], path)


def test_every_key_is_described() -> None:
    """Editors can say what each key means."""
    found = list(keys(json_schema()))
    assert len(found) > 100
    assert [path for path, node in found if not (node.get("description") or resolved(node).get("description"))] == []


def test_every_key_is_documented() -> None:
    """docs/configuration.md has a row for each key, and none for a key that is not there."""
    known = {path for path, _ in keys(json_schema())}
    rows = [line.split("`")[1] for line in DOCUMENT.read_text(encoding="utf-8").splitlines() if line.startswith("| `")]
    assert sorted(known - set(rows)) == []
    assert sorted(set(rows) - known) == []
    assert len(rows) == len(set(rows))


def test_the_schema_says_which_it_is() -> None:
    """Editors know the dialect, and what is required."""
    schema = json_schema()
    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert sorted(schema["required"]) == ["pi", "sinks", "site", "streams"]
    assert schema["additionalProperties"] is False
