"""How PI is reached: `pi` in the configuration."""

from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, ValidationInfo, field_validator, model_validator

from pibridge.model.settings import Duration, Secret, Settings
from pibridge.pi.addresses import web_address
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
    principal: str | None = Field(
        default=None, min_length=1, description="Who to be; left out: whoever the credential cache holds."
    )
    keytab: Path | None = Field(default=None, description="Key table of the principal; left out: the credential cache.")

    @model_validator(mode="after")
    def _says_whose_key(self) -> Self:
        if self.keytab is not None and self.principal is None:
            raise ValueError("has keytab without principal; add principal: whose key it is, like svc@CORP.EXAMPLE.COM")
        return self


class BearerSettings(Settings):
    """An OpenID Connect token: a fixed one, or one fetched with client credentials."""

    method: Literal["bearer"] = Field(description="An OpenID Connect token.")
    token: Secret | None = Field(default=None, description="A ready token.")
    token_url: str | None = Field(
        default=None, description="Where tokens are fetched; left out: where PI Web API says that they are given."
    )
    client_id: str | None = Field(default=None, min_length=1, description="Who fetches them.")
    client_secret: Secret | None = Field(default=None, description="With what secret.")
    scope: str | None = Field(default=None, min_length=1, description="What tokens are asked for.")

    @model_validator(mode="after")
    def _complete(self) -> Self:
        fetching = [
            key for key in ("token_url", "client_id", "client_secret", "scope") if getattr(self, key) is not None
        ]
        if self.token is not None and fetching:
            raise ValueError(f"has token beside {' and '.join(fetching)}; a ready token needs none of them")
        if self.token is None and not fetching:
            raise ValueError("has neither token nor client_id and client_secret; add what says who you are")
        missing = [key for key in ("client_id", "client_secret") if key not in fetching]
        if self.token is None and missing:
            raise ValueError(f"has {' and '.join(fetching)} without {' and '.join(missing)}; it takes both")
        return self


AuthSettings = Annotated[
    AnonymousSettings | BasicSettings | KerberosSettings | BearerSettings, Field(discriminator="method")
]


class TlsSettings(Settings):
    """How the server's certificate is checked, and which one we show."""

    verify: bool = Field(default=True, description="Check the certificate; false needs pi.allow_insecure.")
    ca_file: Path | None = Field(default=None, description="PEM bundle of the plant's own CA.")
    cert_file: Path | None = Field(default=None, description="PEM file of our certificate, where the server wants one.")
    key_file: Path | None = Field(default=None, description="PEM file of its key; left out: the key is in cert_file.")

    @model_validator(mode="after")
    def _complete(self) -> Self:
        if self.key_file is not None and self.cert_file is None:
            raise ValueError("has key_file without cert_file; add the certificate that the key belongs to")
        return self


class LimitSettings(Settings):
    """How much is asked of the server."""

    requests_per_second: float = Field(default=20, gt=0, description="All REST calls and channel handshakes together.")
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
        # Where allow_insecure is wrong itself, nothing more is said.
        parts = web_address(url, allow_insecure=info.data.get("allow_insecure", True))
        if parts.query:
            raise ValueError("must not have a query; end it with the path, like /piwebapi")
        return url.rstrip("/")

    @field_validator("auth")
    @classmethod
    def _private(cls, auth: AuthSettings, info: ValidationInfo) -> AuthSettings:
        if isinstance(auth, BearerSettings) and auth.token_url is not None:
            try:
                web_address(auth.token_url, allow_insecure=info.data.get("allow_insecure", True))
            except ValueError as error:
                raise ValueError(f"token_url: {error}") from error
        return auth

    @field_validator("tls")
    @classmethod
    def _verified(cls, tls: TlsSettings, info: ValidationInfo) -> TlsSettings:
        if not tls.verify and not info.data.get("allow_insecure", True):
            raise ValueError(
                "verify: false lets anyone pose as PI;"
                " give the plant's CA as ca_file, or set pi.allow_insecure: true if you accept that"
            )
        return tls
