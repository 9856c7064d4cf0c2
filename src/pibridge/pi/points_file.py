"""Points listed in a CSV file: columns `path`, and optionally `tag` (another name) and `asset`."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from pibridge.errors import ConfigurationError
from pibridge.model.table import decode_table, read_table
from pibridge.pi.select_settings import check_point_path, is_pattern

_COLUMNS: Final = ("path", "tag", "asset")


@dataclass(frozen=True)
class PointRow:
    """One selected point, or a wildcard for many. `tag`: what records call it, empty for PI's name."""

    path: str
    tag: str = ""
    asset: str = ""


def read(file: Path) -> list[PointRow]:
    """Read the file. Raises ConfigurationError that names each wrong line."""
    try:
        data = file.read_bytes()
    except OSError as error:
        raise ConfigurationError(
            [f"points_file {file}: cannot be read: {error.strerror}; name a readable CSV file"]
        ) from error
    return parse(decode_table(data, f"points_file {file}"), str(file))


def parse(text: str, name: str) -> list[PointRow]:
    """Read the text of the file called `name`. Raises ConfigurationError that names each wrong line."""
    return read_table(text, f"points_file {name}", _COLUMNS, _row)


def _row(cells: Mapping[str, str]) -> PointRow:
    path, tag = check_point_path(cells["path"]), cells["tag"]
    if tag and is_pattern(path):
        raise ValueError(f"{path} may match many points, they cannot all be called {tag}; leave tag empty")
    return PointRow(path, tag, cells["asset"].strip("/"))
