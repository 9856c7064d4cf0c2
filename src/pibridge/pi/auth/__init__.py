"""Ways to say who we are. A new one is a module here, a line in `make_auth` and a page under docs/auth."""

from pibridge.errors import ConfigurationError
from pibridge.pi.auth.anonymous import Anonymous
from pibridge.pi.auth.basic import Basic
from pibridge.pi.auth.contract import Auth
from pibridge.pi.settings import AnonymousSettings, AuthSettings, BasicSettings

__all__ = ["BUILT", "Auth", "make_auth"]

BUILT = frozenset({"anonymous", "basic"})
"""The methods that this version has, of those that can be written in the configuration."""


def make_auth(settings: AuthSettings) -> Auth:
    """Give the credentials that the settings describe; nothing is read or asked yet."""
    if isinstance(settings, BasicSettings):
        return Basic(settings.username, settings.password)
    if isinstance(settings, AnonymousSettings):
        return Anonymous()
    raise ConfigurationError(
        [f"pi.auth.method: {settings.method} is not built in this version; it has {', '.join(sorted(BUILT))}"]
    )
