"""One AWS service as a sink asks it: region, credentials that renew themselves, and what each error means.

Loads aiobotocore, so only the modules of sinks that need it import this one.
"""

import asyncio
import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import aiohttp
from aiobotocore.config import AioConfig
from aiobotocore.session import get_session
from botocore.exceptions import BotoCoreError, ClientError, ParamValidationError

from pibridge.errors import ConfigurationError, RejectedError, ThrottledError, UnavailableError

REFUSED: Final = frozenset({"ValidationException", "InvalidArgumentException", "InvalidRequestException"})
"""Codes of what is wrong with the request itself: asking again unchanged is useless."""

_THROTTLED: Final = frozenset(
    {
        "KMSThrottlingException",
        "LimitExceededException",
        "ProvisionedThroughputExceededException",
        "RequestLimitExceeded",
        "Throttling",
        "ThrottlingException",
        "TooManyRequestsException",
    }
)
_EXPIRED: Final = frozenset({"ExpiredToken", "ExpiredTokenException", "RequestExpired"})
_UNKNOWN_CREDENTIALS: Final = frozenset({"InvalidAccessKeyId", "InvalidClientTokenId", "UnrecognizedClientException"})
_SIGNATURE: Final = frozenset(
    {
        "IncompleteSignature",
        "IncompleteSignatureException",
        "InvalidSignatureException",
        "MissingAuthenticationToken",
        "MissingAuthenticationTokenException",
        "SignatureDoesNotMatch",
    }
)
DENIED: Final = frozenset({"AccessDenied", "AccessDeniedException", "NotAuthorized", "UnauthorizedOperation"})
"""Codes of what these credentials may not do."""
_KMS: Final = frozenset(
    {"KMSAccessDeniedException", "KMSDisabledException", "KMSInvalidStateException", "KMSNotFoundException"}
)
_BY_ITSELF: Final = "it is tried again by itself"
_SLOWEST_BYTES_PER_S: Final = 32 << 10
_MOST_SAID: Final = 300
_WAYS: Final = "environment, profile, token exchange or instance role"

_FAILURES: Final = (BotoCoreError, ClientError, aiohttp.ClientError, OSError, ValueError, LookupError)
"""What the libraries raise for a far side that is away or answers nonsense, such as credentials without a token."""


@dataclass(frozen=True)
class Far:
    """What a sink asks for. `resource`: an ARN, for hints. `missing`: what to do if that does not exist."""

    service: str
    region: str
    endpoint_url: str | None
    resource: str
    missing: str


@dataclass(eq=False)
class _Connection:
    client: Any
    credentials: Any
    users: int = 0


class AwsService:
    """Calls one service. `patience_s`: how long an answer may take beyond the time its bytes need on a slow link.

    Credentials come from every place where AWS tools look for them, and those that expire are renewed in time. After a
    refusal that has to do with them they are looked up anew.
    """

    def __init__(self, far: Far, *, patience_s: float = 30.0) -> None:
        self._far = far
        self._patience_s = patience_s
        self._connection: _Connection | None = None
        self._connecting = asyncio.Lock()

    async def open(self) -> None:
        """Find credentials. Nothing is asked of the service. Raises UnavailableError."""
        await self._connected()

    async def call(self, method: str, *, size_bytes: int = 0, **asked: Any) -> dict[str, Any]:
        """Ask once and give the answer. `method`: in the words of botocore. `size_bytes`: of what is sent.

        Raises RejectedError: the request itself is wrong. ThrottledError and other UnavailableErrors: ask again later.
        """
        connection = await self._connected()
        allowed_s = self._patience_s + size_bytes / _SLOWEST_BYTES_PER_S
        connection.users += 1
        try:
            async with asyncio.timeout(allowed_s):
                answer: dict[str, Any] = await getattr(connection.client, method)(**asked)
        except TimeoutError:
            raise self._unavailable(f"{method}: no answer within {allowed_s:.0f} s") from None
        except ClientError as error:
            code = str(error.response.get("Error", {}).get("Code", ""))
            status = int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))
            if is_about_credentials(code, status):
                await self._forget(connection)
            message = str(error.response.get("Error", {}).get("Message", ""))
            # Without the library's error: a signature's refusal repeats what was signed, with the session token.
            raise told(self._far, error.operation_name, code, message, status) from None
        except ParamValidationError as error:
            raise RejectedError(f"{self._far.service}:{method}: {_words(error)}", status=400) from error
        except _FAILURES as error:
            raise self._unavailable(f"{method}: {_words(error)}") from error
        finally:
            connection.users -= 1
            if connection is not self._connection and not connection.users:
                await connection.client.close()
        return answer

    async def close(self) -> None:
        """Let go of connections and credentials; the next call looks for them anew."""
        if self._connection is not None:
            await self._forget(self._connection)

    async def _connected(self) -> _Connection:
        """Give a connection with credentials that are good now."""
        try:
            async with asyncio.timeout(self._patience_s), self._connecting:
                while True:
                    connection = self._connection
                    if connection is None:
                        connection = self._connection = await self._connect()
                    # Renews those that expire soon; meanwhile another call may have been told that they are no good.
                    await connection.credentials.get_frozen_credentials()
                    if connection is self._connection:
                        return connection
        except TimeoutError:
            said = f"none found within {self._patience_s:.0f} s"
        except _FAILURES as error:
            said = _words(error)
        raise UnavailableError(f"AWS credentials for {self._far.service}: {said}", hint=f"look at the {_WAYS}")

    async def _connect(self) -> _Connection:
        session = get_session()
        credentials = await session.get_credentials()
        if credentials is None:
            raise LookupError("there are none")
        config = AioConfig(
            connect_timeout=self._patience_s,
            read_timeout=self._patience_s,
            # Tries are the pump's: it counts them, tells them on the status page, and never gives up.
            retries={"mode": "standard", "total_max_attempts": 1},
            user_agent_extra="pibridge",
        )
        creating = session.create_client(
            self._far.service, region_name=self._far.region, endpoint_url=self._far.endpoint_url, config=config
        )
        return _Connection(await creating.__aenter__(), credentials)

    async def _forget(self, connection: _Connection) -> None:
        """Use it no longer; whoever still waits for an answer on it gets that."""
        if self._connection is connection:
            self._connection = None
        if not connection.users:
            await connection.client.close()

    def _unavailable(self, what: str) -> UnavailableError:
        where = self._far.endpoint_url or f"{self._far.service} in {self._far.region}"
        return UnavailableError(f"{where}: {what}", hint="check network, DNS, proxy and firewall")


def region_of(name: str, region: str | None, endpoint_url: str | None, environment: Mapping[str, str]) -> str:
    """Give the region of the sink `name`. ConfigurationError if it is not known."""
    found = region or environment.get("AWS_REGION") or environment.get("AWS_DEFAULT_REGION")
    if found:
        return found
    if endpoint_url is not None:
        return "us-east-1"
    raise ConfigurationError([f"sinks.{name}.region: not known; write the AWS region or set AWS_REGION"])


def far_of(  # noqa: PLR0913 - what the settings say, and what the service calls it
    name: str, service: str, resource: str, *, region: str | None, endpoint_url: str | None, missing: str
) -> Far:
    """Give what the sink `name` asks for. `resource`: the end of an ARN, `stream/acme`. Raises ConfigurationError."""
    known = region_of(name, region, endpoint_url, os.environ)
    return Far(service, known, endpoint_url, f"arn:aws:{service}:{known}:*:{resource}", missing)


def is_about_credentials(code: str, status: int) -> bool:
    """Tell whether other credentials could change this answer."""
    return status in {401, 403} or code in _EXPIRED | _UNKNOWN_CREDENTIALS | _SIGNATURE | DENIED


def words_of(code: str, message: str) -> str:
    """Give what AWS says beside an error code, as the end of a line, without what nobody may see."""
    # What was signed, and so the session token, may stand in the message.
    return "" if code in _SIGNATURE else f": {message[:_MOST_SAID]}"


def told(far: Far, operation: str, code: str, message: str, status: int) -> RejectedError | UnavailableError:
    """Say what an error code means for the caller, with the next step. `operation`: in the words of AWS."""
    what = f"{far.service}:{operation}: {code or f'HTTP {status}'}{words_of(code, message)}"
    if code in REFUSED:
        return RejectedError(what, status=status)
    if code in _THROTTLED or status == 429:  # noqa: PLR2004 - too many requests
        return ThrottledError(what, hint=_BY_ITSELF)
    return UnavailableError(what, hint=_hint(far, operation, code, status))


def _hint(far: Far, operation: str, code: str, status: int) -> str:
    if code in _EXPIRED:
        return f"the AWS credentials have expired: renew what pibridge finds ({_WAYS}), and see that the clock is right"
    if code in _SIGNATURE:
        return f"look at the secret key that pibridge finds ({_WAYS}), and see that the clock is right"
    if code in DENIED:
        return f"allow {far.service}:{operation} on {far.resource}"
    if code in _KMS:
        return f"let pibridge use the KMS key of {far.resource}: kms:GenerateDataKey"
    if code in _UNKNOWN_CREDENTIALS or status in {401, 403}:
        return f"AWS does not know these credentials: look at those that pibridge finds ({_WAYS})"
    return far.missing if code == "ResourceNotFoundException" else _BY_ITSELF


def _words(error: Exception) -> str:
    said = str(error)[:_MOST_SAID]
    return said if isinstance(error, BotoCoreError) else f"{type(error).__name__}: {said}"
