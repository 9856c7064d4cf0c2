"""A Greengrass core of tests: it unpacks artifacts and runs the scripts of a recipe, as a nucleus does."""

import asyncio
import json
import os
import platform
import shutil
import signal
import subprocess
import sys
import zipfile
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
TARGET = {"x86_64": "linux-amd64", "aarch64": "linux-aarch64"}.get(platform.machine(), "")
PARTS = (
    "component",
    "recipes",
    "src",
    "gdk-config.json",
    "pyproject.toml",
    "requirements.lock",
    "README.md",
    "LICENSE",
)
"""What a build needs of the project."""
NO_INDEX = ("No matching distribution found", "Could not find a version", "Connection")


class Core:
    """A folder with what is deployed: `built` is the greengrass-build of a component."""

    def __init__(self, built: Path, folder: Path) -> None:
        self.recipe: dict[str, Any] = json.loads((built / "recipes" / "recipe.json").read_text(encoding="utf-8"))
        [self.manifest] = [each for each in self.recipe["Manifests"] if each["Name"] == TARGET]
        self.work = folder / "work"
        self._unpacked = folder / "unpacked"
        self.work.mkdir(parents=True)
        for artifact in self.manifest["Artifacts"]:
            place = artifact["Uri"].replace("s3://BUCKET_NAME", str(built / "artifacts"))
            with zipfile.ZipFile(place) as archive:
                archive.extractall(self._unpacked / Path(place).stem)

    def script(self, step: str) -> str:
        """Give a script of the recipe as the nucleus runs it."""
        written: str = self.manifest["Lifecycle"][step]["Script"]
        for variable, value in (("{artifacts:decompressedPath}", self._unpacked), ("{work:path}", self.work)):
            written = written.replace(variable, str(value))
        return written

    def install(self) -> "subprocess.CompletedProcess[str]":
        """Run the install step, without a package index."""
        return subprocess.run(
            ["sh", "-c", self.script("install")], env=environment(), check=False, capture_output=True, text=True
        )

    @asynccontextmanager
    async def running(self, own: Mapping[str, str]) -> AsyncIterator["Component"]:
        """Run the run step; whatever happens, no process is left behind."""
        log = self.work.parent / "component.log"
        with log.open("wb") as out:
            process = await asyncio.create_subprocess_exec(
                "sh", "-c", self.script("run"), cwd="/", env={**environment(), **own}, stdout=out, stderr=out
            )
        try:
            yield Component(process, log)
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()


class Component:
    """A component that runs. Its log goes to a file, as the nucleus writes one."""

    def __init__(self, process: asyncio.subprocess.Process, log: Path) -> None:
        self._process = process
        self._log = log

    def log(self, event: str) -> list[dict[str, Any]]:
        """Give the lines whose event begins like this. Fails if the component has ended."""
        text = self._log.read_text(encoding="utf-8")
        assert self._process.returncode is None, text
        lines = [json.loads(line) for line in text.splitlines()]
        return [line for line in lines if line["event"].startswith(event)]

    async def stop(self, within_s: float) -> int:
        """Stop it as the nucleus does, with SIGTERM; give its exit code. TimeoutError: it would be killed."""
        self._process.send_signal(signal.SIGTERM)
        return await asyncio.wait_for(self._process.wait(), within_s)


def environment() -> dict[str, str]:
    """Give what a component finds in its environment: nothing of this test, of pip or of Python's."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("PIP_", "PYTHON", "VIRTUAL_ENV"))}
    path = os.pathsep.join([str(Path(sys.base_prefix) / "bin"), os.environ["PATH"]])
    return {**kept, "PATH": path, "PIP_CONFIG_FILE": os.devnull, "AWS_REGION": "eu-west-1"}


def build(folder: Path) -> Path:
    """Build the component for this machine and Python, as the GDK does; give its greengrass-build."""
    if not TARGET:
        pytest.skip(f"the component is not built for {platform.machine()}")
    for part in PARTS:
        copy = shutil.copytree if (ROOT / part).is_dir() else shutil.copy
        copy(ROOT / part, folder / part)
    [component] = json.loads((folder / "gdk-config.json").read_text(encoding="utf-8"))["component"].values()
    _, *command = component["build"]["custom_build_command"]
    chosen = ["--target", TARGET, "--python", f"{sys.version_info.major}.{sys.version_info.minor}"]
    done = subprocess.run(
        [sys.executable, *command, *chosen],
        cwd=folder,
        env={**os.environ, "PIP_RETRIES": "1"},
        check=False,
        capture_output=True,
        text=True,
    )
    if done.returncode and os.environ.get("PIBRIDGE_INDEX") != "required" and any(n in done.stderr for n in NO_INDEX):
        pytest.skip("no package index answers: the component cannot be built")
    assert done.returncode == 0, done.stderr
    return folder / "greengrass-build"
