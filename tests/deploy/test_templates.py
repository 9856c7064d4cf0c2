import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from deploy.cloud import DEPLOY, Account, template

pytestmark = pytest.mark.timeout(300)  # each step is many runs of the AWS CLI


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


@pytest.mark.parametrize(("name", "bucket"), [("lake", "Bucket"), ("fleet", "StoreBucket")])
def test_buckets_are_closed(name: str, bucket: str) -> None:
    """No object becomes public, nothing travels without TLS, uploads that broke off go, no stack removes records."""
    resources = template(name)["Resources"]
    made, policy = resources[bucket], resources[f"{bucket}Policy"]["Properties"]
    assert (made["DeletionPolicy"], made["UpdateReplacePolicy"]) == ("Retain", "Retain")
    assert set(made["Properties"]["PublicAccessBlockConfiguration"].values()) == {True}
    rules = made["Properties"]["LifecycleConfiguration"]["Rules"]
    assert {"DaysAfterInitiation": 1} in [each.get("AbortIncompleteMultipartUpload") for each in rules]
    (denied,) = policy["PolicyDocument"]["Statement"]
    assert policy["Bucket"] == {"Ref": bucket}
    assert (denied["Effect"], denied["Principal"], denied["Action"]) == ("Deny", "*", "s3:*")
    assert denied["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}


@pytest.mark.parametrize(
    ("stack", "output", "by"),
    [("pibridge-lake", "BucketName", "aws:kms"), ("pibridge-fleet", "StoreBucketName", "AES256")],
)
def test_buckets_are_encrypted(account: Account, stack: str, output: str, by: str) -> None:
    """Objects are encrypted, records by a key of one's own where one is named."""
    said = account.client("s3").get_bucket_encryption(Bucket=account.output(stack, output))
    (rule,) = said["ServerSideEncryptionConfiguration"]["Rules"]
    assert rule["ApplyServerSideEncryptionByDefault"]["SSEAlgorithm"] == by


def test_only_the_store_keeps_versions() -> None:
    """A configuration that was replaced can be had again; a record that was sent twice is kept once."""
    kept = {
        (name, bucket): template(name)["Resources"][bucket]["Properties"].get("VersioningConfiguration")
        for name, bucket in [("lake", "Bucket"), ("fleet", "StoreBucket")]
    }
    assert kept == {("lake", "Bucket"): None, ("fleet", "StoreBucket"): {"Status": "Enabled"}}


def test_messages_have_their_routes(account: Account) -> None:
    """Rules listen to the topics of records and of health, and say their errors."""
    iot = account.client("iot")
    rules = {each["ruleName"]: each["topicPattern"] for each in iot.list_topic_rules()["rules"]}
    assert sorted(rules.values()) == ["pi/#", "pi/#", "pi/#", "pibridge/+/health"]
    actions: list[dict[str, Any]] = [iot.get_topic_rule(ruleName=name)["rule"]["actions"][0] for name in rules]
    assert {next(iter(action)) for action in actions} == {"s3", "firehose", "lambda", "cloudwatchLogs"}
