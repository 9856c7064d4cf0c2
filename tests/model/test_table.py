from collections.abc import Mapping

import pytest

from pibridge.errors import ConfigurationError
from pibridge.model.table import decode_table, read_table


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


def test_what_stands_between_cells_is_taken_from_the_first_line() -> None:
    """Semicolons, as Excel writes them where commas are decimal, and tabs; commas are then text like any other."""
    for between in ";\t":
        text = f"name{between}count\r\na,b{between}1\r\n"
        assert read_table(text, "file.csv", ("name", "count"), number) == [("a,b", 1)]
    assert problems("name;count\na;1;2\n") == [
        'file.csv, line 2: too many columns; put a value that holds a semicolon between " and "'
    ]


def test_quoted_cells_may_hold_anything() -> None:
    """What separates cells, quotes written twice, and line breaks, which count as lines."""
    text = 'name,count\n"a,b",1\n"say ""a""",2\n"two\nlines",3\nc,x\n'
    with pytest.raises(ConfigurationError, match="line 6: invalid literal"):
        read_table(text, "file.csv", ("name", "count"), number)
    made = read_table(text.replace("x", "4"), "file.csv", ("name", "count"), number)
    assert made == [("a,b", 1), ('say "a"', 2), ("two\nlines", 3), ("c", 4)]


@pytest.mark.parametrize("line", ["", "   ", ",", " , ", '""'])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_lines_without_text_are_no_lines(line: str, end: str) -> None:
    """Empty ones, and those of empty cells that spreadsheets leave behind; whatever ends a line."""
    text = end.join(["name,count", "a,1", line, "b,2", line, ""])
    assert read_table(text, "file.csv", ("name", "count"), number) == [("a", 1), ("b", 2)]


def test_a_quote_that_is_left_open_is_told() -> None:
    """It would swallow all lines behind it."""
    (problem,) = problems('name,count\na,1\n"b,2\nc,3\n')
    assert problem.startswith("file.csv, line 4: unexpected end of data; put a value")


def test_of_very_many_wrong_lines_the_first_are_named() -> None:
    """A wrong file of a hundred thousand lines is told in some dozen."""
    found = problems("name,count\n" + "a,x\n" * 1000)
    assert len(found) == 51
    assert found[-1] == "file.csv: and 950 wrong lines more"


def test_a_byte_order_mark_is_no_text() -> None:
    """Spreadsheets put one before UTF-8."""
    assert decode_table("\ufeffname\nÄ\n".encode(), "file.csv") == "name\nÄ\n"


@pytest.mark.parametrize(("encoding", "line"), [("latin-1", 3), ("utf-16", 1)])
def test_another_encoding_is_told_with_its_line(encoding: str, line: int) -> None:
    """The first line that is not UTF-8 is named, with what to do."""
    with pytest.raises(ConfigurationError, match=f"file.csv, line {line}: is not UTF-8; save it as CSV UTF-8"):
        decode_table("name\na\nÄ\n".encode(encoding), "file.csv")
