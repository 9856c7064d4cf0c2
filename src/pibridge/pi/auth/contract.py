"""What a way to say who we are promises."""

from collections.abc import Mapping
from typing import Protocol


class Auth(Protocol):
    """Credentials for one request or one WebSocket handshake."""

    @property
    def identity(self) -> str:
        """Who we say we are, for people; never a secret."""
        ...

    async def headers(self) -> Mapping[str, str]:
        """Give the headers to send, read anew at each call.

        Equal headers mean equal credentials. Raises UnavailableError: they cannot be had or sent now.
        """
        ...
