"""User name and password with every request (HTTP Basic)."""

from base64 import b64encode
from collections.abc import Mapping

from pibridge.errors import PIBridgeError, UnavailableError
from pibridge.model.settings import Secret


class Basic:
    """A Windows account. The password is read anew for each request, so that a rotated one is found by itself."""

    def __init__(self, username: str, password: Secret) -> None:
        self.identity = username
        self._password = password

    async def headers(self) -> Mapping[str, str]:
        """Give the Authorization header. UnavailableError: the password cannot be read, or PI cannot be told it."""
        try:
            password = self._password.reveal()
        except OSError as error:
            raise UnavailableError(f"pi.auth.password cannot be read: {error.strerror}") from error
        except PIBridgeError as error:
            raise UnavailableError(f"pi.auth.password cannot be read: {error}") from error
        if not password.isascii():
            raise UnavailableError(
                "pi.auth.password: PI takes only ASCII characters with method basic", hint="change the password"
            )
        return {"Authorization": "Basic " + b64encode(f"{self.identity}:{password}".encode()).decode()}
