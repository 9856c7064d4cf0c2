"""Where records go: the settings of every sink."""

import re
from pathlib import Path
from typing import Annotated, Final, Literal, Protocol, Self, TypeVar

from pydantic import AfterValidator, Field, field_validator, model_validator

from pibridge.context.messages import Encoding
from pibridge.context.settings import FilterSettings
from pibridge.model.settings import Duration, Secret, Settings, Size

Format = Literal["jsonl", "jsonl.gz", "jsonl.zst", "parquet"]
StorageClass = Literal[
    "STANDARD", "INTELLIGENT_TIERING", "STANDARD_IA", "ONEZONE_IA", "GLACIER_IR", "GLACIER", "DEEP_ARCHIVE"
]

_PLACEHOLDER: Final = re.compile(r"\{([^{}]*)\}")
_PER_RECORD: Final = ("site", "stream", "tag", "asset.path", "attribute")


def _template(*names: str) -> AfterValidator:
    known = ", ".join(f"{{{name}}}" for name in names)

    def check(text: str) -> str:
        unknown = [name for name in _PLACEHOLDER.findall(text) if name not in names]
        if unknown:
            raise ValueError(f"unknown {{{unknown[0]}}}; use {known}")
        if re.search(r"[{}]", _PLACEHOLDER.sub("", text)):
            raise ValueError(f"a brace without its partner; use {known}")
        return text

    return AfterValidator(check)


def _web_address(text: str) -> str:
    if not re.match(r"https?://[^/\s]", text):
        raise ValueError("no web address; write it like https://s3.example.com:9000")
    return text


WebAddress = Annotated[str, AfterValidator(_web_address)]


def _stream_name(text: str) -> str:
    if not re.fullmatch(r"[a-zA-Z0-9_.-]{1,128}", text):
        raise ValueError("no name of a data stream; write 1 to 128 of a-z, A-Z, 0-9, _ . -")
    return text


StreamName = Annotated[str, AfterValidator(_stream_name)]

SiteTemplate = Annotated[str, _template("site")]
"""A text in which `{site}` stands for the site."""

RecordTemplate = Annotated[str, _template(*_PER_RECORD)]
"""A text in which `{site}`, `{stream}`, `{tag}`, `{asset.path}`, `{attribute}` stand for what the record says."""


def _topic(text: str) -> str:
    if re.search(r"[+#\x00-\x1f]", _PLACEHOLDER.sub("", text)):
        raise ValueError("has a wildcard or a control character; a message goes to one topic")
    return text


TopicTemplate = Annotated[RecordTemplate, AfterValidator(_topic)]
"""Where the messages of a record go."""

_MOST_LEVELS: Final = 8
_BASIC_INGEST: Final = "$aws/rules/"


def _iot_topic(text: str) -> str:
    if not text.startswith(_BASIC_INGEST) and text.count("/") >= _MOST_LEVELS:
        raise ValueError(f"has {text.count('/')} slashes; AWS IoT Core takes at most {_MOST_LEVELS - 1}")
    return text


class _SinkSettings(Settings):
    start: Literal["now", "retained"] = Field(
        "retained",
        alias="from",
        description="Where a new sink begins: with what is kept already (retained), or what comes from now on (now).",
    )
    filter: FilterSettings = Field(
        default_factory=FilterSettings, description="Which records this sink gets; its keys win over those of `filter`."
    )


class _ShowsCertificate(Protocol):
    @property
    def cert_file(self) -> Path | None: ...
    @property
    def key_file(self) -> Path | None: ...


_Shows = TypeVar("_Shows", bound=_ShowsCertificate)


def _with_both_files(settings: _Shows) -> _Shows:
    if (settings.cert_file is None) != (settings.key_file is None):
        raise ValueError("has only one of cert_file and key_file; write both or none")
    return settings


class RollS3(Settings):
    """When an object is complete: whichever comes first."""

    size: Size = Field(16 << 20, gt=0, description="Size at which an object is completed.")
    age: Duration = Field(300.0, gt=0, description="Age at which an object is completed.")


class RollFile(Settings):
    """When a file is complete: whichever comes first."""

    size: Size = Field(64 << 20, gt=0, description="Size at which a file is completed.")
    age: Duration = Field(60.0, gt=0, description="Age at which a file is completed.")


class RollMessages(Settings):
    """When what has gathered is sent."""

    age: Duration = Field(0.25, gt=0, description="How long records are gathered before they are sent.")


class PublishLimits(Settings):
    """How fast one connection sends. null: as fast as the far side takes it."""

    publishes_per_second: float | None = Field(None, gt=0, description="Messages each second, evenly.")
    bytes_per_second: Size | None = Field(None, gt=0, description="Bytes of topics and payloads each second, evenly.")
    in_flight: int = Field(20, ge=1, le=65535, description="Messages under way that are not confirmed yet.")


class IotCoreLimits(PublishLimits):
    """How fast one connection sends: what AWS IoT Core takes."""

    publishes_per_second: float | None = Field(100.0, gt=0, description="Messages each second, evenly.")
    bytes_per_second: Size | None = Field(
        512 << 10, gt=0, description="Bytes of topics and payloads each second, evenly."
    )
    in_flight: int = Field(100, ge=1, le=65535, description="Messages under way that are not confirmed yet.")


class S3Settings(_SinkSettings):
    """Objects in an S3 bucket, one partition a day."""

    type: Literal["s3"] = Field(description="Kind of sink.")
    bucket: str = Field(min_length=3, description="Name of the bucket.")
    prefix: SiteTemplate = Field("pi/{site}", description="What the keys begin with; {site} is replaced.")
    region: str | None = Field(None, min_length=1, description="AWS region. null: from the environment (AWS_REGION).")
    format: Format = Field("jsonl.zst", description="What an object is: JSON lines, plain or compressed, or Parquet.")
    roll: RollS3 = Field(default_factory=RollS3, description="When an object is complete.")
    endpoint_url: WebAddress | None = Field(None, description="Address of an S3-compatible store. null: Amazon's own.")
    sse: Literal["AES256", "aws:kms"] | None = Field(
        None, description="How S3 encrypts the objects. null: as the bucket says."
    )
    kms_key_id: str | None = Field(
        None, min_length=1, description="Of sse aws:kms: id or ARN of the KMS key. null: the key that Amazon manages."
    )
    storage_class: StorageClass | None = Field(None, description="S3 storage class. null: STANDARD.")
    per_batch: bool = Field(
        default=False,
        description="Whether each batch that ends gets a manifest: its context, what arrived, what is missing.",
    )

    @model_validator(mode="after")
    def _key_is_of_kms(self) -> Self:
        if self.kms_key_id is not None and self.sse != "aws:kms":
            raise ValueError("has kms_key_id without sse: aws:kms; write both, or neither")
        return self


class FileSettings(_SinkSettings):
    """Files in a local folder, one partition a day."""

    type: Literal["file"] = Field(description="Kind of sink.")
    path: Path = Field(Path("out"), description="Folder of the files; made when missing.")
    format: Format = Field("jsonl", description="What a file is: JSON lines, plain or compressed, or Parquet.")
    roll: RollFile = Field(default_factory=RollFile, description="When a file is complete.")
    keep: Duration | None = Field(
        None, gt=0, description="How long complete files stay, by when they were last written. null: for ever."
    )


class IotCoreSettings(_SinkSettings):
    """Messages to AWS IoT Core."""

    type: Literal["iot_core"] = Field(description="Kind of sink.")
    transport: Literal["auto", "mqtt", "greengrass"] = Field(
        "auto",
        description="mqtt: own connection, confirmed. greengrass: over the nucleus, accepted but not confirmed. "
        "auto: mqtt where credentials allow, else greengrass.",
    )
    auth: Literal["x509", "sigv4"] = Field(
        "x509", description="Of mqtt: x509 (cert_file, key_file) or sigv4 (WebSocket with AWS credentials)."
    )
    endpoint: str | None = Field(
        None, min_length=1, description="Host name of the account's endpoint: xxxx-ats.iot.eu-west-1.amazonaws.com"
    )
    cert_file: Path | None = Field(None, description="PEM file of the certificate.")
    key_file: Path | None = Field(None, description="PEM file of the private key.")
    ca_file: Path | None = Field(None, description="PEM bundle that signs the endpoint. null: Amazon's.")
    port: int | None = Field(
        None,
        ge=1,
        le=65535,
        description="Of mqtt: TCP port. null: 8883 for x509, which can also use 443; 443 for sigv4.",
    )
    client_id: SiteTemplate = Field(
        "pibridge-{site}", min_length=1, description="MQTT client id; never the Greengrass core's thing name."
    )
    topic: Annotated[TopicTemplate, AfterValidator(_iot_topic)] = Field(
        "pi/{site}/{asset.path}", min_length=1, description="Topic of the messages."
    )
    encoding: Encoding = Field("json", description="What a message is: JSON, plain or compressed, or columns.")
    connections: int = Field(1, ge=1, le=64, description="Of mqtt: connections; each topic keeps to one of them.")
    limits: IotCoreLimits = Field(default_factory=IotCoreLimits, description="Of mqtt: how fast one connection sends.")
    roll: RollMessages = Field(default_factory=RollMessages, description="When what has gathered is sent.")

    @model_validator(mode="after")
    def _certificate_has_its_key(self) -> Self:
        return _with_both_files(self)


class GreengrassLocalSettings(_SinkSettings):
    """Messages to other components on the same Greengrass core."""

    type: Literal["greengrass_local"] = Field(description="Kind of sink.")
    topic: TopicTemplate = Field(min_length=1, description="Topic of the messages.")


class BrokerTls(Settings):
    """How the broker's certificate is checked, and which one we show."""

    verify: bool = Field(default=True, description="Check the broker's certificate.")
    ca_file: Path | None = Field(None, description="PEM bundle that signs it. null: the system's.")
    cert_file: Path | None = Field(None, description="PEM file of our certificate, where the broker wants one.")
    key_file: Path | None = Field(None, description="PEM file of its private key.")

    @model_validator(mode="after")
    def _certificate_has_its_key(self) -> Self:
        return _with_both_files(self)


class MqttSettings(_SinkSettings):
    """Messages to an MQTT broker in the plant."""

    type: Literal["mqtt"] = Field(description="Kind of sink.")
    host: str = Field(min_length=1, description="Host name or address of the broker.")
    port: int | None = Field(None, ge=1, le=65535, description="TCP port of the broker. null: 1883, with tls 8883.")
    protocol: Literal["5", "3.1.1"] = Field(
        "5",
        description="Version of MQTT; 3.1.1 where the broker has nothing newer.",
        # An editor reads `protocol: 5` as a number.
        json_schema_extra={"enum": ["5", 5, "3.1.1"], "type": ["string", "integer"]},
    )
    topic: TopicTemplate = Field(min_length=1, description="Topic of the messages.")
    client_id: SiteTemplate = Field("pibridge-{site}", min_length=1, description="MQTT client id, ours alone.")
    username: str | None = Field(None, min_length=1, description="User name, where the broker wants one.")
    password: Secret | None = Field(None, description="Its password, best as ${env:NAME} or ${file:PATH}.")
    tls: BrokerTls | None = Field(None, description="Certificates. null: without TLS; {}: with the system's CAs.")
    encoding: Encoding = Field("json", description="What a message is: JSON, plain or compressed, or columns.")
    retain: bool = Field(
        default=False, description="The broker keeps the last value of each topic; one record is one message then."
    )
    connections: int = Field(1, ge=1, le=64, description="Connections; each topic keeps to one of them.")
    limits: PublishLimits = Field(default_factory=PublishLimits, description="How fast one connection sends.")
    roll: RollMessages = Field(default_factory=RollMessages, description="When what has gathered is sent.")

    @property
    def tcp_port(self) -> int:
        """The port, also where none is written."""
        return self.port or (1883 if self.tls is None else 8883)

    @field_validator("protocol", mode="before")
    @classmethod
    def _number(cls, protocol: object) -> object:
        return str(protocol) if isinstance(protocol, int) and not isinstance(protocol, bool) else protocol

    @model_validator(mode="after")
    def _password_has_its_user(self) -> Self:
        if self.password is not None and self.username is None:
            raise ValueError("has password without username; write both")
        return self


def client_ids(client_id: str, connections: int) -> list[str]:
    """Give a client id for each connection: the one that is configured, or with a number each."""
    return [client_id] if connections == 1 else [f"{client_id}-{number}" for number in range(1, connections + 1)]


class SiteWiseLimits(Settings):
    """How much is asked of SiteWise: by default no more than an account has by default."""

    values_per_second: float = Field(1000.0, gt=0, description="Property values, both lanes together.")
    requests_per_second: float = Field(100.0, gt=0, description="Requests, both lanes together.")


class BulkImportSettings(Settings):
    """Where values go that are too old for SiteWise's own door: CSV files for its bulk import."""

    bucket: str = Field(min_length=3, description="Name of the bucket.")
    prefix: SiteTemplate = Field("sitewise/{site}", description="What the keys begin with; {site} is replaced.")
    role_arn: str | None = Field(
        None,
        pattern=r"^arn:aws(-cn|-us-gov)?:iam::\d{12}:role/\S+$",
        description="Role by which SiteWise reads the files: an import job is started for each. null: none is.",
    )
    endpoint_url: WebAddress | None = Field(None, description="Address of an S3-compatible store. null: Amazon's own.")


class SiteWiseSettings(_SinkSettings):
    """Property values in AWS IoT SiteWise."""

    type: Literal["sitewise"] = Field(description="Kind of sink.")
    region: str | None = Field(None, min_length=1, description="AWS region. null: from the environment (AWS_REGION).")
    alias: RecordTemplate = Field(
        "/{site}/{asset.path}/{attribute}", min_length=1, description="Alias of the property that takes the value."
    )
    states: Literal["name", "code"] = Field("name", description="What arrives for a digital state.")
    gather: Duration = Field(1.0, gt=0, description="How long values are gathered, so that requests are full.")
    limits: SiteWiseLimits = Field(default_factory=SiteWiseLimits, description="How much is asked of SiteWise.")
    bulk_import: BulkImportSettings | None = Field(
        None, description="Where values older than 7 days go. null: they are refused."
    )
    endpoint_url: WebAddress | None = Field(None, description="Address of another SiteWise. null: Amazon's own.")


class KinesisSettings(_SinkSettings):
    """Records in an Amazon Kinesis data stream."""

    type: Literal["kinesis"] = Field(description="Kind of sink.")
    stream: StreamName = Field(description="Name of the data stream.")
    region: str | None = Field(None, min_length=1, description="AWS region. null: from the environment (AWS_REGION).")
    endpoint_url: WebAddress | None = Field(None, description="Address of a VPC endpoint. null: Amazon's own.")
    partition_key: RecordTemplate = Field(
        "{tag}", min_length=1, description="What a message holds the records of, in order: one tag, one asset, …"
    )


SinkSettings = Annotated[
    S3Settings
    | FileSettings
    | IotCoreSettings
    | GreengrassLocalSettings
    | MqttSettings
    | SiteWiseSettings
    | KinesisSettings,
    Field(discriminator="type"),
]
