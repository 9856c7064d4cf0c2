"""Tables that people write: CSV with named columns. Pure."""

import csv
import io
from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar

from pibridge.errors import ConfigurationError

T = TypeVar("T")


def read_table(text: str, name: str, columns: Sequence[str], make: Callable[[Mapping[str, str]], T]) -> list[T]:
    """Give what `make` makes of each line; its ValueError says what is wrong with one.

    `name`: of the table in messages. `columns`: all that may be there; the first must be, and its cells differ but for
    case. Cells are stripped; those of absent columns are empty. Raises ConfigurationError that names each wrong line.
    """
    reader = csv.DictReader(io.StringIO(text), restkey="", skipinitialspace=True)
    found = [column.strip() for column in reader.fieldnames or ()]
    reader.fieldnames = found
    if columns[0] not in found or not set(found) <= set(columns):
        allowed = f"{columns[0]}, and optionally {' and '.join(columns[1:])}"
        raise ConfigurationError([f"{name}, line 1: the columns are {allowed}; found {', '.join(found) or 'nothing'}"])
    made: list[T] = []
    problems: list[str] = []
    line_of: dict[str, int] = {}
    for cells in reader:
        line = reader.line_num
        row = {column: str(cells.get(column) or "").strip() for column in columns}
        if cells.get(""):
            problems.append(f'{name}, line {line}: too many columns; put a value that holds a comma between " and "')
            continue
        try:
            made.append(make(row))
        except ValueError as error:
            problems.append(f"{name}, line {line}: {error}")
            continue
        if (earlier := line_of.setdefault(row[columns[0]].upper(), line)) != line:
            problems.append(f"{name}, line {line}: {row[columns[0]]} stands in line {earlier} already; remove one")
    if problems:
        raise ConfigurationError(problems)
    return made
