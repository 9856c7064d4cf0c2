"""Clients of AWS, and what their errors mean."""

import os
from contextlib import AsyncExitStack
from typing import Any, Final

from aiobotocore.config import AioConfig
from aiobotocore.session import get_session
from botocore.exceptions import BotoCoreError, ClientError, CredentialRetrievalError, NoCredentialsError

from pibridge.errors import UnavailableError
from pibridge.sinks import aws

_CONNECT_S: Final = 10.0
_READ_S: Final = 30.0
_RENEW: Final = "renew the AWS credentials that pibridge finds (environment, profile, token exchange or instance role)"
_GIVE: Final = "give pibridge AWS credentials: environment, profile, token exchange or instance role"


class Clients:
    """Clients of the services of one region, made when first used.

    They find AWS credentials as every AWS tool does and renew those that expire. `tries`: of a request that is
    throttled or breaks off. Raises ConfigurationError if no region is known.
    """

    def __init__(self, name: str, region: str | None, *, tries: int = 1) -> None:
        self.region = aws.region_of(name, region, None, os.environ)
        self._tries = tries
        self._clients: dict[str, Any] = {}
        self._open = AsyncExitStack()

    async def of(self, service: str, endpoint_url: str | None) -> Any:
        """Give the client of a service."""
        if service not in self._clients:
            config = AioConfig(
                connect_timeout=_CONNECT_S,
                read_timeout=_READ_S,
                retries={"mode": "standard", "total_max_attempts": self._tries},
                # SiteWise has hosts of its own for data and model; another address stands as it is written.
                inject_host_prefix=endpoint_url is None,
                s3={"addressing_style": "auto" if endpoint_url is None else "path"},
            )
            context = get_session().create_client(
                service, region_name=self.region, endpoint_url=endpoint_url, config=config
            )
            self._clients[service] = await self._open.enter_async_context(context)
        return self._clients[service]

    async def close(self) -> None:
        """Let go of connections and credentials; the next client looks for them anew."""
        self._clients = {}
        clients, self._open = self._open, AsyncExitStack()
        await clients.aclose()


def code_of(error: Exception) -> str:
    """Give the name that AWS has for an error."""
    return str(error.response["Error"]["Code"]) if isinstance(error, ClientError) else type(error).__name__


def is_about_credentials(error: Exception) -> bool:
    """Tell whether other credentials could help."""
    return aws.is_about_credentials(code_of(error), 0)


def unavailable(what: str, error: BotoCoreError | ClientError, *, allow: str) -> UnavailableError:
    """Give what an error means. `what`: could not be done. `allow`: which permission it takes."""
    code = code_of(error)
    said = error.response["Error"].get("Message", "") if isinstance(error, ClientError) else str(error)
    words = aws.words_of(code, said)
    if isinstance(error, (NoCredentialsError, CredentialRetrievalError)):
        hint = _GIVE
    elif code in aws.DENIED:
        hint = allow
    elif is_about_credentials(error):
        hint = _RENEW
    elif isinstance(error, ClientError):
        hint = "it is tried again by itself"
    else:
        hint = "check network, DNS and firewall"
    return UnavailableError(f"cannot {what}: {code}{words}", hint=hint)
