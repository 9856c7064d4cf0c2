import asyncio
import json
import random
import tempfile
from collections.abc import AsyncIterator
from io import BytesIO
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from context.plants import NOTE
from pibridge.context.record import Record, json_lines
from pibridge.errors import ConfigurationError, UnavailableError
from pibridge.model.event import Event
from pibridge.sinks.contract import Bounds
from pibridge.sinks.s3 import Endpoint, S3Sink, endpoint_of
from pibridge.sinks.settings import S3Settings
from sinks.batches import NOON, ListedBatch, values
from sinks.far_sides import SITE, Bucket, Store
from sinks.plant_records import context
from sinks.scripted_store import OK, ScriptedStore, answer, refusal, scripted_store

KMS = {"sse": "aws:kms", "kms_key_id": "1234abcd-12ab-34cd-56ef-1234567890ab", "storage_class": "GLACIER_IR"}


def stored_as(head: dict[str, str]) -> dict[str, str]:
    """Give the settings that S3's answer tells."""
    said = {
        "sse": head.get("ServerSideEncryption"),
        "kms_key_id": head.get("SSEKMSKeyId"),
        "storage_class": head.get("StorageClass"),
    }
    return {name: value for name, value in said.items() if value is not None}


def names_in(folder: Path) -> list[str]:
    """Give what lies in a folder."""
    return [path.name for path in folder.iterdir()]


def noise(count: int) -> list[Record]:
    """Give records that no format makes much smaller."""
    rng = random.Random(7)  # noqa: S311 - the same noise every time
    tagged = context(NOTE)
    return [Record(seq, Event(1, NOON + seq, rng.randbytes(60).hex()), tagged) for seq in range(1, count + 1)]


def settings(**given: object) -> S3Settings:
    """Give settings of a bucket in Ireland."""
    return S3Settings.model_validate(
        {"type": "s3", "bucket": "acme-historian", "region": "eu-west-1", "format": "jsonl", **given}
    )


@pytest.fixture
async def scripted() -> AsyncIterator[ScriptedStore]:
    """Run a store that says what it is told to."""
    async with scripted_store() as store:
        yield store


@pytest.fixture
async def sink(scripted: ScriptedStore) -> AsyncIterator[S3Sink]:
    """Give a sink that writes to the scripted store and does not wait long."""
    sink = S3Sink("lake", settings(endpoint_url=scripted.url), SITE, patience_s=0.5)
    await sink.open()
    yield sink
    await sink.close()


async def test_an_object_goes_out_signed_and_with_a_checksum(sink: S3Sink, scripted: ScriptedStore) -> None:
    """The request names bucket and key, says what the body is, and lets S3 verify it."""
    await sink.write(ListedBatch(values(1, 3)))
    (request,) = scripted.requests
    # S3 signs the key with `=` written as %3D.
    assert request.line == "PUT /acme-historian/pi/houston/dt%3D2026-03-09/live-1-3.jsonl HTTP/1.1"
    assert request.body == json_lines(values(1, 3))
    assert request.headers["host"] == f"127.0.0.1:{scripted.port}"
    assert request.headers["content-type"] == "application/x-ndjson"
    assert request.headers["authorization"].startswith("AWS4-HMAC-SHA256 Credential=AKIATESTTESTTESTTEST/")
    assert request.headers["x-amz-checksum-crc32c"]


async def test_a_large_object_arrives_whole(store: Store) -> None:
    """Beyond the size of one part, the object is sent in parts, is still one object, and is stored as asked for."""
    bucket = Bucket(store, "large")
    records = values(1, 65_000)
    whole = json_lines(records)
    assert len(whole) > 20 << 20
    sink = bucket.sink("jsonl", roll_bytes=64 << 20, **KMS)
    await sink.open()
    await sink.write(ListedBatch(records, part=1000))
    await sink.close()
    assert bucket.held() == {"dt=2026-03-09/live-1-65000.jsonl": whole}
    stored = store.client.head_object(Bucket=bucket.name, Key="pi/houston/dt=2026-03-09/live-1-65000.jsonl")
    assert "-" in stored["ETag"]  # of a multipart upload
    assert stored_as(stored) == KMS


async def test_a_large_parquet_object_arrives_whole(store: Store) -> None:
    """A Parquet object is read from disk while it is sent in parts."""
    bucket = Bucket(store, "columns")
    records = noise(150_000)
    sink = bucket.sink("parquet", roll_bytes=64 << 20)
    await sink.open()
    await sink.write(ListedBatch(records, part=1000))
    await sink.close()
    ((name, data),) = bucket.held().items()
    assert name == "dt=2026-03-09/live-1-150000.parquet"
    assert len(data) > 8 << 20
    table = pq.read_table(BytesIO(data), columns=["seq", "value_text"]).sort_by("seq")
    assert table["value_text"].to_pylist() == [record.event.value for record in records]


@pytest.mark.parametrize(
    "wanted", [{}, {"sse": "AES256", "storage_class": "STANDARD_IA"}, KMS], ids=["none", "aes", "kms"]
)
async def test_an_object_is_stored_as_asked_for(store: Store, wanted: dict[str, str]) -> None:
    """Encryption, key and storage class are those of the settings, for objects and for the probe's."""
    bucket = Bucket(store, "stored")
    sink = bucket.sink("jsonl", 4096, **wanted)
    await sink.open()
    await sink.write(ListedBatch(values(1, 3)))
    await sink.probe()
    await sink.close()
    for name in ("dt=2026-03-09/live-1-3.jsonl", "_pibridge_check"):
        assert stored_as(store.client.head_object(Bucket=bucket.name, Key=f"pi/houston/{name}")) == wanted


async def test_nothing_is_asked_for_unless_it_is_set(sink: S3Sink, scripted: ScriptedStore) -> None:
    """Without settings S3 stores as the bucket says."""
    await sink.write(ListedBatch(values(1, 3)))
    (request,) = scripted.requests
    assert not [name for name in request.headers if "encryption" in name or "storage" in name]


async def test_a_temporary_folder_that_is_full_is_told(
    scripted: ScriptedStore, small_disk: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Parquet needs a temporary folder: one without space is UnavailableError that says so, and nothing stays there."""
    (small_disk / "filler").write_bytes(b"x" * (255 << 10))
    monkeypatch.setattr(tempfile, "tempdir", str(small_disk))
    sink = S3Sink("lake", settings(endpoint_url=scripted.url, format="parquet"), SITE)
    await sink.open()
    with pytest.raises(UnavailableError, match=r"cannot .*No space left.*free some"):
        await sink.write(ListedBatch(noise(2000)))
    assert names_in(small_disk) == ["filler"]
    await sink.close()


@pytest.mark.parametrize(
    ("said", "message"),
    [
        (refusal(403, "AccessDenied"), r"AccessDenied: the words of S3 .*allow s3:PutObject on arn:aws:s3:::acme-hist"),
        (refusal(403, "ExpiredToken"), r"ExpiredToken: .*renew the AWS credentials"),
        (refusal(400, "ExpiredToken"), r"ExpiredToken: .*renew the AWS credentials"),
        (refusal(404, "NoSuchBucket"), r"NoSuchBucket: .*create the bucket or correct sinks\.lake\.bucket"),
        (
            refusal(301, "PermanentRedirect", {"x-amz-bucket-region": "us-east-2"}),
            r"PermanentRedirect: .*set sinks\.lake\.region to the bucket's region, us-east-2",
        ),
        (
            refusal(400, "AuthorizationHeaderMalformed", more="<Region>us-east-2</Region>"),
            r"AuthorizationHeaderMalformed: .*the bucket's region, us-east-2",
        ),
        (answer(413, "<html>from a proxy</html>"), r"HTTP 413: .*tried again"),
    ],
    ids=["denied", "expired", "expired-as-400", "no-bucket", "moved", "signed-for-another-region", "proxy"],
)
async def test_what_s3_says_is_told_with_the_next_step(
    sink: S3Sink, scripted: ScriptedStore, said: bytes, message: str
) -> None:
    """A refusal that may pass is UnavailableError: object, S3's code and words, what to do; the batch then arrives."""
    scripted.answers = [said]
    batch = ListedBatch(values(1, 3))
    with pytest.raises(UnavailableError, match=message) as error:
        await sink.write(batch)
    assert "s3://acme-historian/pi/houston/dt=2026-03-09/live-1-3.jsonl" in str(error.value)
    assert "not-to-be-shown" not in repr(error.value) + str(error.value.__cause__)
    scripted.answers = [OK]
    assert not (await sink.write(ListedBatch(values(1, 3), sealed=batch.sealed))).refused
    assert scripted.requests[-1].body == json_lines(values(1, 3))


async def test_a_busy_store_is_told_in_the_end(scripted: ScriptedStore) -> None:
    """What the client library repeats by itself for some seconds is told well within patience."""
    scripted.answers = [refusal(503, "SlowDown")]
    sink = S3Sink("lake", settings(endpoint_url=scripted.url), SITE)
    await sink.open()
    with pytest.raises(UnavailableError, match=r"AWS_ERROR_S3_SLOW_DOWN: .*tried again by itself"):
        await sink.write(ListedBatch(values(1, 3)))
    assert len(scripted.requests) > 1
    await sink.close()


@pytest.mark.parametrize("code", ["EntityTooLarge", "KeyTooLongError"])
async def test_what_s3_never_takes_is_given_back(sink: S3Sink, scripted: ScriptedStore, code: str) -> None:
    """An object that S3 will never take does not block the road: tried again, its records come back as refused."""
    scripted.answers = [refusal(400, code)]
    batch = ListedBatch(values(1, 250))
    with pytest.raises(UnavailableError, match=code):
        await sink.write(batch)
    again = ListedBatch(values(1, 400), sealed=batch.sealed)
    receipt = await sink.write(again)
    assert [refusal.record.seq for refusal in receipt.refused] == list(range(1, 251))
    assert all(code in refusal.reason for refusal in receipt.refused)
    assert len(scripted.requests) == 1
    scripted.answers = [OK]
    assert not (await sink.write(ListedBatch(values(251, 10)))).refused


async def test_a_silent_store_is_not_waited_for_for_ever(sink: S3Sink, scripted: ScriptedStore) -> None:
    """A store that takes the object and never answers is UnavailableError when patience ends."""
    scripted.answers = [None]
    with pytest.raises(UnavailableError, match=r"no answer within .*check network"):
        await sink.write(ListedBatch(values(1, 3)))


async def test_a_put_can_be_cancelled_and_done_again(sink: S3Sink, scripted: ScriptedStore) -> None:
    """Cancelled while the store keeps silent, the write ends at once; the batch is sent again under the same key."""
    scripted.answers = [None, OK]
    batch = ListedBatch(values(1, 3))
    writing = asyncio.create_task(sink.write(batch))
    await scripted.asked.wait()
    writing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await writing
    await sink.write(ListedBatch(values(1, 3), sealed=batch.sealed))
    assert len({request.line for request in scripted.requests}) == 1


async def test_an_error_does_not_hold_up_the_end(scripted: ScriptedStore) -> None:
    """Closing waits for the client's threads; an error that somebody still looks at keeps none of them alive."""
    scripted.answers = [refusal(404, "NoSuchBucket")]
    sink = S3Sink("lake", settings(endpoint_url=scripted.url), SITE)
    await sink.open()
    with pytest.raises(UnavailableError) as kept:
        await sink.write(ListedBatch(values(1, 3)))
    begun_s = asyncio.get_running_loop().time()
    await sink.close()
    # Threads that do not end are waited for five seconds.
    assert asyncio.get_running_loop().time() - begun_s < 4
    assert kept.value.__traceback__ is not None


async def test_renewed_credentials_are_found(
    sink: S3Sink, scripted: ScriptedStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After a 403 the next try looks for credentials anew, without a restart."""
    scripted.answers = [refusal(403, "InvalidAccessKeyId"), OK]
    with pytest.raises(UnavailableError):
        await sink.write(ListedBatch(values(1, 3)))
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIARENEWEDRENEWEDRE")
    await sink.write(ListedBatch(values(1, 3)))
    assert "AKIARENEWEDRENEWEDRE" in scripted.requests[-1].headers["authorization"]


async def test_a_token_exchange_gives_credentials(
    sink: S3Sink, scripted: ScriptedStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a Greengrass core, credentials come from its token exchange service, named by the environment."""
    async with scripted_store() as exchange:
        given = {
            "AccessKeyId": "ASIAEXCHANGEDEXCHANG",
            "SecretAccessKey": "exchanged",
            "Token": "a-token",
            "Expiration": "2099-01-01T00:00:00Z",
        }
        exchange.answers = [answer(200, json.dumps(given))]
        _no_credentials(monkeypatch)
        monkeypatch.setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", f"{exchange.url}/2016-11-01/credentialprovider/")
        monkeypatch.setenv("AWS_CONTAINER_AUTHORIZATION_TOKEN", "of-the-component")
        await sink.open()
        await sink.write(ListedBatch(values(1, 3)))
        assert exchange.requests[0].headers["authorization"] == "of-the-component"
    assert "ASIAEXCHANGEDEXCHANG" in scripted.requests[0].headers["authorization"]
    assert scripted.requests[0].headers["x-amz-security-token"] == "a-token"


async def test_no_credentials_is_told(sink: S3Sink, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where no credentials are found, the error says where they are looked for."""
    _no_credentials(monkeypatch)
    await sink.open()
    with pytest.raises(UnavailableError, match=r"AWS_AUTH_.*environment, profile, token exchange or instance role"):
        await sink.probe()


async def test_a_probe_asks_for_no_more_than_writing(sink: S3Sink, scripted: ScriptedStore) -> None:
    """A probe puts one empty object that readers of partitions overlook; refused, it says what S3 says."""
    assert "s3://acme-historian/pi/houston/_pibridge_check" in await sink.probe()
    (request,) = scripted.requests
    assert request.line == "PUT /acme-historian/pi/houston/_pibridge_check HTTP/1.1"
    assert request.body == b""
    scripted.answers = [refusal(403, "AccessDenied")]
    with pytest.raises(UnavailableError, match="allow s3:PutObject"):
        await sink.probe()


@pytest.mark.parametrize(
    ("given", "address"),
    [
        ({}, Endpoint("eu-west-1", "acme-historian.s3.eu-west-1.amazonaws.com", "", tls=True)),
        ({"bucket": "acme.com"}, Endpoint("eu-west-1", "s3.eu-west-1.amazonaws.com", "/acme.com", tls=True)),
        ({"endpoint_url": "http://minio:9000/"}, Endpoint("eu-west-1", "minio:9000", "/acme-historian", tls=False)),
        ({"endpoint_url": "https://s3.plant"}, Endpoint("eu-west-1", "s3.plant", "/acme-historian", tls=True)),
    ],
)
def test_where_a_bucket_answers(given: dict[str, str], address: Endpoint) -> None:
    """Amazon's buckets have a host of their own, unless the certificate would not fit; other stores have paths."""
    assert endpoint_of("lake", settings(**given)) == address


def test_the_region_may_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a region in the configuration AWS_REGION counts; without both the configuration is wrong."""
    monkeypatch.setenv("AWS_REGION", "eu-central-1")
    assert endpoint_of("lake", settings(region=None)).region == "eu-central-1"
    monkeypatch.delenv("AWS_REGION")
    monkeypatch.delenv("AWS_DEFAULT_REGION", raising=False)
    with pytest.raises(ConfigurationError, match=r"^sinks\.lake\.region: not known; write"):
        S3Sink("lake", settings(region=None), SITE)


@pytest.mark.parametrize(
    ("prefix", "path"),
    [("", "/"), ("/a/", "/a/"), ("plant {site}/ä", "/plant%20houston/%C3%A4/")],
    ids=["none", "slashes", "odd"],
)
async def test_keys_begin_with_the_prefix(scripted: ScriptedStore, prefix: str, path: str) -> None:
    """The site stands in for `{site}`; slashes at the ends of a prefix do not double; odd characters are escaped."""
    sink = S3Sink("lake", settings(endpoint_url=scripted.url, prefix=prefix), SITE)
    await sink.open()
    sealed = Bounds(values(1, 1)[0].context.lane, 1, 3, "2026-03-09")
    await sink.write(ListedBatch(values(1, 3), sealed=sealed))
    await sink.close()
    assert scripted.requests[0].line == f"PUT /acme-historian{path}dt%3D2026-03-09/live-1-3.jsonl HTTP/1.1"


def _no_credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    for name in ("AWS_SHARED_CREDENTIALS_FILE", "AWS_CONFIG_FILE"):
        monkeypatch.setenv(name, str(Path("no-such-file")))
