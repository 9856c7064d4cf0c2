"""Reading the secrets of the configuration at the moment when they are used."""

from hashlib import sha256

from pibridge.errors import PIBridgeError, UnavailableError
from pibridge.model.settings import Secret


def reveal(secret: Secret, key: str) -> str:
    """Give the secret as it is now. `key`: its key in the configuration. UnavailableError: it cannot be read."""
    try:
        return secret.reveal()
    except OSError as error:
        raise UnavailableError(
            f"{key} cannot be read: {error.strerror}", hint="make its file readable for the daemon"
        ) from error
    except PIBridgeError as error:
        raise UnavailableError(f"{key} cannot be read: {error}") from error


def digest(secret: Secret, key: str) -> bytes:
    """Give what tells this secret from others and shows nothing of it. UnavailableError: it cannot be read."""
    return sha256(reveal(secret, key).encode()).digest()
