from hashlib import sha256
from pathlib import Path

import pytest

from config.trees import small
from pibridge.config.load import configuration
from pibridge.config.loaded import Loaded
from pibridge.errors import ConfigurationError


def test_the_files_are_read_with_it(tmp_path: Path) -> None:
    """Points and assets are what their files say at that moment."""
    (tmp_path / "points.csv").write_text("path\n\\\\S\\A\n", encoding="utf-8")
    (tmp_path / "assets.csv").write_text("path,asset\n\\\\S\\A,Plant/A\n", encoding="utf-8")
    tree = small(
        streams__listed={"select": {"points_file": str(tmp_path / "points.csv")}},
        context={"assets_file": str(tmp_path / "assets.csv")},
    )
    loaded = Loaded.of(configuration(tree, {}))
    assert [row.path for row in loaded.points["listed"]] == [r"\\S\A"]
    assert list(loaded.points) == ["listed"]
    assert [mapping.asset for mapping in loaded.assets] == ["Plant/A"]


def test_the_hash_is_that_of_the_text() -> None:
    """It is what `sha256sum FILE` begins with; a configuration without a text has none."""
    made = configuration(small(), {})
    assert Loaded.of(made, "site: x").hash == sha256(b"site: x").hexdigest()[:12]
    assert Loaded.of(made).hash == ""


@pytest.mark.parametrize("key", ["ca_file", "cert_file", "key_file"])
def test_a_renewed_certificate_is_seen(tmp_path: Path, key: str) -> None:
    """Each file of `pi.tls` counts with what it says, and a key is not kept in memory for it."""
    files = {name: tmp_path / name for name in ("ca_file", "cert_file", "key_file")}
    for file in files.values():
        file.write_text("geheim", encoding="utf-8")
    made = configuration(small(pi__tls={name: str(file) for name, file in files.items()}), {})
    before = Loaded.of(made)
    assert Loaded.of(made).certificates == before.certificates
    files[key].write_text("anders", encoding="utf-8")
    assert Loaded.of(made).certificates != before.certificates
    assert "geheim" not in repr(before)


def test_certificates_that_cannot_be_read_are_a_problem(tmp_path: Path) -> None:
    """A CA file that is not there is told with its key."""
    made = configuration(small(pi__tls={"ca_file": str(tmp_path / "none.pem")}), {})
    with pytest.raises(ConfigurationError, match=r"pi\.tls\.ca_file: cannot read .*none\.pem"):
        Loaded.of(made)
