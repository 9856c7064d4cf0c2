"""What policies allow is what pibridge does: its sinks run, their requests are noted and compared."""

import asyncio
import json
import re
from collections.abc import AsyncIterator
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, Final

import pytest

from context.plants import NOTE
from deploy.cloud import DEPLOY, TESTS, Account, actions, listed, statements
from deploy.conftest import IMPORT_ROLE
from deploy.wire import Asked, Wire, wire_to
from pibridge.config.s3_source import S3Source
from pibridge.context.record import Record
from pibridge.errors import UnavailableError
from pibridge.model import ticks
from pibridge.model.event import Event
from pibridge.sinks import build
from pibridge.sinks.s3 import S3Sink
from pibridge.sinks.settings import KinesisSettings, S3Settings, SiteWiseSettings
from pibridge.sinks.sitewise.sink import SiteWiseSink
from sinks.batches import NOON, ListedBatch, values
from sinks.message_sides import IotCore, readings
from sinks.mosquitto import require_mosquitto
from sinks.plant_records import context
from sinks.sitewise.double import sitewise
from sinks.sitewise.samples import NOW, NOW_S, record

pytestmark = pytest.mark.timeout(300)  # each step is many runs of the AWS CLI
SITE: Final = "houston"
BY_OTHERS: Final = {
    # SiteWise starts an import with the role that it is handed.
    "iam:PassRole",
    # S3 does it for the sink, in a bucket with a key of one's own.
    "kms:GenerateDataKey",
    "kms:Decrypt",
    # Greengrass's Secret Manager does it.
    "secretsmanager:GetSecretValue",
}
MESSAGES: Final = {"iot:Connect", "iot:Publish"}
COMMANDS: Final = {"iot:Subscribe", "iot:Receive"}
IOT: Final = "arn:aws:iot:eu-west-1:123456789012"


@pytest.fixture(autouse=True)
def _credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "AKIATESTTESTTESTTEST")
    monkeypatch.setenv("AWS_REGION", "eu-west-1")


@pytest.fixture
async def wire(account: Account) -> AsyncIterator[Wire]:
    """Lay a line to the account."""
    async with wire_to(account.url) as wire:
        yield wire


def allows(policy: list[dict[str, Any]], asked: Asked, thing: str = SITE) -> bool:
    """Tell whether this thing may do that."""
    action, resource = asked
    return any(
        action in listed(each["Action"])
        and any(fnmatchcase(resource, re.sub(r"\$\{[\w:.-]+\}", thing, one)) for one in listed(each["Resource"]))
        for each in policy
    )


async def all_of_s3(account: Account, wire: Wire) -> list[Asked]:
    """Have the sink put a small object and a large one, and give one up; give what it asked."""
    bucket = account.output("pibridge-lake", "BucketName")
    keys = {"type": "s3", "bucket": bucket, "region": "eu-west-1", "format": "jsonl", "endpoint_url": wire.url}
    sink = build("lake", S3Settings.model_validate(keys), SITE)
    assert isinstance(sink, S3Sink)
    await sink.open()
    await sink.probe()
    await sink.write(ListedBatch(values(1, 10)))
    large = ListedBatch([Record(11, Event(1, NOON, "x" * (20 << 20)), context(NOTE))])
    await sink.write(large)
    wire.refuses_parts = True
    with pytest.raises(UnavailableError):
        await sink.write(ListedBatch([Record(12, Event(1, NOON, "x" * (20 << 20)), context(NOTE))]))
    wire.refuses_parts = False
    await sink.close()
    return wire.asked


async def all_of_kinesis(account: Account, wire: Wire) -> list[Asked]:
    """Have the sink send messages, and be checked; give what it asked."""
    account.client("kinesis").create_stream(StreamName="acme-pi", ShardCount=1)
    keys = {"type": "kinesis", "stream": "acme-pi", "region": "eu-west-1", "endpoint_url": wire.url}
    sink = build("stream", KinesisSettings.model_validate(keys), SITE)
    await sink.open()
    await sink.probe()
    await sink.write(ListedBatch(values(1, 10)))
    await sink.close()
    return [(action, "arn:aws:kinesis:eu-west-1:123456789012:stream/acme-pi") for action, _ in wire.asked]


async def all_of_sitewise(account: Account, wire: Wire) -> list[Asked]:
    """Have the sink put a young value and an old one; give what it asked."""
    account.client("s3").create_bucket(
        Bucket="acme-sitewise", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"}
    )
    bulk = {"bucket": "acme-sitewise", "endpoint_url": wire.url, "role_arn": IMPORT_ROLE}
    async with sitewise(NOW_S) as double:
        keys = {"type": "sitewise", "region": "eu-west-1", "endpoint_url": double.url, "bulk_import": bulk}
        sink = SiteWiseSink("sitewise", SiteWiseSettings.model_validate(keys), SITE, now=lambda: NOW_S)
        await sink.open()
        await sink.probe()
        await sink.write(ListedBatch([record(1, 1.5, at=NOW - 30 * 86400 * ticks.PER_SECOND), record(2, 2.5)]))
        await sink.close()
        return [*wire.asked, *((f"iotsitewise:{operation}", "*") for operation, _ in double.requests)]


async def all_of_configuration(account: Account, wire: Wire) -> list[Asked]:
    """Have a configuration read from S3, twice; give what was asked."""
    store = account.output("pibridge-fleet", "StoreBucketName")
    account.client("s3").put_object(Bucket=store, Key="config/fleet.yaml", Body=b"site: houston")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_ENDPOINT_URL", wire.url)
        source = S3Source(f"s3://{store}/config/fleet.yaml")
        for _ in range(2):
            await asyncio.to_thread(source.read)
    return wire.asked


async def test_the_role_allows_what_is_done_and_nothing_more(account: Account) -> None:
    """Each request of each sink and of the configuration is allowed on its own site, and no action is never used."""
    policy = account.role_policy("pibridge-fleet")
    done: set[Asked] = set()
    for have in (all_of_s3, all_of_kinesis, all_of_sitewise, all_of_configuration):
        async with wire_to(account.url) as wire:
            done |= set(await have(account, wire))
    assert [each for each in done if not allows(policy, each)] == []
    assert {action for action, _ in done} | BY_OTHERS | MESSAGES | COMMANDS == actions(policy)


async def test_a_site_reaches_only_its_own(account: Account, wire: Wire) -> None:
    """The credentials of another site are good for none of what this one writes."""
    policy = account.role_policy("pibridge-fleet")
    assert not any(allows(policy, each, thing="houston2") for each in await all_of_s3(account, wire))


def test_what_was_not_chosen_is_not_allowed(account: Account) -> None:
    """Without options a device may put records, read what is its own, and send messages."""
    text = (DEPLOY / "cloudformation" / "fleet.yaml").read_text(encoding="utf-8")
    account.client("cloudformation").create_stack(
        StackName="plain",
        TemplateBody=text,
        Parameters=[
            {"ParameterKey": "LakeBucket", "ParameterValue": "acme-historian"},
            {"ParameterKey": "ThingGroupName", "ParameterValue": "plain"},
            {"ParameterKey": "Site", "ParameterValue": "lone"},
        ],
        Capabilities=["CAPABILITY_IAM"],
    )
    allowed = actions(account.role_policy("plain"))
    assert allowed == {"s3:PutObject", "s3:AbortMultipartUpload", "s3:GetObject", *MESSAGES}
    assert "lone" in {each["thingName"] for each in account.client("iot").list_things()["things"]}


async def test_messages_are_allowed_by_certificate_and_by_role(
    account: Account, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A real broker notes who connects and what is published: all that, and only as this site, is allowed."""
    require_mosquitto(monkeypatch)
    side = IotCore(tmp_path, topic="pi/{site}/{asset.path}", connections=3)
    await side.start()
    sink = side.sink()
    await sink.open()
    await sink.write(ListedBatch(readings(1, 50)))
    await sink.close()
    await side.stop()
    log = side.broker.log.read_text()
    done = {("iot:Connect", f"{IOT}:client/{name}") for name in re.findall(r"connected from \S+ as (pibridge\S+)", log)}
    done |= {
        ("iot:Publish", f"{IOT}:topic/{topic}")
        for topic in re.findall(r"Received PUBLISH from pibridge\S* \(.*?'(.+?)'", log)
    }
    assert {action for action, _ in done} == MESSAGES
    done |= {("iot:Connect", f"{IOT}:client/pibridge-{SITE}-{name}") for name in ("check", "remote")}
    done |= {("iot:Publish", f"{IOT}:topic/pibridge/{SITE}/{name}") for name in ("health", "answers")}
    done.add(("iot:Subscribe", f"{IOT}:topicfilter/pibridge/{SITE}/commands"))
    done.add(("iot:Receive", f"{IOT}:topic/pibridge/{SITE}/commands"))
    standalone = account.iot_policy("pibridge-fleet-standalone")
    for policy in (standalone, account.role_policy("pibridge-fleet")):
        assert [each for each in done if not allows(policy, each)] == []
        assert not any(allows(policy, each, thing="houston2") for each in done)
    assert actions(standalone) == {*MESSAGES, *COMMANDS, "iot:AssumeRoleWithCertificate"}
    published = {each for each in done if each[0] == "iot:Publish"}
    assert all(allows(account.iot_policy("pibridge-fleet-core"), each) for each in published)


def test_the_pages_say_the_same() -> None:
    """The policies in docs/sinks/ have the actions of fleet.yaml, by sink."""
    sinks = {
        "s3": {"s3:PutObject", "s3:AbortMultipartUpload"},
        "kinesis": {"kinesis:PutRecords", "kinesis:DescribeStreamSummary"},
        "iot_core": MESSAGES,
        "sitewise": {
            "iotsitewise:BatchPutAssetPropertyValue",
            "s3:PutObject",
            "iotsitewise:CreateBulkImportJob",
            "iam:PassRole",
        },
    }
    for name, expected in sinks.items():
        page = (TESTS.parent / "docs" / "sinks" / f"{name}.md").read_text(encoding="utf-8")
        (block,) = [each for each in re.findall(r"```json\n(.*?)```", page, re.DOTALL) if '"Statement"' in each]
        assert actions(statements(json.loads(block))) == expected
