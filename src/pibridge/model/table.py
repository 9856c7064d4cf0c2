"""Tables that people write: CSV with named columns. Pure."""

import csv
import io
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Final, TypeVar

from pibridge.errors import ConfigurationError

T = TypeVar("T")

_BETWEEN: Final = {",": "a comma", ";": "a semicolon", "\t": "a tab"}
_MOST_TOLD: Final = 50
"""Wrong lines that are named; of more, only the count is told."""


def decode_table(data: bytes, name: str) -> str:
    """Give the text of a file. `name`: of the table in messages. Raises ConfigurationError: it is not UTF-8."""
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise ConfigurationError([f"{name}, line {line}: is not UTF-8; save it as CSV UTF-8"]) from error


def read_table(text: str, name: str, columns: Sequence[str], make: Callable[[Mapping[str, str]], T]) -> list[T]:
    """Give what `make` makes of each line; its ValueError says what is wrong with one.

    `name`: of the table in messages. `columns`: all that may be there; the first must be, and its cells differ but for
    case. Between cells stand commas, or the semicolons or tabs that the first line has. Cells are stripped; those of
    absent columns are empty, and so are lines without any text. Raises ConfigurationError that names each wrong line.
    """
    heading = text.lstrip().partition("\n")[0]
    between = max(_BETWEEN, key=heading.count)
    apart = f'put a value that holds {_BETWEEN[between]} between " and "'
    try:
        lines = _lines(text, between)
        found, rows = next(lines, (0, []))[1], list(lines)
    except csv.Error as error:
        raise ConfigurationError([f'{name}, {error}; {apart}, and write "" for a " in it']) from error
    if columns[0] not in found or not set(found) <= set(columns):
        allowed = f"{columns[0]}, and optionally {' and '.join(columns[1:])}"
        raise ConfigurationError([f"{name}, line 1: the columns are {allowed}; found {', '.join(found) or 'nothing'}"])
    made: list[T] = []
    problems: list[str] = []
    line_of: dict[str, int] = {}
    for line, cells in rows:
        if any(cells[len(found) :]):
            problems.append(f"{name}, line {line}: too many columns; {apart}")
            continue
        row = dict.fromkeys(columns, "") | dict(zip(found, cells, strict=False))
        try:
            made.append(make(row))
        except ValueError as error:
            problems.append(f"{name}, line {line}: {error}")
            continue
        if (earlier := line_of.setdefault(row[columns[0]].upper(), line)) != line:
            problems.append(f"{name}, line {line}: {row[columns[0]]} stands in line {earlier} already; remove one")
    if len(problems) > _MOST_TOLD:
        problems[_MOST_TOLD:] = [f"{name}: and {len(problems) - _MOST_TOLD} wrong lines more"]
    if problems:
        raise ConfigurationError(problems)
    return made


def _lines(text: str, between: str) -> Iterator[tuple[int, list[str]]]:
    """Give the lines that hold any text, with their numbers. Raises csv.Error that begins with the line."""
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=between, skipinitialspace=True, strict=True)
    while True:
        try:
            cells = [cell.strip() for cell in next(reader)]
        except StopIteration:
            return
        except csv.Error as error:
            raise csv.Error(f"line {reader.line_num}: {error}") from error
        if any(cells):
            yield reader.line_num, cells
