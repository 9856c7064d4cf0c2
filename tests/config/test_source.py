import os
from pathlib import Path

import pytest

from pibridge.config.s3_source import S3Source
from pibridge.config.source import FileSource, signature, source_of
from pibridge.errors import ConfigurationError


def test_the_name_says_where_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    """`s3://` is S3, all else a file."""
    monkeypatch.setenv("AWS_REGION", "eu-west-1")
    assert isinstance(source_of("plant.yaml"), FileSource)
    assert isinstance(source_of("s3://bucket/plant.yaml"), S3Source)


def test_a_file_is_its_text(tmp_path: Path) -> None:
    """The text comes without a byte order mark, with the version that the file had."""
    file = tmp_path / "plant.yaml"
    file.write_bytes("\ufeffsite: Köln".encode())
    source = FileSource(str(file))
    assert source.read() == ("site: Köln", source.version())


def test_a_file_that_is_not_there_has_a_version(tmp_path: Path) -> None:
    """It can be looked at while it is replaced; reading it says what is wrong."""
    source = FileSource(str(tmp_path / "none.yaml"))
    missing = source.version()
    with pytest.raises(ConfigurationError, match="No such file"):
        source.read()
    (tmp_path / "none.yaml").write_text("site: x", encoding="utf-8")
    assert source.version() != missing


def test_every_change_gives_another_signature(tmp_path: Path) -> None:
    """Another size, another file of the same name, and a file with its old time put back all differ."""
    file = tmp_path / "points.csv"
    file.write_text("path\n", encoding="utf-8")
    seen = {signature(file)}
    file.write_text("path,tag\n", encoding="utf-8")
    seen.add(signature(file))
    (tmp_path / "new").write_text("path,tag\n", encoding="utf-8")
    before = file.stat()
    (tmp_path / "new").replace(file)
    os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))
    seen.add(signature(file))
    assert len(seen) == 3
    assert signature(file) in seen
