import asyncio
import re
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest
from aiohttp import web

from pibridge.errors import ConfigurationError, RejectedError, ThrottledError, UnavailableError
from pibridge.sinks.aws import AwsService, Far, far_of, is_about_credentials, region_of, told
from sinks.credentials_endpoint import PASSWORD, CredentialsEndpoint, credentials_endpoint
from sinks.data_streams import DataStream, Gate, Said, gate_before
from sinks.far_sides import REGION, Store

FAR = Far("kinesis", REGION, None, "arn:aws:kinesis:eu-west-1:*:stream/acme", "create the stream")
ASK = "describe_stream_summary"


@pytest.fixture
async def gate(store: Store) -> AsyncIterator[Gate]:
    """Run Kinesis behind a gate."""
    async with gate_before(store) as gate:
        yield gate


@pytest.fixture
async def service(gate: Gate) -> AsyncIterator[AwsService]:
    """Give the service behind the gate."""
    service = AwsService(Far("kinesis", REGION, gate.url, FAR.resource, FAR.missing), patience_s=2)
    yield service
    await service.close()


@pytest.fixture
def stream(gate: Gate) -> str:
    """Make a data stream and give its name."""
    stream = DataStream(gate)
    stream.close()
    return stream.name


@pytest.fixture
def _no_credentials(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))


@pytest.fixture
async def endpoint(_no_credentials: None, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[CredentialsEndpoint]:
    """Run a container's credentials endpoint that the environment names."""
    async with credentials_endpoint() as endpoint:
        for name, value in endpoint.environment.items():
            monkeypatch.setenv(name, value)
        yield endpoint


@pytest.mark.parametrize(
    ("region", "url", "environment", "found"),
    [
        ("eu-west-1", None, {"AWS_REGION": "us-east-2"}, "eu-west-1"),
        (None, None, {"AWS_REGION": "us-east-2", "AWS_DEFAULT_REGION": "eu-west-3"}, "us-east-2"),
        (None, None, {"AWS_DEFAULT_REGION": "eu-west-3"}, "eu-west-3"),
        (None, "http://127.0.0.1:4567", {}, "us-east-1"),
    ],
)
def test_where_the_region_comes_from(
    region: str | None, url: str | None, environment: dict[str, str], found: str
) -> None:
    """From the key, else from the environment; a stand-in has none of its own."""
    assert region_of("k", region, url, environment) == found


def test_an_unknown_region_is_a_problem_of_the_key(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is guessed."""
    monkeypatch.delenv("AWS_REGION", raising=False)
    monkeypatch.delenv("AWS_DEFAULT_REGION", raising=False)
    with pytest.raises(ConfigurationError, match=r"^sinks\.k\.region: not known; write the AWS region or set AWS_REG"):
        far_of("k", "kinesis", "stream/acme", region=None, endpoint_url=None, missing="")


@pytest.mark.parametrize(
    ("code", "status", "kind", "hint"),
    [
        ("ProvisionedThroughputExceededException", 400, ThrottledError, "tried again by itself"),
        ("ThrottlingException", 400, ThrottledError, "tried again by itself"),
        ("", 429, ThrottledError, "tried again by itself"),
        ("InternalFailure", 500, UnavailableError, "tried again by itself"),
        ("", 503, UnavailableError, "tried again by itself"),
        ("ExpiredTokenException", 400, UnavailableError, "credentials have expired: renew what pibridge finds"),
        ("UnrecognizedClientException", 400, UnavailableError, "AWS does not know these credentials"),
        ("InvalidSignatureException", 400, UnavailableError, "look at the secret key .* the clock is right"),
        (
            "AccessDeniedException",
            400,
            UnavailableError,
            r"allow kinesis:PutRecords on arn:aws:kinesis:eu-west-1:\*:st",
        ),
        ("KMSAccessDeniedException", 400, UnavailableError, "kms:GenerateDataKey"),
        ("ResourceNotFoundException", 400, UnavailableError, "create the stream"),
        ("SomethingNew", 400, UnavailableError, "tried again by itself"),
        ("ValidationException", 400, RejectedError, ""),
        ("InvalidArgumentException", 400, RejectedError, ""),
    ],
)
def test_what_an_error_means(code: str, status: int, kind: type[Exception], hint: str) -> None:
    """What an operator can mend is unavailable, with what to do; only what is wrong in itself is refused."""
    error = told(FAR, "PutRecords", code, "the words of AWS", status)
    assert type(error) is kind
    assert (code or f"HTTP {status}") in str(error)
    assert re.search(hint, error.hint)


def test_a_refused_signature_is_told_without_what_was_signed() -> None:
    """The words of AWS repeat the request, and the session token stands in it."""
    said = "The Canonical String should have been 'POST / x-amz-security-token:SECRET'"
    assert "SECRET" not in str(told(FAR, "PutRecords", "InvalidSignatureException", said, 403))


def test_which_answers_other_credentials_could_change() -> None:
    """Those about who asks, whatever their status."""
    assert is_about_credentials("ExpiredTokenException", 400)
    assert is_about_credentials("", 403)
    assert not is_about_credentials("ResourceNotFoundException", 400)


async def test_an_answer_is_given(service: AwsService, stream: str) -> None:
    """As the library reads it."""
    answer = await service.call(ASK, StreamName=stream)
    assert answer["StreamDescriptionSummary"]["StreamName"] == stream


@pytest.mark.parametrize("said", [Said(500, "InternalFailure"), Said(400, "ThrottlingException"), "cut"])
async def test_a_failure_is_told_at_once(service: AwsService, gate: Gate, stream: str, said: Said | str) -> None:
    """The library tries nothing again in silence, and the next call works."""
    gate.answers = [said]
    with pytest.raises(UnavailableError):
        await service.call(ASK, StreamName=stream)
    assert gate.answers == []
    await service.call(ASK, StreamName=stream)


async def test_no_answer_is_not_waited_for_without_end(gate: Gate, stream: str) -> None:
    """After its patience it is unavailable, and the next call works."""
    service = AwsService(Far("kinesis", REGION, gate.url, "", ""), patience_s=0.3)
    await service.open()
    gate.answers = ["hang"]
    with pytest.raises(UnavailableError, match=r"describe_stream_summary: no answer within 0 s|[Tt]imeout"):
        await service.call(ASK, StreamName=stream)
    await service.call(ASK, StreamName=stream)
    await service.close()


async def test_what_the_library_itself_refuses_is_refused(service: AwsService) -> None:
    """A request that AWS has no form for never leaves: asking again is useless."""
    with pytest.raises(RejectedError, match="describe_stream_summary: Parameter validation failed"):
        await service.call(ASK, StreamName=7)


async def test_nobody_there_is_unavailable() -> None:
    """A port where nothing listens is told with its address."""
    service = AwsService(Far("kinesis", REGION, "http://127.0.0.1:9", "", ""), patience_s=2)
    with pytest.raises(UnavailableError, match=r"http://127\.0\.0\.1:9: .*check network"):
        await service.call(ASK, StreamName="acme")
    await service.close()


@pytest.mark.usefixtures("_no_credentials")
async def test_credentials_that_are_not_there_yet(
    service: AwsService, stream: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without any it is unavailable and says where they are looked for; once they are there it works."""
    with pytest.raises(UnavailableError, match=r"AWS credentials for kinesis: .*there are none.*token exchange"):
        await service.open()
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIATESTTESTTESTTEST")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "not-to-be-shown")
    await service.call(ASK, StreamName=stream)


@pytest.mark.usefixtures("_no_credentials")
async def test_a_profile_that_was_renewed_is_found(
    service: AwsService, gate: Gate, stream: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Expired credentials from a file are told; once the file has new ones, these are used without a restart."""
    monkeypatch.setenv("AWS_PROFILE", "plant")
    file = tmp_path / "credentials"
    keys = "[plant]\naws_access_key_id=AKIATEST\naws_secret_access_key=not-to-be-shown\naws_session_token="
    file.write_text(f"{keys}old\n")
    gate.admits = "new".__eq__
    with pytest.raises(UnavailableError, match=r"ExpiredTokenException.*have expired") as caught:
        await service.call(ASK, StreamName=stream)
    assert "not-to-be-shown" not in repr(caught.value)
    file.write_text(f"{keys}new\n")
    await service.call(ASK, StreamName=stream)


async def test_credentials_of_a_container_are_renewed_in_time(
    service: AwsService, gate: Gate, stream: str, endpoint: CredentialsEndpoint
) -> None:
    """Those that end soon are replaced before they do: no call is made with old ones."""
    endpoint.valid = timedelta(minutes=5)
    gate.admits = lambda token: token == f"token-{endpoint.handed_out}"
    for _ in range(3):
        before = endpoint.handed_out
        await service.call(ASK, StreamName=stream)
        assert endpoint.handed_out > before


async def test_credentials_that_ended_early_are_looked_up_anew(
    service: AwsService, gate: Gate, stream: str, endpoint: CredentialsEndpoint
) -> None:
    """AWS says that they have expired, whatever their date says: the next call has others."""
    gate.admits = "token-1".__eq__
    await service.call(ASK, StreamName=stream)
    gate.admits = "token-2".__eq__
    with pytest.raises(UnavailableError, match="have expired"):
        await service.call(ASK, StreamName=stream)
    await service.call(ASK, StreamName=stream)
    assert endpoint.handed_out == 2


@pytest.mark.parametrize(
    "says",
    [
        web.Response(status=500, body=b"core is starting"),
        web.Response(status=200, body=b"<html>"),
        web.Response(status=200, body=b'{"AccessKeyId": "A", "SecretAccessKey": "not-to-be-shown"}'),
    ],
    ids=["500", "no JSON", "no token"],
)
async def test_a_container_without_credentials_is_unavailable(
    service: AwsService, stream: str, endpoint: CredentialsEndpoint, says: web.Response
) -> None:
    """Whatever its endpoint says instead; nothing secret is told, and once it has some they are used."""
    endpoint.says = says
    with pytest.raises(UnavailableError, match=r"AWS credentials for kinesis: ") as caught:
        await service.call(ASK, StreamName=stream)
    assert "not-to-be-shown" not in repr(caught.value) + str(caught.value)
    assert PASSWORD not in str(caught.value)
    endpoint.says = None
    await service.call(ASK, StreamName=stream)


async def test_a_call_under_way_outlives_its_credentials(gate: Gate, service: AwsService, stream: str) -> None:
    """One call is told that they have expired: another that still waits for its answer gets that."""
    gate.answers = ["hold", Said(400, "ExpiredTokenException")]
    held = asyncio.create_task(service.call(ASK, StreamName=stream))
    await gate.holding.wait()
    with pytest.raises(UnavailableError):
        await service.call(ASK, StreamName=stream)
    gate.release.set()
    await held
