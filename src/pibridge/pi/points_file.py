"""Points listed in a CSV file: columns `path`, and optionally `tag` (another name) and `asset`. Pure but for `load`."""

import asyncio
import csv
import io
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from pibridge.errors import ConfigurationError
from pibridge.pi.select_settings import check_point_path, is_pattern

_COLUMNS: Final = ("path", "tag", "asset")


@dataclass(frozen=True)
class PointRow:
    """One selected point, or a wildcard for many. `tag`: what records call it, empty for PI's name."""

    path: str
    tag: str = ""
    asset: str = ""


async def load(file: Path) -> list[PointRow]:
    """Read the file. Raises ConfigurationError that names each wrong line."""
    try:
        text = await asyncio.to_thread(file.read_text, encoding="utf-8-sig")
    except OSError as error:
        raise ConfigurationError([f"points_file {file}: cannot be read: {error.strerror}"]) from error
    except UnicodeDecodeError as error:
        raise ConfigurationError([f"points_file {file}: is not UTF-8; save it as CSV UTF-8"]) from error
    return parse(text, str(file))


def parse(text: str, name: str) -> list[PointRow]:
    """Read the text of the file called `name`. Raises ConfigurationError that names each wrong line."""
    reader = csv.DictReader(io.StringIO(text), restkey="", skipinitialspace=True)
    columns = [column.strip() for column in reader.fieldnames or ()]
    reader.fieldnames = columns
    if "path" not in columns or not set(columns) <= set(_COLUMNS):
        found = ", ".join(columns) or "nothing"
        raise ConfigurationError(
            [f"points_file {name}, line 1: the columns are path, and optionally tag and asset; found {found}"]
        )
    rows: list[PointRow] = []
    problems: list[str] = []
    line_of: dict[str, int] = {}
    for cells in reader:
        line = reader.line_num
        try:
            row = _row(cells)
        except ValueError as error:
            problems.append(f"points_file {name}, line {line}: {error}")
            continue
        if (earlier := line_of.setdefault(row.path.upper(), line)) != line:
            problems.append(f"points_file {name}, line {line}: {row.path} stands in line {earlier} already; remove one")
        rows.append(row)
    if problems:
        raise ConfigurationError(problems)
    return rows


def _row(cells: Mapping[str, str | list[str] | None]) -> PointRow:
    if cells.get(""):
        raise ValueError('too many columns; put a value that holds a comma between " and "')
    path, tag, asset = (str(cells.get(column) or "").strip() for column in _COLUMNS)
    check_point_path(path)
    if tag and is_pattern(path):
        raise ValueError(f"{path} may match many points, they cannot all be called {tag}; leave tag empty")
    return PointRow(path, tag, asset.strip("/"))
