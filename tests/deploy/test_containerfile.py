import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from typer.main import get_group

from pibridge.cli import app
from pibridge.status.settings import StatusSettings

ROOT = Path(__file__).parents[2]
CONTAINERFILE = ROOT / "deploy" / "Containerfile"
TEXT = CONTAINERFILE.read_text(encoding="utf-8")


def copied() -> list[str]:
    """Give what is copied into the image, by its name in the repository."""
    lines: list[str] = re.findall(r"^COPY (?!--)(.*) \S+$", TEXT, flags=re.MULTILINE)
    return [name for line in lines for name in line.split()]


def test_the_linter_finds_nothing() -> None:
    """The file is well-formed and keeps to good practice."""
    hadolint = shutil.which("hadolint", path=Path(sys.executable).parent)
    if hadolint is None:
        pytest.skip("hadolint is not installed")
    linted = subprocess.run([hadolint, "--no-color", str(CONTAINERFILE)], capture_output=True, check=False, text=True)
    assert (linted.returncode, linted.stdout) == (0, "")


def test_nothing_else_reaches_the_image() -> None:
    """What is copied is there, and the ignore file lets through that and nothing else."""
    names = copied()
    assert all((ROOT / name).exists() for name in names)
    let_through = re.findall(r"^!(.+)$", (ROOT / ".containerignore").read_text(encoding="utf-8"), flags=re.MULTILINE)
    assert sorted(let_through) == sorted(names)


@pytest.mark.usefixtures("index")
def test_what_is_copied_is_enough(tmp_path: Path) -> None:
    """The wheel can be built from what is copied, without the rest of the repository."""
    for name in copied():
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, tmp_path / name)
        else:
            shutil.copy(source, tmp_path)
    wheel = [sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", f"--wheel-dir={tmp_path / 'out'}", str(tmp_path)]
    subprocess.run(wheel, check=True)
    assert list((tmp_path / "out").glob("pibridge-*.whl"))


def test_it_runs_what_there_is() -> None:
    """The command and the address of the health check are those of this version; nothing runs as root."""
    (arguments,) = re.findall(r"^CMD (.+)$", TEXT, flags=re.MULTILINE)
    command, option, _ = json.loads(arguments)
    assert command in get_group(app).commands
    assert option == "--config"
    assert f"http://{StatusSettings().listen}/healthz" in TEXT
    assert re.findall(r"^USER (.+)$", TEXT, flags=re.MULTILINE) == ["10001"]
