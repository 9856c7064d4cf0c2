"""Ways to say who we are. A new one is a module here, a line in `make_auth` and a page under docs/auth."""

import ssl
from urllib.parse import urlsplit

from pibridge.errors import ConfigurationError
from pibridge.pi.auth.anonymous import Anonymous
from pibridge.pi.auth.basic import Basic
from pibridge.pi.auth.bearer import FetchedToken, FixedToken
from pibridge.pi.auth.contract import Auth, Credentials
from pibridge.pi.auth.token_endpoint import TokenEndpoint
from pibridge.pi.settings import BasicSettings, BearerSettings, KerberosSettings, PiSettings

__all__ = ["BUILT", "Auth", "Credentials", "make_auth"]

BUILT = frozenset({"anonymous", "basic", "bearer", "kerberos"})
"""The methods that this version has, of those that can be written in the configuration."""

_PACKAGES = "libkrb5-dev gcc python3-dev"
_PIP = "pip install 'pibridge[kerberos]'"


def make_auth(settings: PiSettings, ssl_context: ssl.SSLContext) -> Auth:
    """Give who `pi.auth` says that we are; nothing is read or asked yet. `ssl_context`: for those who vouch for us.

    Raises ConfigurationError: the method needs a library that is not there.
    """
    auth = settings.auth
    if isinstance(auth, BasicSettings):
        return Basic(auth.username, auth.password)
    if isinstance(auth, KerberosSettings):
        return _kerberos(auth, urlsplit(settings.url).hostname or "")
    if not isinstance(auth, BearerSettings):
        return Anonymous()
    if auth.token is not None:
        return FixedToken(auth.token)
    if auth.client_id is None or auth.client_secret is None:
        raise ConfigurationError(["pi.auth: has neither token nor client_id and client_secret"])
    return FetchedToken(auth.client_id, auth.client_secret, TokenEndpoint(settings, auth, ssl_context))


def _kerberos(auth: KerberosSettings, host: str) -> Auth:
    try:
        # Its library is an extra: only who configures it needs it.
        from pibridge.pi.auth.kerberos import Kerberos  # noqa: PLC0415
    except (ImportError, OSError) as error:
        install = f"install what it is built of (Debian, Ubuntu: apt install {_PACKAGES}), then {_PIP}"
        raise ConfigurationError(
            [f"pi.auth.method: kerberos needs gssapi, which cannot be loaded ({error}); {install}"]
        ) from error
    return Kerberos(host, auth.principal, auth.keytab)
