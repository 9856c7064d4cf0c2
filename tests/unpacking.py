"""Messages of records, read as a consumer reads them: columns by the functions that docs/columns.md gives."""

import functools
import gzip
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

PAGE = Path(__file__).parent.parent / "docs" / "columns.md"


def code(language: str) -> str:
    """Give the code of the page in a language."""
    (found,) = re.findall(rf"```{language}\n(.*?)```", PAGE.read_text(encoding="utf-8"), flags=re.DOTALL)
    return str(found)


@functools.cache
def in_python() -> Callable[[bytes], list[dict[str, Any]]]:
    """Give the page's function in Python."""
    names: dict[str, Any] = {}
    exec(compile(code("python"), PAGE.name, "exec"), names)  # noqa: S102 - what a reader of the page does with it
    function: Callable[[bytes], list[dict[str, Any]]] = names["records"]
    return function


def unpacked(payload: bytes) -> dict[str, Any]:
    """Read a message of any encoding: version, site and records."""
    told: dict[str, Any] = json.loads(gzip.decompress(payload) if payload[:2] == b"\x1f\x8b" else payload)
    if "contexts" in told:
        return {"v": told["v"], "site": told["site"], "records": in_python()(payload)}
    return told
