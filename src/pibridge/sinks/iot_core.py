"""Which way messages go to AWS IoT Core: by a connection of our own, or over the Greengrass nucleus."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Final, Literal

from pibridge.errors import ConfigurationError
from pibridge.sinks.contract import Sink
from pibridge.sinks.settings import IotCoreSettings

_CREDENTIALS: Final = (
    "AWS_ACCESS_KEY_ID",
    "AWS_CONTAINER_CREDENTIALS_FULL_URI",
    "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
    "AWS_PROFILE",
    "AWS_WEB_IDENTITY_TOKEN_FILE",
)


def build_iot_core(name: str, settings: IotCoreSettings, site: str) -> Sink:
    """Make the sink `name` without connecting it. Raises ConfigurationError."""
    if chosen_transport(settings, os.environ) == "mqtt":
        # Loads awscrt, which this transport needs.
        from pibridge.sinks.iot_mqtt import iot_mqtt_sink  # noqa: PLC0415

        return iot_mqtt_sink(name, settings, site, os.environ)
    why = "" if settings.transport == "greengrass" else ", which auto means here as no credentials for mqtt are there,"
    raise ConfigurationError([f"sinks.{name}.transport: greengrass{why} is not built in this version; it has mqtt"])


def chosen_transport(settings: IotCoreSettings, environ: Mapping[str, str]) -> Literal["mqtt", "greengrass"]:
    """Give the transport that is configured; `auto` is mqtt where there are credentials for it."""
    if settings.transport != "auto":
        return settings.transport
    if settings.auth == "x509":
        return "mqtt" if settings.cert_file is not None else "greengrass"
    # Without an endpoint there is nowhere to go with them: under Greengrass every component has a role's credentials.
    return "mqtt" if settings.endpoint is not None and _has_credentials(environ) else "greengrass"


def _has_credentials(environ: Mapping[str, str]) -> bool:
    """Tell whether AWS credentials are configured, without asking anybody on the network for them."""
    if any(environ.get(key) for key in _CREDENTIALS):
        return True
    file = environ.get("AWS_SHARED_CREDENTIALS_FILE")
    return (Path(file) if file else Path("~/.aws/credentials").expanduser()).is_file()
