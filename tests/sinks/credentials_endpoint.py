"""A container's credentials endpoint, as the token exchange of a Greengrass core or the agent of ECS has it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from aiohttp import web

from sinks.data_streams import served

PASSWORD = "the-word-of-the-core"


@dataclass
class CredentialsEndpoint:
    """Hands out `token-1`, `token-2`, …, each for `valid`. `says`: what it says instead."""

    valid: timedelta = timedelta(hours=1)
    says: web.Response | None = None
    handed_out: int = 0
    port: int = 0

    @property
    def environment(self) -> dict[str, str]:
        """Give what the container tells its processes."""
        return {
            "AWS_CONTAINER_CREDENTIALS_FULL_URI": f"http://127.0.0.1:{self.port}/2016-11-01/credentialprovider/",
            "AWS_CONTAINER_AUTHORIZATION_TOKEN": PASSWORD,
        }

    async def serve(self, request: web.Request) -> web.Response:
        """Answer one request."""
        assert request.headers["Authorization"] == PASSWORD
        if self.says is not None:
            return web.Response(status=self.says.status, body=self.says.body)
        self.handed_out += 1
        told = {
            "AccessKeyId": "ASIATESTTESTTESTTEST",
            "SecretAccessKey": "not-to-be-shown",
            "Token": f"token-{self.handed_out}",
            "Expiration": (datetime.now(UTC) + self.valid).strftime("%Y-%m-%dT%H:%M:%SZ"),
        }
        return web.json_response(told)


@asynccontextmanager
async def credentials_endpoint() -> AsyncIterator[CredentialsEndpoint]:
    """Run one."""
    endpoint = CredentialsEndpoint()
    async with served(endpoint.serve) as endpoint.port:
        yield endpoint
