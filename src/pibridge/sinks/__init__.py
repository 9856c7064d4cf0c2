"""Where records go: one module a sink, all behind the one contract."""

from typing import Final

from pibridge.errors import ConfigurationError
from pibridge.sinks.contract import Sink
from pibridge.sinks.file import FileSink
from pibridge.sinks.formats import FORMATS
from pibridge.sinks.iot_core import build_iot_core
from pibridge.sinks.settings import FileSettings, IotCoreSettings, MqttSettings, S3Settings, SinkSettings

BUILT: Final = ("file", "s3", "iot_core", "mqtt")
"""Types of the sinks that this version has."""


def build(name: str, settings: SinkSettings, site: str) -> Sink:
    """Make the sink called `name` in the configuration, without connecting it. Raises ConfigurationError."""
    if isinstance(settings, (FileSettings, S3Settings)) and settings.format not in FORMATS:
        raise ConfigurationError(
            [f"sinks.{name}.format: {settings.format} is not built in this version; it has {', '.join(FORMATS)}"]
        )
    match settings:
        case FileSettings():
            return FileSink(settings)
        case S3Settings():
            # Loads awscrt, which not every sink needs.
            from pibridge.sinks.s3 import S3Sink  # noqa: PLC0415

            return S3Sink(name, settings, site)
        case IotCoreSettings():
            return build_iot_core(name, settings, site)
        case MqttSettings():
            from pibridge.sinks.mqtt import mqtt_sink  # noqa: PLC0415 - loads awscrt, too

            return mqtt_sink(name, settings, site)
        case _:
            raise ConfigurationError(
                [f"sinks.{name}.type: {settings.type} is not built in this version; it has {', '.join(BUILT)}"]
            )
