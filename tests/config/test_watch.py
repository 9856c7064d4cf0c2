from pathlib import Path

import pytest
import yaml

from config.trees import small
from pibridge.config.source import FileSource
from pibridge.config.watch import Watch
from pibridge.errors import ConfigurationError


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Write a configuration that names a file of points."""
    (tmp_path / "points.csv").write_text("path\n\\\\S\\A\n", encoding="utf-8")
    file = tmp_path / "plant.yaml"
    tree = small(streams__listed={"select": {"points_file": str(tmp_path / "points.csv")}})
    file.write_text(yaml.safe_dump(tree), encoding="utf-8")
    return file


@pytest.fixture
def watch(file: Path) -> Watch:
    """Watch it from when it was loaded."""
    watch = Watch(FileSource(str(file)))
    watch.load()
    return watch


def test_what_stays_is_no_news(watch: Watch) -> None:
    """Nothing is told as long as nothing changes."""
    assert not any(watch.look(float(second)) for second in range(100))


def test_a_change_is_told_when_it_has_come_to_rest(file: Path, watch: Watch) -> None:
    """While a file is written nothing is told; a second after the last change it is, until it is loaded."""
    file.write_text("site: half", encoding="utf-8")
    assert not watch.look(10.0)
    file.write_text(yaml.safe_dump(small(site="leeds")), encoding="utf-8")
    assert not watch.look(11.0)
    assert not watch.look(11.9)
    assert watch.look(12.0)
    assert watch.look(13.0)
    assert watch.load().configuration.site == "leeds"
    assert not watch.look(15.0)


def test_files_that_are_named_count(file: Path, watch: Watch) -> None:
    """A change of the points is told as one of the file itself, and the new ones are loaded."""
    (file.parent / "points.csv").write_text("path\n\\\\S\\B\n", encoding="utf-8")
    assert not watch.look(10.0)
    assert watch.look(11.0)
    assert [row.path for row in watch.load().points["listed"]] == [r"\\S\B"]


def test_a_wrong_one_is_news_again_only_when_it_changes(file: Path, watch: Watch) -> None:
    """What was refused is not told again; when the file that made it wrong is mended, it is."""
    missing = file.parent / "more.csv"
    tree = small(streams__listed={"select": {"points_file": str(missing)}})
    file.write_text(yaml.safe_dump(tree), encoding="utf-8")
    assert not watch.look(10.0)
    assert watch.look(11.0)
    with pytest.raises(ConfigurationError, match=r"more\.csv: cannot be read"):
        watch.load()
    assert not watch.look(20.0)
    missing.write_text("path\n\\\\S\\A\n", encoding="utf-8")
    assert not watch.look(21.0)
    assert watch.look(22.0)
    watch.load()


def test_a_file_that_is_gone_is_told_once(file: Path, watch: Watch) -> None:
    """A file that was removed is news, and then none until it is back."""
    text = file.read_text(encoding="utf-8")
    file.unlink()
    assert not watch.look(10.0)
    assert watch.look(11.0)
    with pytest.raises(ConfigurationError, match="No such file"):
        watch.load()
    assert not watch.look(20.0)
    file.write_text(text, encoding="utf-8")
    assert not watch.look(21.0)
    assert watch.look(22.0)
