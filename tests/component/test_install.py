import os
from pathlib import Path

import install


def environment(folder: Path, version: str, age_s: int) -> Path:
    """Make what looks like the environment of a version that was installed so long ago."""
    made = folder / f"venv-{version}"
    made.mkdir()
    stamp = made / install.STAMP
    stamp.write_text("", encoding="utf-8")
    os.utime(stamp, (1_000_000 - age_s, 1_000_000 - age_s))
    return made


def test_the_version_before_stays(tmp_path: Path) -> None:
    """It may still be running; older ones go, and nothing else does."""
    new, last, old, older = (environment(tmp_path, version, age) for age, version in enumerate(("4", "3", "2", "1")))
    (data := tmp_path / "pibridge-data").mkdir()
    (unfinished := tmp_path / "venv-x").mkdir()
    install.remove_old(new)
    assert [path.exists() for path in (new, last, old, older)] == [True, True, False, False]
    assert data.exists()
    assert unfinished.exists()
