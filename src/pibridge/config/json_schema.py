"""The JSON schema of the configuration, for editors and for naming keys in problems."""

from functools import cache
from typing import Any

from pibridge.config.settings import Configuration

DIALECT = "https://json-schema.org/draft/2020-12/schema"


@cache
def json_schema() -> dict[str, Any]:
    """Give the schema: JSON Schema 2020-12, every key with its description."""
    return {"$schema": DIALECT, **Configuration.model_json_schema(mode="validation")}


def resolved(node: dict[str, Any]) -> dict[str, Any]:
    """Give what a node of the schema stands for: `$ref` followed, and the other branch of "or null"."""
    while True:
        if "$ref" in node:
            node = json_schema()["$defs"][node["$ref"].rpartition("/")[2]]
        elif "anyOf" in node and (branches := [each for each in node["anyOf"] if each != {"type": "null"}]):
            node = branches[0]
        else:
            return node


def branch(node: dict[str, Any], written: object) -> dict[str, Any]:
    """Give the node, or that of its alternatives (`oneOf`) which the written mapping means."""
    node = resolved(node)
    if "oneOf" not in node:
        return node
    keys = written if isinstance(written, dict) else {}

    def likeness(alternative: dict[str, Any]) -> tuple[bool, int]:
        properties = alternative.get("properties", {})
        named = any("const" in known and keys.get(key) == known["const"] for key, known in properties.items())
        return named, len(properties.keys() & keys.keys())

    return max((resolved(each) for each in node["oneOf"]), key=likeness)
