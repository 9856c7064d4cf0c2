"""A token with every request (OAuth 2.0, RFC 6750): one that is given to us, or one that we fetch."""

import time
from collections.abc import Callable, Hashable
from dataclasses import replace
from typing import Final

from pibridge.errors import UnavailableError
from pibridge.model.settings import Secret
from pibridge.pi.auth.contract import Credentials
from pibridge.pi.auth.secrets import digest, reveal
from pibridge.pi.auth.shared import Shared
from pibridge.pi.auth.token_endpoint import Token, TokenEndpoint, is_token

_TOKEN: Final = "pi.auth.token"  # noqa: S105 - the name of a key
_SECRET: Final = "pi.auth.client_secret"  # noqa: S105 - the name of a key
_AGAIN_S: Final = 10.0
"""How soon a renewal that failed is tried again, while the token is still good."""


class FixedToken:
    """A token that somebody else renews. It is read anew for each request, so that a new one is found by itself."""

    identity = "bearer of pi.auth.token"

    def __init__(self, token: Secret) -> None:
        self._token = token

    def fingerprint(self) -> Hashable:
        """Give what changes with the token."""
        return digest(self._token, _TOKEN)

    async def credentials(self) -> Credentials:
        """Give the Authorization header. UnavailableError: the token cannot be read, or is none."""
        text = reveal(self._token, _TOKEN).strip()
        if not is_token(text):
            raise UnavailableError(
                f"{_TOKEN}: is no token, which is ASCII without blanks", hint="write the token alone, without Bearer"
            )
        return _sent(text)


class FetchedToken:
    """Tokens fetched with client credentials: when one is needed, before it expires, and after PI refused it."""

    def __init__(
        self,
        client_id: str,
        client_secret: Secret,
        endpoint: TokenEndpoint,
        *,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self.identity = client_id
        self._secret = client_secret
        self._endpoint = endpoint
        self._monotonic = monotonic
        self._token: Token | None = None
        self._fetched = Shared(self._fetch)

    def fingerprint(self) -> Hashable:
        """Give what changes with the client secret."""
        return digest(self._secret, _SECRET)

    async def credentials(self) -> Credentials:
        """Give the Authorization header.

        Raises UnavailableError: no token can be had now. UnauthorizedError: the client is refused.
        """
        token = self._token
        if token is None or self._monotonic() >= token.renew_at:
            token = await self._fetched()
        return replace(_sent(token.text), refused=lambda: self._forget(token))

    def _forget(self, token: Token) -> bool:
        if self._token is token:
            self._token = None
        return True

    async def _fetch(self) -> Token:
        asked = self._monotonic()
        try:
            self._token = await self._endpoint.fetch(self.identity, reveal(self._secret, _SECRET), asked)
        except UnavailableError:
            if self._token is None or self._monotonic() >= self._token.expires_at:
                raise
            self._token = replace(self._token, renew_at=min(self._token.expires_at, self._monotonic() + _AGAIN_S))
        return self._token


def _sent(token: str) -> Credentials:
    return Credentials({"Authorization": f"Bearer {token}"})
