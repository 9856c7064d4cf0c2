"""Builds the Greengrass component: `gdk component build` runs this, and it runs as well by itself.

Writes greengrass-build/recipes/recipe.json and greengrass-build/artifacts/NAME/VERSION/pibridge-TARGET.zip: our wheel
and those of requirements.lock, so that a core without internet can install them. Needs nothing but Python and pip.
"""

import argparse
import json
import re
import shutil
import subprocess
import sys
import tempfile
import tomllib
import zipfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
BUILD = ROOT / "greengrass-build"
MOST_RECIPE_BYTES = 16_000
PYTHONS = ("3.11", "3.12", "3.13", "3.14")
"""Debian 12 and 13 and Raspberry Pi OS upon them, Ubuntu 24.04 and 26.04."""
ONLY_PARQUET = {"pyarrow"}
EPOCH = (1980, 1, 1, 0, 0, 0)
"""The time of all files in a zip, so that the same wheels make the same zip."""


@dataclass(frozen=True)
class Target:
    """What runs a core. `platforms`: tags of the wheels that it takes. `system`: its `sys_platform`."""

    platforms: tuple[str, ...]
    system: str


def linux(machine: str) -> Target:
    """Give a Linux of this machine, with a glibc of 2.28 or later."""
    return Target(tuple(f"{tag}_{machine}" for tag in ("manylinux_2_28", "manylinux_2_17", "manylinux2014")), "linux")


TARGETS = {
    "linux-amd64": linux("x86_64"),
    "linux-aarch64": linux("aarch64"),
    "windows-amd64": Target(("win_amd64",), "win32"),
}


def main(arguments: Sequence[str]) -> None:
    """Build what the command line asks for."""
    asked = options(arguments)
    name, version, author = identity()
    shutil.rmtree(BUILD, ignore_errors=True)
    artifacts = BUILD / "artifacts" / name / version
    artifacts.mkdir(parents=True)
    source = json.loads((ROOT / "recipes" / "recipe.json").read_text(encoding="utf-8"))
    (BUILD / "recipes").mkdir()
    text = recipe_text(built_recipe(source, (name, version, author), asked.target, asked.secret))
    (BUILD / "recipes" / "recipe.json").write_text(text, encoding="utf-8")
    with tempfile.TemporaryDirectory() as scratch:
        own = Path(scratch) / "own"
        pip("wheel", "--no-deps", f"--wheel-dir={own}", str(ROOT))
        for target in asked.target:
            wheels = Path(scratch) / target
            shutil.copytree(own, wheels)
            download(TARGETS[target], asked.python, wheels, parquet=asked.parquet)
            file = artifacts / f"pibridge-{target}.zip"
            write_zip(file, wheels, f"pibridge{'[parquet]' if asked.parquet else ''}=={version}\n")
            print(f"{file.relative_to(ROOT)}: {file.stat().st_size >> 20} MiB")


def options(arguments: Sequence[str]) -> argparse.Namespace:
    """Read the command line; what is not given is all there is, without secrets and Parquet."""
    parser = argparse.ArgumentParser(description="Build the Greengrass component io.pibridge.Connector.")
    parser.add_argument("--target", action="append", choices=TARGETS, help="a kind of core; repeat it for several")
    parser.add_argument("--python", action="append", help="a Python of the cores, such as 3.11; repeat it for several")
    parser.add_argument(
        "--parquet", action="store_true", help="with what `format: parquet` needs, 55 MB for each Python"
    )
    parser.add_argument("--secret", action="append", default=[], metavar="ARN", help="a secret that it may read")
    asked = parser.parse_args(arguments)
    asked.target = asked.target or list(TARGETS)
    asked.python = asked.python or list(PYTHONS)
    return asked


def identity() -> tuple[str, str, str]:
    """Give name, version and author of the component. SystemExit if it is no version of the package."""
    [(name, component)] = json.loads((ROOT / "gdk-config.json").read_text(encoding="utf-8"))["component"].items()
    package = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]
    if component["version"] != package:
        sys.exit(f"gdk-config.json says version {component['version']}, pyproject.toml {package}; write the same")
    return name, component["version"], component["author"]


def built_recipe(
    source: dict[str, Any], identity: tuple[str, str, str], targets: Iterable[str], secrets: Sequence[str] = ()
) -> dict[str, Any]:
    """Give the recipe of this version for these targets. With secrets it needs Secret Manager, and may read them."""
    text = json.dumps(source)
    for key, value in zip(("NAME", "VERSION", "AUTHOR"), identity, strict=True):
        text = text.replace(f"{{COMPONENT_{key}}}", value)
    recipe: dict[str, Any] = json.loads(text)
    chosen = set(targets)
    recipe["Manifests"] = [manifest for manifest in recipe["Manifests"] if manifest["Name"] in chosen]
    if secrets:
        needs = {"VersionRequirement": "^2.0.0", "DependencyType": "HARD"}
        recipe["ComponentDependencies"]["aws.greengrass.SecretManager"] = needs
        policy = {
            "policyDescription": "Read the secrets that the configuration names.",
            "operations": ["aws.greengrass#GetSecretValue"],
            "resources": list(secrets),
        }
        access = recipe["ComponentConfiguration"]["DefaultConfiguration"]["accessControl"]
        access["aws.greengrass.SecretManager"] = {f"{identity[0]}:secrets:1": policy}
    return recipe


def recipe_text(recipe: dict[str, Any]) -> str:
    """Give the recipe as it is published. SystemExit if Greengrass would not take it."""
    text = json.dumps(recipe, indent=2) + "\n"
    if len(text.encode()) > MOST_RECIPE_BYTES:
        sys.exit(f"the recipe has {len(text.encode())} bytes, Greengrass takes {MOST_RECIPE_BYTES}")
    return text


def requirements(lock: str, system: str, *, parquet: bool) -> str:
    """Give what is locked for a system: markers are decided here, pip would decide them for this machine."""
    kept = []
    for entry in re.split(r"^(?=\w)", lock, flags=re.MULTILINE)[1:]:
        head, _, hashes = entry.partition("\\\n")
        pin, _, marker = (part.strip() for part in head.partition(";"))
        if marker not in {"", f"sys_platform == '{system}'"}:
            if not re.fullmatch(r"sys_platform == '\w+'", marker):
                sys.exit(f"requirements.lock: {pin} has the marker {marker}, which component/build.py does not know")
            continue
        if parquet or pin.partition("==")[0] not in ONLY_PARQUET:
            kept.append(f"{pin} \\\n{hashes}")
    return "".join(kept)


def download(target: Target, pythons: Iterable[str], wheels: Path, *, parquet: bool) -> None:
    """Fetch the locked wheels for each Python. SystemExit if there are none, or they are others than those locked."""
    lock = (ROOT / "requirements.lock").read_text(encoding="utf-8")
    with tempfile.TemporaryDirectory() as scratch:
        wanted = Path(scratch) / "requirements.txt"
        wanted.write_text(requirements(lock, target.system, parquet=parquet), encoding="utf-8")
        what = ["--no-deps", "--require-hashes", "--only-binary=:all:", f"--requirement={wanted}", f"--dest={wheels}"]
        for python in pythons:
            machine = [f"--python-version={python}", "--implementation=cp", *platforms(target)]
            pip("download", *what, *machine)


def platforms(target: Target) -> Iterator[str]:
    """Give the options of pip for what the target takes."""
    return (f"--platform={platform}" for platform in target.platforms)


def pip(*arguments: str) -> None:
    """Have pip do it. SystemExit if it fails; it has said why."""
    command = [sys.executable, "-m", "pip", arguments[0], "--quiet", "--disable-pip-version-check", *arguments[1:]]
    if subprocess.run(command, check=False).returncode:
        sys.exit(f"failed: pip {arguments[0]}")


def write_zip(file: Path, wheels: Path, requirement: str) -> None:
    """Write what a core installs: the wheels, what to install of them, and the program that does it."""
    script = Path(__file__).with_name("install.py").read_bytes()
    contents = {"install.py": script, "requirements.txt": requirement.encode()}
    with zipfile.ZipFile(file, "w") as archive:  # stored: wheels are compressed already
        for name, data in contents.items():
            archive.writestr(zipfile.ZipInfo(name, EPOCH), data)
        for wheel in sorted(wheels.iterdir()):
            archive.writestr(zipfile.ZipInfo(f"wheels/{wheel.name}", EPOCH), wheel.read_bytes())


if __name__ == "__main__":
    main(sys.argv[1:])
