"""The unit and the installer under a real systemd, in namespaces of its own."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from deploy.packages import pip

ROOT = Path(__file__).parents[2]
HERE = Path(__file__).parent
PYTHON = "/usr/bin/python3"
CGROUPS = [Path("/sys/fs/cgroup/unified"), Path("/sys/fs/cgroup")]
PLANT = {
    "site": "brewery",
    "pi": {"url": "http://127.0.0.1:9000/piwebapi"},
    "streams": {"utilities": {"select": {"points": [r"\\PISRV1\U*"]}}},
    "journal": {"path": "/var/lib/pibridge/journal", "max_size": "64MiB"},
    "sinks": {
        "lines": {"type": "file", "path": "/var/lib/pibridge/lines", "roll": {"age": "1s"}},
        "columns": {"type": "file", "path": "/var/lib/pibridge/columns", "format": "parquet", "roll": {"age": "1s"}},
    },
}
APART = ["--mount", "--pid", "--fork", "--cgroup", "--uts", "--ipc", "--net"]
ENDS = "    systemd = systemd or "
"""A line of `run` before which a version that cannot start ends."""

pytestmark = [pytest.mark.acceptance, pytest.mark.timeout(900), pytest.mark.usefixtures("index")]


def why_not() -> str:
    """Say why no systemd can be run here; nothing if it can."""
    if sys.platform != "linux" or os.geteuid() != 0:
        return "namespaces need Linux and root"
    if not Path("/lib/systemd/systemd").exists():
        return "systemd is not installed"
    fit = "import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))"
    if not Path(PYTHON).exists() or subprocess.run([PYTHON, "-c", fit], check=False).returncode:
        return f"{PYTHON} is not there, too old, or without venv"
    tried = subprocess.run(["unshare", *APART, "true"], check=False)
    return "namespaces are not allowed here" if tried.returncode else ""


@pytest.fixture(scope="module")
def cgroup() -> Iterator[Path]:
    """Make a control group for it."""
    if reason := why_not():
        pytest.skip(reason)
    for mounted in CGROUPS:
        if (mounted / "cgroup.procs").exists() and (mounted / "cgroup.controllers").exists():
            (made := mounted / f"pibridge-{os.getpid()}").mkdir()
            yield made
            for folder, _, _ in os.walk(made, topdown=False):
                Path(folder).rmdir()
            return
    pytest.skip("no cgroup2 here")


def build(tree: Path, into: Path) -> None:
    """Make the wheel of a tree."""
    subprocess.run([sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", f"--wheel-dir={into}", tree], check=True)


@pytest.fixture(scope="module")
def said(cgroup: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Run the whole course once; give what was found on the way, by name."""
    folder = tmp_path_factory.mktemp("service")
    (folder / "box").mkdir()
    (folder / "plant.yaml").write_text(yaml.safe_dump(PLANT), encoding="utf-8")
    ask = [PYTHON, "-c", "import sys; print(*sys.version_info[:2], sep='.')"]
    version = subprocess.run(ask, capture_output=True, check=True, text=True).stdout.strip()
    pinned = [f"--python-version={version}", f"--dest={folder / 'wheels'}", "--requirement"]
    fetched = pip("download", *pinned, str(ROOT / "requirements.lock"))
    assert fetched.returncode == 0, fetched.stderr
    build(ROOT, folder / "old")
    for name, number in (("new", "7.0.0"), ("broken", "8.0.0")):
        tree = folder / "tree"
        shutil.copytree(ROOT, tree, ignore=shutil.ignore_patterns(".git", ".venv", "tests", "dist", "build"))
        _replace(tree / "pyproject.toml", '\nversion = "', f'\nversion = "{number}"  # ')
        if name == "broken":
            _replace(tree / "src" / "pibridge" / "daemon" / "run.py", ENDS, f"    raise SystemExit(1)\n{ENDS}")
        build(tree, folder / name)
        shutil.rmtree(tree)
    # The control group has to be its own before its namespace is made.
    join = ["bash", "-c", 'echo $$ > "$0/cgroup.procs"; exec "$@"', str(cgroup)]
    apart = ["unshare", *APART, "--kill-child", "--propagation=private"]
    boot = ["bash", str(HERE / "boot.sh"), str(folder), str(ROOT)]
    ran = subprocess.run([*join, *apart, *boot], capture_output=True, check=False, text=True, timeout=600)
    told = (folder / "said").read_text(encoding="utf-8") if (folder / "said").exists() else ""
    assert "\nleft:" in told, told + ran.stdout + ran.stderr
    return {name: found for name, _, found in (line.partition(": ") for line in told.splitlines())}


def _replace(file: Path, text: str, by: str) -> None:
    before = file.read_text(encoding="utf-8")
    assert before.count(text) == 1
    file.write_text(before.replace(text, by), encoding="utf-8")


def test_it_installs_without_a_network(said: dict[str, str]) -> None:
    """From a folder of wheels all is installed where no package index can be reached."""
    assert said["installed"] == "0"


def test_a_wrong_configuration_ends_it(said: dict[str, str]) -> None:
    """With a configuration that is wrong the service fails with 2 and is not started again."""
    assert said["without password"] == "failed 2 0"


def test_it_works_shut_in(said: dict[str, str]) -> None:
    """Within its sandbox it starts as its own user, reads PI, writes its journal, JSON lines and Parquet."""
    assert said["started"] == "0 active pibridge"
    assert said["lines written"] == "0"
    assert said["columns written"] == "0"


def test_systemd_knows_how_it_goes(said: dict[str, str]) -> None:
    """`systemctl status` shows its line; `systemctl reload` has it read its configuration again."""
    assert said["status"].startswith("8 tags are read, ")
    assert said["reloaded"] == "0"


def test_a_hang_is_ended(said: dict[str, str]) -> None:
    """The watchdog leaves it alone while it lives, and starts it again when it hangs."""
    assert said["restarts while alive"] == "0"
    restarts, state = said["restarts after a hang"].split()
    assert int(restarts) >= 1
    assert state == "active"


def test_an_upgrade_restarts_it(said: dict[str, str]) -> None:
    """After an upgrade the new version runs; one that does not start is taken back, and the old one runs."""
    assert said["upgraded"] == "0 7.0.0 active"
    assert said["broken upgrade"] == "1 7.0.0 active"


def test_it_stops_well_and_leaves_nothing(said: dict[str, str]) -> None:
    """A stop is a success; after `--uninstall --purge` no file and no user is left."""
    assert said["stopped"] == "success 0"
    assert said["left"].split() == []
