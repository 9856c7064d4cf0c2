"""User name and password with every request (HTTP Basic)."""

from base64 import b64encode
from collections.abc import Hashable

from pibridge.errors import UnavailableError
from pibridge.model.settings import Secret
from pibridge.pi.auth.contract import Credentials
from pibridge.pi.auth.secrets import digest, reveal

_KEY = "pi.auth.password"


class Basic:
    """A Windows account. The password is read anew for each request, so that a rotated one is found by itself."""

    def __init__(self, username: str, password: Secret) -> None:
        self.identity = username
        self._password = password

    def fingerprint(self) -> Hashable:
        """Give what changes with the password."""
        return digest(self._password, _KEY)

    async def credentials(self) -> Credentials:
        """Give the Authorization header. UnavailableError: the password cannot be read, or PI cannot be told it."""
        password = reveal(self._password, _KEY)
        if not password.isascii():
            raise UnavailableError(
                f"{_KEY}: PI takes only ASCII characters with method basic", hint="change the password"
            )
        text = b64encode(f"{self.identity}:{password}".encode()).decode()
        return Credentials({"Authorization": f"Basic {text}"})
