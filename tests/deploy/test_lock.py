import json
import re
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from deploy.packages import pip

ROOT = Path(__file__).parents[2]
LOCK = ROOT / "requirements.lock"
"""Of Raspberry Pi OS and Debian 12 and 13, Ubuntu 24.04 and 26.04."""
OLDEST_GLIBC = ["manylinux_2_17_{}", "manylinux2014_{}", "manylinux_2_28_{}"]
"""Of these systems the oldest has 2.36; what is built for 2.28 runs on Amazon Linux 2023 and RHEL 8 too."""


def locked() -> dict[str, tuple[Requirement, list[str]]]:
    """Give each locked package with its hashes."""
    entries = re.split(r"\n(?=\w)", re.sub(r"^\s*#.*\n", "", LOCK.read_text(encoding="utf-8"), flags=re.MULTILINE))
    parsed = [(Requirement(entry.partition(" \\")[0]), re.findall(r"sha256:(\w{64})", entry)) for entry in entries]
    return {requirement.name: (requirement, hashes) for requirement, hashes in parsed}


def wanted() -> list[Requirement]:
    """Give what pyproject.toml asks for, for a deployed daemon."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return [Requirement(line) for line in project["dependencies"] + project["optional-dependencies"]["parquet"]]


def test_the_lock_keeps_to_the_ranges() -> None:
    """Each dependency of pyproject.toml is locked to one version within its range."""
    pins = locked()
    for requirement in wanted():
        pin, _ = pins[requirement.name]
        (version,) = pin.specifier
        assert version.operator == "=="
        assert version.version in requirement.specifier, f"{pin} is locked, {requirement} is asked for: make lock"


def test_all_that_is_locked_has_hashes() -> None:
    """What is installed is what was locked, from whatever index: each entry has hashes, none names an index."""
    assert all(hashes for _, hashes in locked().values())
    assert "://" not in LOCK.read_text(encoding="utf-8")


@pytest.mark.usefixtures("index")
@pytest.mark.parametrize(("machine", "python"), [("aarch64", "3.11"), ("aarch64", "3.13"), ("x86_64", "3.14")])
def test_nothing_is_compiled_on_the_edge(machine: str, python: str, tmp_path: Path) -> None:
    """For each machine and Python there are wheels of all that is needed, and the lock has their hashes."""
    pins = locked()
    (names := tmp_path / "names.txt").write_text("\n".join(str(pin) for pin, _ in pins.values()), encoding="utf-8")
    report = tmp_path / "report.json"
    platforms = [f"--platform={glibc.format(machine)}" for glibc in OLDEST_GLIBC]
    target = [f"--target={tmp_path / 'nowhere'}", f"--python-version={python}", "--implementation=cp", *platforms]
    asked = pip("install", "--dry-run", "--ignore-installed", *target, f"--report={report}", f"--requirement={names}")
    assert asked.returncode == 0, asked.stderr
    found = {
        package["metadata"]["name"].lower().replace("_", "-"): package["download_info"]["archive_info"]["hashes"]
        for package in json.loads(report.read_text(encoding="utf-8"))["install"]
    }
    assert {requirement.name for requirement in wanted()} <= found.keys() <= pins.keys()
    for name, hashes in found.items():
        assert hashes["sha256"] in pins[name][1], name
