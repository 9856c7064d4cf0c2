"""What a way to say who we are promises."""

from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol


def _unproved(_: Sequence[str]) -> None:
    """Ask for no proof: TLS says who the server is."""


@dataclass(frozen=True)
class Credentials:
    """What one request, or one WebSocket handshake, is sent with.

    `headers`: to send. `accepted`: to be called when PI let it in, with each `WWW-Authenticate` of its answer; raises
    UnavailableError if it was not PI that answered. `refused`: to be called after a 401; tells whether others can be
    had at once.
    """

    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    accepted: Callable[[Sequence[str]], None] = field(default=_unproved, repr=False)
    refused: Callable[[], bool] = field(default=lambda: False, repr=False)


class Auth(Protocol):
    """Who we say we are, to PI and to those who vouch for us."""

    @property
    def identity(self) -> str:
        """Who we say we are, for people; never a secret."""
        ...

    def fingerprint(self) -> Hashable:
        """Give what stays equal while the secret that was configured does. Cheap, and asks nobody.

        Raises UnavailableError: the secret cannot be read now.
        """
        ...

    async def credentials(self) -> Credentials:
        """Give what to send with the next request; it is not sent twice.

        Raises UnavailableError: it cannot be had or sent now. UnauthorizedError: who gives it refuses us.
        """
        ...
