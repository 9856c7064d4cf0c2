from pathlib import Path

import pytest

from pibridge.errors import ConfigurationError
from pibridge.pi.points_file import PointRow, parse, read


def problems(text: str) -> list[str]:
    """Give what is said against this file."""
    with pytest.raises(ConfigurationError) as caught:
        parse(text, "tags.csv")
    return caught.value.problems


def test_columns_may_come_in_any_order() -> None:
    """Tag and asset are optional, and so is what stands in them; spaces and empty lines do not matter."""
    text = 'asset, path ,tag\nPlant/R1, \\\\P\\A ,Temp\n\n,\\\\P\\B*,\n"Plant/R2/",\\\\P\\C\n'
    assert parse(text, "tags.csv") == [
        PointRow(r"\\P\A", "Temp", "Plant/R1"),
        PointRow(r"\\P\B*"),
        PointRow(r"\\P\C", "", "Plant/R2"),
    ]


def test_one_column_is_enough() -> None:
    """A list of paths under the heading path is a file."""
    assert parse("path\n\\\\P\\A\n", "tags.csv") == [PointRow(r"\\P\A")]


def test_a_file_of_excel_is_read(tmp_path: Path) -> None:
    """A byte order mark and Windows line ends are tolerated."""
    file = tmp_path / "tags.csv"
    file.write_bytes("\ufeffpath,tag\r\n\\\\P\\Ä,Übertemperatur\r\n".encode())
    assert read(file) == [PointRow(r"\\P\Ä", "Übertemperatur")]


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    """A missing file and one in another encoding are explained."""
    with pytest.raises(ConfigurationError, match=r"missing\.csv.*No such file"):
        read(tmp_path / "missing.csv")
    file = tmp_path / "tags.csv"
    file.write_bytes("path\n\\\\P\\Ä\n".encode("latin-1"))
    with pytest.raises(ConfigurationError, match="UTF-8"):
        read(file)


def test_every_wrong_line_is_told() -> None:
    """All problems come together, each with its line."""
    found = problems("path,tag\n\\\\P\\A,x\nSINUSOID,y\n\\\\P\\R*,z\n\\\\p\\a,w\n\\\\P\\B,b,c,d\n")
    assert [problem.partition(":")[0] for problem in found] == [
        f"points_file tags.csv, line {line}" for line in (3, 4, 5, 6)
    ]
    for problem, hint in zip(found, (r"\\SERVER\NAME", "leave tag empty", "line 2 already", "too many"), strict=True):
        assert hint in problem


@pytest.mark.parametrize("text", ["", "tag,asset\n", "path,tagg\n", "\\\\P\\A\n"])
def test_wrong_columns_are_explained(text: str) -> None:
    """Without the column path, or with one that is not known, the file is refused."""
    (problem,) = problems(text)
    assert "the columns are path" in problem
