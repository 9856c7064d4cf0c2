from pathlib import Path
from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from pibridge.model.settings import Settings
from pibridge.sinks.settings import FileSettings, IotCoreSettings, MqttSettings, S3Settings, SinkSettings

SINK: TypeAdapter[Settings] = TypeAdapter(SinkSettings)


def sink(**keys: Any) -> Settings:
    """Give the settings as the configuration says them."""
    return SINK.validate_python(keys)


def test_the_type_tells_which_settings_they_are() -> None:
    """Each kind has its own defaults."""
    lake = sink(type="s3", bucket="acme")
    assert isinstance(lake, S3Settings)
    assert (lake.prefix, lake.format, lake.roll.size, lake.roll.age) == ("pi/{site}", "jsonl.zst", 16 << 20, 300)
    local = sink(type="file")
    assert isinstance(local, FileSettings)
    assert (local.path, local.format, local.roll.size, local.roll.age) == (Path("out"), "jsonl", 64 << 20, 60)
    cloud = sink(type="iot_core")
    assert isinstance(cloud, IotCoreSettings)
    assert (cloud.transport, cloud.auth, cloud.client_id, cloud.topic, cloud.encoding) == (
        "auto",
        "x509",
        "pibridge-{site}",
        "pi/{site}/{asset.path}",
        "json",
    )


def test_iot_core_is_not_sent_more_than_it_takes() -> None:
    """Its limits are the defaults of one connection; a plant's broker takes what it can."""
    cloud, bus = sink(type="iot_core", limits={"in_flight": 50}), sink(type="mqtt", host="h", topic="t")
    assert isinstance(cloud, IotCoreSettings)
    assert isinstance(bus, MqttSettings)
    assert cloud.limits.model_dump() == {
        "publishes_per_second": 100,
        "bytes_per_second": 512 << 10,
        "in_flight": 50,
    }
    assert bus.limits.model_dump() == {"publishes_per_second": None, "bytes_per_second": None, "in_flight": 20}
    assert (cloud.roll.age, bus.roll.age, bus.protocol) == (0.25, 0.25, "5")


def test_a_version_may_be_written_as_a_number() -> None:
    """YAML and JSON have numbers, and 5 is one."""
    bus = sink(type="mqtt", host="h", topic="t", protocol=5)
    assert isinstance(bus, MqttSettings)
    assert bus.protocol == "5"


def test_one_key_of_roll_keeps_the_default_of_the_other() -> None:
    """Size and age stand for themselves."""
    local = sink(type="file", roll={"age": "1s"})
    assert isinstance(local, FileSettings)
    assert (local.roll.size, local.roll.age) == (64 << 20, 1)


@pytest.mark.parametrize(
    ("keys", "problem"),
    [
        ({"type": "s3", "bucket": "acme", "prefix": "{tag}"}, "unknown {tag}; use {site}"),
        ({"type": "s3", "bucket": "acme", "prefix": "{site"}, "a brace without its partner; use {site}"),
        ({"type": "s3", "bucket": "acme", "prefix": "{{site}}"}, "a brace without its partner; use {site}"),
        ({"type": "s3", "bucket": "acme", "endpoint_url": "s3.example.com"}, "no web address"),
        (
            {"type": "mqtt", "host": "h", "topic": "{asset}"},
            "unknown {asset}; use {site}, {stream}, {tag}, {asset.path}",
        ),
        ({"type": "sitewise", "alias": "{}"}, "unknown {}; use {site}"),
        ({"type": "sitewise", "bulk_import": {"bucket": "acme", "role_arn": "my-role"}}, "String should match pattern"),
        ({"type": "sitewise", "limits": {"values_per_second": 0}}, "greater than 0"),
        ({"type": "iot_core", "cert_file": "x"}, "has only one of cert_file and key_file; write both or none"),
        (
            {"type": "mqtt", "host": "h", "topic": "t", "tls": {"key_file": "x"}},
            "has only one of cert_file and key_file",
        ),
        ({"type": "mqtt", "host": "h", "topic": "t", "password": "x"}, "has password without username; write both"),
        ({"type": "mqtt", "host": "h", "topic": "t", "protocol": "3.1"}, "Input should be '5' or '3.1.1'"),
        ({"type": "mqtt", "host": "h", "topic": "t", "limits": {"in_flight": 0}}, "greater than or equal to 1"),
        ({"type": "file", "roll": {"age": 0}}, "greater than 0"),
        ({"type": "file", "roll": {"size": "0B"}}, "greater than 0"),
        ({"type": "file", "keep": 0}, "greater than 0"),
        (
            {"type": "s3", "bucket": "acme", "kms_key_id": "1234"},
            "has kms_key_id without sse: aws:kms; write both, or neither",
        ),
        ({"type": "s3", "bucket": "acme", "sse": "AES256", "kms_key_id": "1"}, "has kms_key_id without sse: aws:kms"),
        ({"type": "s3", "bucket": "acme", "sse": "kms"}, "'AES256' or 'aws:kms'"),
        ({"type": "s3", "bucket": "acme", "storage_class": "REDUCED"}, "'INTELLIGENT_TIERING'"),
        ({"type": "mqtt", "host": "h", "topic": "pi/#"}, "has a wildcard or a control character"),
        ({"type": "greengrass_local", "topic": "pi/+/{tag}"}, "has a wildcard or a control character"),
        ({"type": "iot_core", "topic": "a/b/c/d/e/f/g/h/{tag}"}, "has 8 slashes; AWS IoT Core takes at most 7"),
        ({"type": "kinesis"}, "Field required"),
        ({"type": "kinesis", "stream": "acme pi"}, "no name of a data stream; write 1 to 128 of a-z"),
        (
            {"type": "kinesis", "stream": "acme", "partition_key": "{path}"},
            "unknown {path}; use {site}, {stream}, {tag}",
        ),
    ],
)
def test_settings_that_cannot_be_meant(keys: dict[str, Any], problem: str) -> None:
    """Templates with unknown names, half a certificate, nothing at all."""
    with pytest.raises(ValidationError) as caught:
        sink(**keys)
    assert problem in str(caught.value)
