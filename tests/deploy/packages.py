"""The package index that pip has here."""

import subprocess
import sys


def pip(command: str, *arguments: str) -> "subprocess.CompletedProcess[str]":
    """Ask for wheels only, and without much patience."""
    patience = ["--retries=1", "--timeout=20", "--quiet"]
    return subprocess.run(
        [sys.executable, "-m", "pip", command, "--only-binary=:all:", *patience, *arguments],
        capture_output=True,
        check=False,
        text=True,
    )
