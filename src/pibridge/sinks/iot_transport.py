"""How messages get to AWS IoT Core: by a connection of our own, or over the Greengrass nucleus."""

from collections.abc import Mapping
from typing import Final, Literal

import structlog

from pibridge.errors import ConfigurationError
from pibridge.greengrass.component import is_inside
from pibridge.sinks.contract import Batch, Receipt, Sink
from pibridge.sinks.settings import IotCoreSettings

Transport = Literal["mqtt", "greengrass"]

_CREDENTIALS: Final = (
    (("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"), "AWS credentials are in the environment"),
    (("AWS_PROFILE",), "a profile has AWS credentials"),
    (("AWS_SHARED_CREDENTIALS_FILE",), "a file has AWS credentials"),
    (("AWS_CONTAINER_CREDENTIALS_FULL_URI",), "a token exchange service gives AWS credentials"),
    (("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",), "a container service gives AWS credentials"),
    (("AWS_WEB_IDENTITY_TOKEN_FILE", "AWS_ROLE_ARN"), "a web identity gives AWS credentials"),
)


def choose_transport(name: str, settings: IotCoreSettings, environment: Mapping[str, str]) -> tuple[Transport, str]:
    """Give the transport of the sink `name` and the reason, for people.

    `auto` is `mqtt` where the settings or the environment name credentials for it, else `greengrass` inside a
    component. ConfigurationError where it is neither.
    """
    if settings.transport != "auto":
        return settings.transport, "as configured"
    if settings.auth == "x509":
        found = "it has a certificate" if settings.cert_file else ""
        missing = "it has no cert_file and key_file"
    else:
        found = next((said for names, said in _CREDENTIALS if all(environment.get(each) for each in names)), "")
        missing = "the environment names no AWS credentials"
    if found:
        return "mqtt", f"auto, {found}"
    if is_inside(environment):
        return "greengrass", f"auto, {missing} and the nucleus is there"
    problem = (
        f"sinks.{name}.transport: auto finds no way to IoT Core: {missing}, and this is no Greengrass component; "
        "give cert_file and key_file, or auth: sigv4 and AWS credentials, or write transport: mqtt or greengrass"
    )
    raise ConfigurationError([problem])


class Chosen:
    """A sink that says which transport was chosen for it and why: in the log when it is opened, and when probed."""

    def __init__(self, name: str, sink: Sink, transport: Transport, reason: str) -> None:
        self.max_age_s = sink.max_age_s
        self._name = name
        self._sink = sink
        self._transport = transport
        self._reason = reason

    async def open(self) -> None:
        """Open the sink."""
        structlog.get_logger(sink=self._name).info("way to IoT Core", transport=self._transport, reason=self._reason)
        await self._sink.open()

    async def write(self, batch: Batch) -> Receipt:
        """Write to the sink."""
        return await self._sink.write(batch)

    async def probe(self) -> str:
        """Probe the sink."""
        return f"transport {self._transport} ({self._reason}): {await self._sink.probe()}"

    async def close(self) -> None:
        """Close the sink."""
        await self._sink.close()
