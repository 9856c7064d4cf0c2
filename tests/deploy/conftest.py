"""What tests of the installed program need."""

import os

import pytest

from deploy.packages import pip


@pytest.fixture(scope="session")
def index() -> None:
    """Skip where no package index answers, unless it is required."""
    found = pip("install", "--dry-run", "--ignore-installed", "--no-deps", "structlog")
    if found.returncode and os.environ.get("PIBRIDGE_INDEX") == "required":
        pytest.fail(f"no package index, and PIBRIDGE_INDEX is required: {found.stderr}", pytrace=False)
    if found.returncode:
        pytest.skip("no package index answers: what it has for other machines cannot be asked")
