import asyncio
import json
from pathlib import Path

import pytest
import yaml

from config.trees import small
from greengrass.nucleus import TestNucleus
from pibridge.config.source import FileSource
from pibridge.config.watch import Watch
from pibridge.errors import ConfigurationError, UnavailableError
from pibridge.greengrass import secrets
from waiting import eventually


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


def test_what_could_not_be_read_stays_news(file: Path) -> None:
    """A source that knows of a change and cannot give it is asked again, until it does."""

    class Failing(FileSource):
        fails = False

        def read(self) -> tuple[str, object]:
            if self.fails:
                raise UnavailableError("no answer")
            return super().read()

    source = Failing(str(file))
    watch = Watch(source)
    watch.load()
    file.write_text(yaml.safe_dump(small(site="leeds")), encoding="utf-8")
    source.fails = True
    for second in (10.0, 20.0):
        watch.look(second)
        assert watch.look(second + 1)
        with pytest.raises(UnavailableError):
            watch.load()
    source.fails = False
    assert watch.look(30.0)
    assert watch.load().configuration.site == "leeds"
    assert not watch.look(40.0)


async def test_secrets_that_are_named_count(
    tmp_path: Path, classic: TestNucleus, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A rotated secret is told as a change of the file that names it, and what it says is loaded."""
    monkeypatch.setattr(secrets, "FRESH_S", 0.0)
    for name, value in classic.environment.items():
        monkeypatch.setenv(name, value)
    classic.deployed.secrets["plant/pi"] = json.dumps({"site": "houston"})
    file = tmp_path / "plant.yaml"
    file.write_text(yaml.safe_dump(small(site="${secret:plant/pi#site}")), encoding="utf-8")
    watch = Watch(FileSource(str(file)))
    assert (await asyncio.to_thread(watch.load)).configuration.site == "houston"
    assert not await asyncio.to_thread(watch.look, 10.0)
    classic.deployed.secrets["plant/pi"] = json.dumps({"site": "leeds"})
    now_s = 10.0

    async def told() -> bool:
        nonlocal now_s
        now_s += 0.5
        return await asyncio.to_thread(watch.look, now_s)

    await eventually(told)
    assert (await asyncio.to_thread(watch.load)).configuration.site == "leeds"
