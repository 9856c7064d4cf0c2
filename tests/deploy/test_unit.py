import re
import shutil
import subprocess
from pathlib import Path

import pytest

from pibridge.cli import WRONG_CONFIGURATION
from pibridge.config.source import source_of
from pibridge.config.watch import Watch

DEPLOY = Path(__file__).parents[2] / "deploy"
UNIT = DEPLOY / "systemd" / "pibridge.service"
MOST_EXPOSED = 1.5
"""Of 10. What is left is the network, which it is for."""

needs_systemd = pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd is not installed")


@pytest.fixture
def unit(tmp_path: Path) -> Path:
    """Give the unit with a program that is there."""
    text = UNIT.read_text(encoding="utf-8")
    (copy := tmp_path / UNIT.name).write_text(text.replace("/opt/pibridge/current/bin/pibridge", "/bin/true"), "utf-8")
    return copy


@needs_systemd
def test_systemd_understands_every_line(unit: Path) -> None:
    """`systemd-analyze verify` has nothing to say."""
    verified = subprocess.run(["systemd-analyze", "verify", str(unit)], capture_output=True, check=False, text=True)
    assert (verified.returncode, verified.stderr) == (0, "")


@needs_systemd
def test_the_service_is_shut_in(unit: Path) -> None:
    """`systemd-analyze security` finds it little exposed."""
    command = ["systemd-analyze", "security", "--offline=true", str(unit)]
    judged = subprocess.run(command, capture_output=True, check=True, text=True)
    (exposure,) = re.findall(r"Overall exposure level for pibridge\.service: ([\d.]+)", judged.stdout)
    assert float(exposure) <= MOST_EXPOSED


def test_a_wrong_configuration_is_not_tried_again() -> None:
    """The exit code of a wrong configuration ends the service until somebody mends it."""
    assert f"\nRestartPreventExitStatus={WRONG_CONFIGURATION}\n" in UNIT.read_text(encoding="utf-8")


def test_the_first_configuration_lacks_a_password_only(tmp_path: Path) -> None:
    """The configuration to start from is right as soon as its password file is there; it writes where it may."""
    (tmp_path / "pi-password").write_text("secret\n", encoding="utf-8")
    text = (DEPLOY / "pibridge.yaml").read_text(encoding="utf-8")
    (mine := tmp_path / "pibridge.yaml").write_text(text.replace("/etc/pibridge/", f"{tmp_path}/"), encoding="utf-8")
    configuration = Watch(source_of(str(mine))).load().configuration
    assert configuration.journal.path.is_relative_to("/var/lib/pibridge")
    assert re.findall(r"path: (\S+?)[,\n]", text) == ["/var/lib/pibridge/journal", "/var/lib/pibridge/out"]
