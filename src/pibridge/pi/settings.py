"""How PI is reached: `pi` in the configuration."""

from ipaddress import ip_address
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import Field, ValidationInfo, field_validator

from pibridge.model.settings import Duration, Secret, Settings
from pibridge.pi.select_settings import ElementSelect, EventFrameSelect, PointSelect, Select

__all__ = [
    "AuthSettings",
    "ElementSelect",
    "EventFrameSelect",
    "PiSettings",
    "PointSelect",
    "Select",
]


class AnonymousSettings(Settings):
    """No credentials: the server lets everybody in."""

    method: Literal["anonymous"] = Field(default="anonymous", description="No credentials.")


class BasicSettings(Settings):
    """User name and password, sent with every request."""

    method: Literal["basic"] = Field(description="User name and password.")
    username: str = Field(min_length=1, description=r"Windows account, DOMAIN\user or user@domain.")
    password: Secret = Field(description="Its password, best as ${env:NAME} or ${file:PATH}.")

    @field_validator("username")
    @classmethod
    def _readable(cls, username: str) -> str:
        if ":" in username:
            raise ValueError("a user name with a colon cannot be sent as Basic; use another account")
        if not username.isascii():
            raise ValueError("PI takes only ASCII characters with method basic; use an account without others")
        return username


class KerberosSettings(Settings):
    """A Kerberos ticket (SPNEGO)."""

    method: Literal["kerberos"] = Field(description="A Kerberos ticket.")
    principal: str | None = Field(default=None, description="Who to be; left out: whoever the credential cache holds.")
    keytab: Path | None = Field(default=None, description="Key table of the principal; left out: the credential cache.")


class BearerSettings(Settings):
    """An OpenID Connect token: a fixed one, or one fetched with client credentials."""

    method: Literal["bearer"] = Field(description="An OpenID Connect token.")
    token: Secret | None = Field(default=None, description="A ready token.")
    token_url: str | None = Field(default=None, description="Where tokens are fetched.")
    client_id: str | None = Field(default=None, description="Who fetches them.")
    client_secret: Secret | None = Field(default=None, description="With what secret.")


AuthSettings = Annotated[
    AnonymousSettings | BasicSettings | KerberosSettings | BearerSettings, Field(discriminator="method")
]


class TlsSettings(Settings):
    """How the server's certificate is checked."""

    verify: bool = Field(default=True, description="Check the certificate; false needs pi.allow_insecure.")
    ca_file: Path | None = Field(default=None, description="PEM bundle of the plant's own CA.")


class LimitSettings(Settings):
    """How much is asked of the server."""

    requests_per_second: float = Field(default=20, gt=0, description="All REST calls together.")
    concurrent_requests: int = Field(default=4, ge=1, description="REST calls under way at the same time.")
    streams_per_channel: int = Field(default=200, ge=1, description="PI streams (tags) on one WebSocket.")
    items_per_request: int = Field(
        default=50_000, ge=1, description="Values in one answer; the server's limit is 150,000."
    )


class TimeoutSettings(Settings):
    """How long PI may be silent, in seconds."""

    connect: Duration = Field(default=10, gt=0, description="To open a connection.")
    read: Duration = Field(default=60, gt=0, description="Between two pieces of an answer.")
    silent_channel: Duration = Field(
        default=90, gt=0, description="How often each channel is compared with PI's values."
    )


class PiSettings(Settings):
    """The PI Web API server."""

    # `allow_insecure` stands first: what follows is judged by it.
    allow_insecure: bool = Field(default=False, description="Allow plain http and unverified certificates.")
    url: str = Field(description="Base URL of PI Web API, for example https://pi.example.com/piwebapi.")
    auth: AuthSettings = Field(default=AnonymousSettings(), description="How this connector says who it is.")
    tls: TlsSettings = Field(default=TlsSettings(), description="Certificates.")
    limits: LimitSettings = Field(default=LimitSettings(), description="Manners towards the server.")
    timeouts: TimeoutSettings = Field(default=TimeoutSettings(), description="When to give up waiting.")

    @field_validator("url")
    @classmethod
    def _usable(cls, url: str, info: ValidationInfo) -> str:
        try:
            parts = urlsplit(url)
            host, _port = parts.hostname, parts.port
        except ValueError as error:
            raise ValueError("is no URL; write it like https://pi.example.com/piwebapi") from error
        if parts.scheme not in {"http", "https"} or not host:
            raise ValueError("is no web address; write it like https://pi.example.com/piwebapi")
        if parts.username is not None or parts.password is not None:
            raise ValueError("must not hold credentials; put them under pi.auth")
        if parts.query or parts.fragment:
            raise ValueError("must not have a query or fragment; end it with the path, like /piwebapi")
        if parts.scheme == "http" and not _is_loopback(host) and not info.data.get("allow_insecure", True):
            raise ValueError(
                "plain http would show passwords and data to the network;"
                " use https, or set pi.allow_insecure: true if you accept that"
            )
        return url.rstrip("/")

    @field_validator("tls")
    @classmethod
    def _verified(cls, tls: TlsSettings, info: ValidationInfo) -> TlsSettings:
        if not tls.verify and not info.data.get("allow_insecure", True):
            raise ValueError(
                "verify: false lets anyone pose as PI;"
                " give the plant's CA as ca_file, or set pi.allow_insecure: true if you accept that"
            )
        return tls


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
