"""What tests of the installed program need, and one account for those of the cloud, where all was chosen in step 1."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from deploy.cloud import DEPLOY, TESTS, Account
from deploy.packages import pip

IMPORT_ROLE: Final = "arn:aws:iam::123456789012:role/sitewise-import"
CHOSEN: Final = {
    "lake.KmsKeyArn": "arn:aws:kms:eu-west-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab",
    "lake.KeepDays": "400",
    "fleet.KmsKeyArn": "arn:aws:kms:eu-west-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab",
    "fleet.SiteWise": "true",
    "fleet.SiteWiseImportBucket": "acme-sitewise",
    "fleet.SiteWiseImportRoleArn": IMPORT_ROLE,
    "fleet.KinesisStream": "acme-pi",
    "fleet.Commands": "true",
    "fleet.SecretArns": "arn:aws:secretsmanager:eu-west-1:123456789012:secret:pi-AbCdEf",
    "alarms.GapSeconds": "7200",
    "routes.ToS3": "true",
    "influxdb.Endpoint": "https://influx.example.com:8086",
    "influxdb.TokenSecretArn": "arn:aws:secretsmanager:eu-west-1:123456789012:secret:influx-AbCdEf",
}


WITH: Final = ("--with", "routes", "--with", "influxdb")


@pytest.fixture(scope="session")
def account() -> Iterator[Account]:
    """Run an account, and take step 1 there."""
    serving = subprocess.Popen(
        [sys.executable, "-c", "from deploy.aws_account import main; main()"],
        env={**os.environ, "PYTHONPATH": str(TESTS), "AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test"},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    with serving:
        assert serving.stdout is not None
        account = Account(f"http://127.0.0.1:{int(serving.stdout.readline())}")
        options = [option for each in CHOSEN.items() for option in ("--set", "=".join(each))]
        try:
            account.step("create-stacks.sh", "--sites", "houston,dallas", *options, *WITH)
            yield account
        finally:
            account.close()
            assert serving.stdin is not None
            serving.stdin.close()  # which ends it


@pytest.fixture
def templates() -> list[Path]:
    """Give all templates."""
    found = sorted((DEPLOY / "cloudformation").glob("*.yaml"))
    assert found
    return found


@pytest.fixture(scope="session")
def index() -> None:
    """Skip where no package index answers, unless it is required."""
    found = pip("install", "--dry-run", "--ignore-installed", "--no-deps", "structlog")
    if found.returncode and os.environ.get("PIBRIDGE_INDEX") == "required":
        pytest.fail(f"no package index, and PIBRIDGE_INDEX is required: {found.stderr}", pytrace=False)
    if found.returncode:
        pytest.skip("no package index answers: what it has for other machines cannot be asked")
