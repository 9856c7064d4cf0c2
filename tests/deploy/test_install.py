import os
import shutil
import stat
import subprocess
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SCRIPT = ROOT / "deploy" / "install.sh"
DIST_INFO = {
    "METADATA": "Metadata-Version: 2.1\nName: pibridge\nVersion: {version}\n",
    "WHEEL": "Wheel-Version: 1.0\nGenerator: tests\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    "entry_points.txt": "[console_scripts]\npibridge = pibridge:main\n",
    "RECORD": "",
}

pytestmark = pytest.mark.timeout(600)  # each installation makes an environment, which a busy machine is slow at


class Machine:
    """A folder that the program is installed below, and a folder of wheels to install from."""

    def __init__(self, folder: Path) -> None:
        self.root, self.wheels = folder / "root", folder / "wheels"
        self.wheels.mkdir()
        self.program = self.root / "opt" / "pibridge"
        self.configuration = self.root / "etc" / "pibridge" / "pibridge.yaml"
        self.data = self.root / "var" / "lib" / "pibridge"

    def wheel(self, version: str, lock: str = "") -> Path:
        """Make a wheel of a program that says its version, and needs what is locked."""
        path = self.wheels / f"pibridge-{version}-py3-none-any.whl"
        with zipfile.ZipFile(path, "w") as wheel:
            wheel.writestr("pibridge/__init__.py", f"def main() -> None:\n    print({version!r})\n")
            wheel.writestr("pibridge/requirements.lock", lock)
            for name, text in DIST_INFO.items():
                wheel.writestr(f"pibridge-{version}.dist-info/{name}", text.format(version=version))
        return path

    def install(self, *arguments: object) -> "subprocess.CompletedProcess[str]":
        """Run the script, offline."""
        command = [str(SCRIPT), "--root", str(self.root), "--wheels", str(self.wheels), *map(str, arguments)]
        return subprocess.run(command, capture_output=True, check=False, text=True)

    def version(self) -> str:
        """Ask the command that is installed for its version."""
        command = str(self.root / "usr" / "local" / "bin" / "pibridge")
        return subprocess.run([command], capture_output=True, check=True, text=True, env={}).stdout.strip()

    def versions(self) -> list[str]:
        """Give the versions that are there, without their checksums."""
        return sorted(path.name.partition("-")[0] for path in self.program.iterdir() if not path.is_symlink())


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    """Give a machine without PI Bridge."""
    return Machine(tmp_path)


def succeeded(ran: "subprocess.CompletedProcess[str]") -> str:
    """Give what a run said; fail if it did not do it."""
    assert ran.returncode == 0, ran.stdout + ran.stderr
    return ran.stdout


@pytest.mark.skipif(shutil.which("shellcheck") is None, reason="shellcheck is not installed")
def test_the_script_is_clean() -> None:
    """Shellcheck finds nothing in the script."""
    subprocess.run(["shellcheck", str(SCRIPT)], check=True)


def test_all_is_in_its_place(machine: Machine) -> None:
    """Installed: the command, the unit, and a configuration that only root and the service may read."""
    machine.wheel("1.0")
    assert "pibridge check" in succeeded(machine.install())
    assert machine.version() == "1.0"
    assert (machine.root / "etc/systemd/system/pibridge.service").is_file()
    assert stat.S_IMODE(machine.configuration.stat().st_mode) == 0o640
    assert stat.S_IMODE(machine.configuration.parent.stat().st_mode) == 0o750
    assert machine.data.is_dir()


def test_a_dry_run_changes_nothing(machine: Machine) -> None:
    """`--dry-run` names each step, and the machine is as before."""
    machine.wheel("1.0")
    said = succeeded(machine.install("--dry-run"))
    assert f"would run: mv -T {machine.program}/next {machine.program}/current" in said
    assert "pip" in said
    assert not machine.root.exists()


def test_again_is_the_same(machine: Machine) -> None:
    """The same command once more builds nothing anew and leaves a changed configuration alone."""
    machine.wheel("1.0")
    succeeded(machine.install())
    machine.configuration.write_text("site: mine\n", encoding="utf-8")
    (built,) = (path for path in machine.program.iterdir() if not path.is_symlink())
    before = built.stat().st_mtime_ns
    assert "is there" in succeeded(machine.install())
    assert built.stat().st_mtime_ns == before
    assert machine.configuration.read_text(encoding="utf-8") == "site: mine\n"


def test_an_upgrade_can_be_taken_back(machine: Machine) -> None:
    """Of three versions the last two stay; installing the one before switches back to it without building."""
    wheels = {version: machine.wheel(version) for version in ("1.0", "2.0", "3.0")}
    for version, wheel in wheels.items():
        succeeded(machine.install(wheel))
        assert machine.version() == version
    assert machine.versions() == ["2.0", "3.0"]
    assert "is there" in succeeded(machine.install(wheels["2.0"]))
    assert machine.version() == "2.0"


def test_an_upgrade_that_fails_leaves_the_old_version(machine: Machine) -> None:
    """What cannot be had with its hash is not installed: the old version runs on, and nothing half is left."""
    succeeded(machine.install(machine.wheel("1.0")))
    failed = machine.install(machine.wheel("2.0", lock=f"absent==1.0 --hash=sha256:{'0' * 64}\n"))
    assert failed.returncode != 0
    assert "absent" in failed.stderr
    assert machine.version() == "1.0"
    assert machine.versions() == ["1.0"]


def test_an_interrupted_version_is_built_anew(machine: Machine) -> None:
    """A version whose command does not run is no version: the same command makes it whole."""
    machine.wheel("1.0")
    succeeded(machine.install())
    (broken,) = (path for path in machine.program.iterdir() if not path.is_symlink())
    shutil.rmtree(broken / "lib")
    succeeded(machine.install())
    assert machine.version() == "1.0"


def test_uninstalling_keeps_what_is_yours(machine: Machine) -> None:
    """`--uninstall` leaves configuration and data, also without anything installed; `--purge` leaves nothing."""
    machine.wheel("1.0")
    succeeded(machine.install())
    assert str(machine.configuration.parent) in succeeded(machine.install("--uninstall"))
    assert not machine.program.exists()
    assert machine.configuration.exists()
    assert machine.data.exists()
    succeeded(machine.install("--uninstall", "--purge"))
    assert not [path for path in machine.root.rglob("*") if path.is_file()]
    assert not machine.data.exists()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--purge"], "--purge goes with --uninstall"),
        (["one", "two"], "one SOURCE, not two"),
        (["--upgrade"], "Usage: "),
        ([], "0 wheels of pibridge"),
    ],
)
def test_what_is_not_understood_is_refused(machine: Machine, arguments: list[str], said: str) -> None:
    """Whatever is wrong with the command is said, and nothing is done."""
    refused = machine.install(*arguments)
    assert refused.returncode != 0
    assert said in refused.stderr
    assert not machine.root.exists()


def test_an_old_python_is_refused(machine: Machine, tmp_path: Path) -> None:
    """The Python that is too old is named, with what to do."""
    (old := tmp_path / "python3.9").write_text('#!/bin/sh\n[ "$1" != --version ] || echo Python 3.9.2\nexit 1\n')
    old.chmod(0o755)
    command = [str(SCRIPT), "--root", str(machine.root), "--dry-run"]
    refused = subprocess.run(
        command, capture_output=True, check=False, text=True, env={**os.environ, "PYTHON": str(old)}
    )
    assert refused.returncode == 1
    assert "needs 3.11 or later" in refused.stderr
