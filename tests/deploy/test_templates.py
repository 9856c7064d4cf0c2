import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from deploy.cloud import DEPLOY, Account


def tool(name: str, *arguments: object) -> str:
    """Run a linter; give what it found."""
    program = Path(sys.executable).with_name(name)
    return subprocess.run([program, *map(str, arguments)], check=False, capture_output=True, text=True).stdout


def test_templates_are_clean(templates: list[Path]) -> None:
    """cfn-lint finds nothing in any template: no error, no warning, no advice."""
    assert tool("cfn-lint", "--include-checks", "W", "I", "--", *templates) == ""


def test_scripts_are_clean() -> None:
    """ShellCheck finds nothing in any script."""
    scripts = sorted(DEPLOY.glob("*.sh"))
    assert scripts
    assert tool("shellcheck", "--external-sources", f"--source-path={DEPLOY.parent}", *scripts) == ""


def test_every_template_has_its_place_in_the_readme(templates: list[Path]) -> None:
    """deploy/README.md names each template and each script."""
    text = (DEPLOY / "README.md").read_text(encoding="utf-8")
    missing = [path.name for path in [*templates, *DEPLOY.glob("*.sh"), *DEPLOY.glob("*.py")] if path.name not in text]
    assert not missing


@pytest.mark.parametrize(("stack", "output"), [("pibridge-lake", "BucketName"), ("pibridge-fleet", "StoreBucketName")])
def test_buckets_are_closed_and_encrypted(account: Account, stack: str, output: str) -> None:
    """No object can become public, none is stored in the clear, none travels without TLS, broken uploads go."""
    s3, bucket = account.client("s3"), account.output(stack, output)
    blocked = s3.get_public_access_block(Bucket=bucket)["PublicAccessBlockConfiguration"]
    assert set(blocked.values()) == {True}
    (rule,) = s3.get_bucket_encryption(Bucket=bucket)["ServerSideEncryptionConfiguration"]["Rules"]
    expected = {"pibridge-lake": "aws:kms", "pibridge-fleet": "AES256"}
    assert rule["ApplyServerSideEncryptionByDefault"]["SSEAlgorithm"] == expected[stack]
    assert '"aws:SecureTransport": "false"' in s3.get_bucket_policy(Bucket=bucket)["Policy"]
    lifecycle = s3.get_bucket_lifecycle_configuration(Bucket=bucket)["Rules"]
    assert any(each.get("AbortIncompleteMultipartUpload") == {"DaysAfterInitiation": 1} for each in lifecycle)


def test_only_the_store_keeps_versions(account: Account) -> None:
    """A configuration that was replaced can be had again; a record that was sent twice is kept once."""
    s3 = account.client("s3")
    kept = {
        stack: s3.get_bucket_versioning(Bucket=account.output(stack, output)).get("Status")
        for stack, output in [("pibridge-lake", "BucketName"), ("pibridge-fleet", "StoreBucketName")]
    }
    assert kept == {"pibridge-lake": None, "pibridge-fleet": "Enabled"}


def test_messages_have_their_routes(account: Account) -> None:
    """Rules listen to the topics of records and of health, and say their errors."""
    iot = account.client("iot")
    rules = {each["ruleName"]: each["topicPattern"] for each in iot.list_topic_rules()["rules"]}
    assert sorted(rules.values()) == ["pi/#", "pi/#", "pi/#", "pibridge/+/health"]
    actions: list[dict[str, Any]] = [iot.get_topic_rule(ruleName=name)["rule"]["actions"][0] for name in rules]
    assert {next(iter(action)) for action in actions} == {"s3", "firehose", "lambda", "cloudwatchLogs"}
