from collections.abc import Mapping

import pytest

from pibridge.errors import ConfigurationError
from pibridge.model.table import read_table


def number(cells: Mapping[str, str]) -> tuple[str, int]:
    """Make a pair of a line."""
    return cells["name"], int(cells["count"] or 0)


def problems(text: str) -> list[str]:
    """Give what is said against this table."""
    with pytest.raises(ConfigurationError) as caught:
        read_table(text, "file.csv", ("name", "count"), number)
    return caught.value.problems


def test_each_line_is_made_into_something() -> None:
    """Columns come in any order, absent and empty cells are empty, blanks around cells do not count."""
    assert read_table("count, name\n1, a \n,b\n", "file.csv", ("name", "count"), number) == [("a", 1), ("b", 0)]
    assert read_table("name\na\n", "file.csv", ("name", "count"), number) == [("a", 0)]


def test_every_wrong_line_is_named() -> None:
    """All at once: what the maker says, too many cells, and names that stand twice whatever their case."""
    assert problems("name,count\na,x\nb,1,2\nc,1\nC,2\n") == [
        "file.csv, line 2: invalid literal for int() with base 10: 'x'",
        'file.csv, line 3: too many columns; put a value that holds a comma between " and "',
        "file.csv, line 5: C stands in line 4 already; remove one",
    ]


@pytest.mark.parametrize("text", ["", "count\n1\n", "name,colour\na,red\n"])
def test_wrong_columns_are_told(text: str) -> None:
    """The first column must be there, and no column that is not known."""
    (problem,) = problems(text)
    assert problem.startswith("file.csv, line 1: the columns are name, and optionally count; found ")
