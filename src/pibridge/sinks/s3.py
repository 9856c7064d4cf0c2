"""Objects in an S3 bucket: gathered while the batch is open, then sent by one PUT; lines in memory, Parquet on disk."""

import asyncio
import os
import re
from contextlib import ExitStack
from dataclasses import dataclass
from io import BytesIO
from tempfile import TemporaryFile
from typing import BinaryIO, Final
from urllib.parse import quote, urlsplit

from awscrt.auth import AwsCredentialsProvider
from awscrt.exceptions import AwsCrtError
from awscrt.http import HttpHeaders, HttpRequest
from awscrt.io import ClientBootstrap, DefaultHostResolver, EventLoopGroup
from awscrt.s3 import (
    S3ChecksumAlgorithm,
    S3ChecksumConfig,
    S3ChecksumLocation,
    S3Client,
    S3RequestTlsMode,
    S3RequestType,
    S3ResponseError,
    create_default_s3_signing_config,
)

from pibridge.context.record import json_lines
from pibridge.errors import ConfigurationError, UnavailableError
from pibridge.sinks.contract import Batch, Bounds, Receipt, Refusal, start_of
from pibridge.sinks.formats import PARQUET, gathered, name_of, open_format
from pibridge.sinks.parquet import convert
from pibridge.sinks.settings import S3Settings

_PART_BYTES: Final = 8 << 20
_CONNECTIONS: Final = 2
_SLOWEST_BYTES_PER_S: Final = 32 << 10
_SHUTDOWN_S: Final = 0.3

# A file ending in .gz is served as such a file: with Content-Encoding, some readers would unpack it behind our back.
_CONTENT_TYPES: Final = {
    "jsonl": "application/x-ndjson",
    "jsonl.gz": "application/gzip",
    "jsonl.zst": "application/zstd",
    "parquet": "application/vnd.apache.parquet",
}

_FOR_GOOD: Final = frozenset({"EntityTooLarge", "KeyTooLongError"})
_CREDENTIALS: Final = frozenset({"ExpiredToken", "InvalidAccessKeyId", "InvalidToken", "SignatureDoesNotMatch"})
_OTHER_REGION: Final = frozenset(
    {"PermanentRedirect", "AuthorizationHeaderMalformed", "IllegalLocationConstraintException"}
)

# By how the client library's name of an error begins; some of S3's answers it repeats for seconds and then only names.
_CLIENT_HINTS: Final = (
    ("AWS_ERROR_S3_REQUEST_TIME_TOO_SKEWED", "set the clock of this machine"),
    ("AWS_ERROR_S3_", "it is tried again by itself"),
    ("AWS_AUTH_", "give pibridge AWS credentials: environment, profile, token exchange or instance role"),
    ("AWS_IO_TLS_", "check the clock, and that no proxy on the way replaces Amazon's certificate"),
    ("", "check network, DNS and firewall"),
)


class S3Sink:
    """Writes `{prefix}/dt=YYYY-MM-DD/{lane}-{first}-{last}.{format}` into a bucket.

    `name`: of the sink in the configuration, for messages. `patience_s`: how long an answer may take beyond the time
    that the object's bytes need on a slow link. Raises ConfigurationError if no region is known.
    """

    def __init__(self, name: str, settings: S3Settings, site: str, *, patience_s: float = 30.0) -> None:
        self.max_age_s = settings.roll.age
        self._name = name
        self._roll_bytes = settings.roll.size
        self._format = settings.format
        self._bucket = settings.bucket
        self._prefix = settings.prefix.replace("{site}", site).strip("/")
        self._endpoint = endpoint_of(name, settings)
        self._wishes = wishes(settings)
        self._patience_s = patience_s
        self._connection: Connection | None = None
        self._refused: dict[tuple[str, tuple[int, str]], str] = {}

    async def open(self) -> None:
        """Make the client anew; credentials are looked up again at the first request."""
        self._connection = Connection.to(self._endpoint)

    async def write(self, batch: Batch) -> Receipt:
        """Write one object; its answer is the acknowledgement."""
        start = (batch.lane, start_of(batch))
        if start in self._refused:
            return await self._give_back(batch, self._refused.pop(start))
        body, bounds = await (self._parquet(batch) if self._format == PARQUET else self._lines(batch))
        try:
            await self._put(name_of(bounds, self._format), body, _CONTENT_TYPES[self._format])
        except _RefusedError as refusal:
            # The records are not kept beside their bytes: the next try, which is of the same records, gives them back.
            self._refused[start] = str(refusal)
            raise
        return Receipt()

    async def keep_manifest(self, name: str, content: bytes) -> None:
        """PUT one object."""
        await self._put(name, BytesIO(content), "application/json")

    async def probe(self) -> str:
        """PUT an empty object, as `write` would: nothing else that S3 could be asked needs the same permission only."""
        key = await self._put("_pibridge_check", BytesIO(), "text/plain")
        return f"wrote the empty object s3://{self._bucket}/{key} (it stays there: pibridge needs no right to delete)"

    async def close(self) -> None:
        """Let go of the client and wait for its threads."""
        connection, self._connection = self._connection, None
        if connection is not None:
            ended = connection.threads.shutdown_event
            del connection
            await asyncio.to_thread(ended.wait, _SHUTDOWN_S)

    async def _lines(self, batch: Batch) -> tuple[BinaryIO, Bounds]:
        spool = BytesIO()
        return spool, await self._gather(batch, spool)

    async def _parquet(self, batch: Batch) -> tuple[BinaryIO, Bounds]:
        """Give the object as a file that has no name and is gone when it is closed."""
        try:
            with TemporaryFile(prefix="pibridge-") as lines, ExitStack() as unless_done:
                bounds = await self._gather(batch, lines)
                await asyncio.to_thread(lines.flush)
                body = unless_done.enter_context(TemporaryFile(prefix="pibridge-"))
                await convert(lines.fileno(), body.fileno())
                unless_done.pop_all()
        except OSError as error:
            raise UnavailableError(
                f"cannot write to the temporary folder: {error.strerror or error}",
                hint="free some space there, or name another folder by TMPDIR",
            ) from error
        return body, bounds

    async def _gather(self, batch: Batch, spool: BinaryIO) -> Bounds:
        encoder = open_format(gathered(self._format))
        async for records in batch:
            await asyncio.to_thread(lambda lines: spool.write(encoder.encode(lines)), json_lines(records))
            if spool.tell() >= self._roll_bytes and batch.sealed is None:
                break
        await asyncio.to_thread(lambda: spool.write(encoder.finish()))
        return await batch.seal()

    async def _give_back(self, batch: Batch, reason: str) -> Receipt:
        refused = [Refusal(record, reason) async for records in batch for record in records]
        await batch.seal()
        return Receipt(refused)

    async def _put(self, name: str, body: BinaryIO, content_type: str) -> str:
        """Send one object; S3's client closes the body when it needs it no longer."""
        key = f"{self._prefix}/{name}" if self._prefix else name
        size_bytes = body.seek(0, os.SEEK_END)
        body.seek(0)
        headers = HttpHeaders(
            [
                ("Host", self._endpoint.host),
                ("Content-Length", str(size_bytes)),
                ("Content-Type", content_type),
                *self._wishes,
            ]
        )
        if self._connection is None:
            self._connection = Connection.to(self._endpoint)
        request = self._connection.client.make_request(
            type=S3RequestType.PUT_OBJECT,
            request=HttpRequest("PUT", quote(f"{self._endpoint.path}/{key}"), headers, body),
            checksum_config=S3ChecksumConfig(S3ChecksumAlgorithm.CRC32C, S3ChecksumLocation.HEADER),
        )
        request.finished_future.add_done_callback(lambda _: body.close())
        answer = asyncio.wrap_future(request.finished_future)
        allowed_s = self._patience_s + size_bytes / _SLOWEST_BYTES_PER_S
        try:
            async with asyncio.timeout(allowed_s):
                # The client sets its future whatever happens here, so that must not be cancelled.
                await asyncio.shield(answer)
        except TimeoutError:
            request.cancel()
            raise self._unavailable(key, f"no answer within {allowed_s:.0f} s", "check network and firewall") from None
        except asyncio.CancelledError:
            request.cancel()
            raise
        except S3ResponseError as error:
            raise self._answered(key, error) from error
        except AwsCrtError as error:
            raise self._unavailable(key, f"{error.name}: {error.message}", client_hint(error.name)) from error
        finally:
            # An error keeps the frames that it passed; the request in this one would keep the client alive.
            del request
        return key

    def _answered(self, key: str, error: S3ResponseError) -> UnavailableError:
        headers = {field.lower(): value for field, value in error.headers or ()}
        said = (error.body or b"").decode(errors="replace")
        code = _element("Code", said) or f"HTTP {error.status_code}"
        if code in _FOR_GOOD:
            return _RefusedError(f"s3://{self._bucket}/{key}: {code}: {_element('Message', said)}")
        if error.status_code == 403 or code in _CREDENTIALS:  # noqa: PLR2004 - forbidden
            # The next try looks the credentials up anew instead of taking remembered ones.
            self._connection = None
        region = headers.get("x-amz-bucket-region") or _element("Region", said)
        return self._unavailable(
            key, f"{code}: {_element('Message', said)}", self._hint(code, error.status_code, region)
        )

    def _hint(self, code: str, status: int, region: str) -> str:
        if code in _CREDENTIALS:
            return (
                "renew the AWS credentials that pibridge finds (environment, profile, token exchange or instance role)"
            )
        if code == "RequestTimeTooSkewed":
            return "set the clock of this machine"
        if code == "NoSuchBucket":
            return f"create the bucket or correct sinks.{self._name}.bucket"
        if code in _OTHER_REGION or status == 301:  # noqa: PLR2004 - moved permanently
            return f"set sinks.{self._name}.region to the bucket's region{f', {region}' if region else ''}"
        if status == 403:  # noqa: PLR2004 - forbidden
            return (
                f"allow s3:PutObject on arn:aws:s3:::{self._bucket}/{self._prefix}* (and the bucket's KMS key, if any)"
            )
        return "it is tried again by itself"

    def _unavailable(self, key: str, what: str, hint: str) -> UnavailableError:
        return UnavailableError(f"cannot write s3://{self._bucket}/{key}: {what}", hint=hint)


class _RefusedError(UnavailableError):
    """S3 will never take this object."""


@dataclass(frozen=True)
class Endpoint:
    """Where a bucket answers. `host`: with its port, as in the Host header. `path`: what stands before every key."""

    region: str
    host: str
    path: str
    tls: bool


def endpoint_of(name: str, settings: S3Settings) -> Endpoint:
    """Give where the bucket of the sink `name` answers. ConfigurationError if no region is known."""
    region = settings.region or os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION") or ""
    if settings.endpoint_url is not None:
        url = urlsplit(settings.endpoint_url)
        path = f"{url.path.rstrip('/')}/{settings.bucket}"
        return Endpoint(region or "us-east-1", url.netloc, path, tls=url.scheme == "https")
    if not region:
        raise ConfigurationError([f"sinks.{name}.region: not known; write the bucket's region or set AWS_REGION"])
    if "." in settings.bucket:
        # Amazon's certificate covers one label before its own name.
        return Endpoint(region, f"s3.{region}.amazonaws.com", f"/{settings.bucket}", tls=True)
    return Endpoint(region, f"{settings.bucket}.s3.{region}.amazonaws.com", "", tls=True)


def wishes(settings: S3Settings) -> list[tuple[str, str]]:
    """Give the headers that say how S3 shall store the objects."""
    said = {
        "x-amz-server-side-encryption": settings.sse,
        "x-amz-server-side-encryption-aws-kms-key-id": settings.kms_key_id,
        "x-amz-storage-class": settings.storage_class,
    }
    return [(header, value) for header, value in said.items() if value is not None]


@dataclass(frozen=True)
class Connection:
    """A client of S3, and the threads that it works in."""

    client: S3Client
    threads: EventLoopGroup

    @classmethod
    def to(cls, endpoint: Endpoint) -> "Connection":
        """Make a client that finds AWS credentials as every AWS tool does."""
        threads = EventLoopGroup(1)
        bootstrap = ClientBootstrap(threads, DefaultHostResolver(threads))
        client = S3Client(
            bootstrap=bootstrap,
            region=endpoint.region,
            tls_mode=S3RequestTlsMode.ENABLED if endpoint.tls else S3RequestTlsMode.DISABLED,
            signing_config=create_default_s3_signing_config(
                region=endpoint.region, credential_provider=AwsCredentialsProvider.new_default_chain(bootstrap)
            ),
            part_size=_PART_BYTES,
            max_active_connections_override=_CONNECTIONS,
        )
        return cls(client, threads)


def client_hint(error: str) -> str:
    """Give what to do about an error that the client library names so."""
    return next(hint for beginning, hint in _CLIENT_HINTS if error.startswith(beginning))


def _element(name: str, xml: str) -> str:
    match = re.search(f"<{name}>(.*?)</{name}>", xml, re.DOTALL)
    return match[1].strip() if match else ""
