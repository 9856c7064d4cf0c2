"""Where records go: one module a sink, all behind the one contract."""

import os
from typing import Final

from pibridge.errors import ConfigurationError
from pibridge.sinks import parquet
from pibridge.sinks.contract import Sink
from pibridge.sinks.file import FileSink
from pibridge.sinks.formats import PARQUET
from pibridge.sinks.iot_core import build_iot_core
from pibridge.sinks.settings import (
    FileSettings,
    GreengrassLocalSettings,
    IotCoreSettings,
    KinesisSettings,
    MqttSettings,
    S3Settings,
    SinkSettings,
    SiteWiseSettings,
)

BUILT: Final = ("file", "s3", "iot_core", "mqtt", "greengrass_local", "sitewise", "kinesis")
"""Types of the sinks that this version has."""


def build(name: str, settings: SinkSettings, site: str) -> Sink:  # noqa: PLR0911 - one for each type
    """Make the sink called `name` in the configuration, without connecting it. Raises ConfigurationError."""
    if isinstance(settings, (FileSettings, S3Settings)) and settings.format == PARQUET and not parquet.is_installed():
        raise ConfigurationError(
            [f"sinks.{name}.format: parquet needs pyarrow, which is not installed; pip install 'pibridge[parquet]'"]
        )
    match settings:
        case FileSettings():
            return FileSink(settings)
        case S3Settings():
            # Loads awscrt, which not every sink needs.
            from pibridge.sinks.s3 import S3Sink  # noqa: PLC0415

            return S3Sink(name, settings, site)
        case IotCoreSettings():
            return build_iot_core(name, settings, site, os.environ)
        case MqttSettings():
            from pibridge.sinks.mqtt import mqtt_sink  # noqa: PLC0415 - loads awscrt, too

            return mqtt_sink(name, settings, site)
        case GreengrassLocalSettings():
            # Loads awsiotsdk, which only a Greengrass component needs.
            from pibridge.sinks.greengrass_local import build_greengrass_local  # noqa: PLC0415

            return build_greengrass_local(name, settings, site, os.environ)
        case SiteWiseSettings():
            # Loads aiobotocore, some 50 MB.
            from pibridge.sinks.sitewise.sink import SiteWiseSink  # noqa: PLC0415

            return SiteWiseSink(name, settings, site)
        case KinesisSettings():
            # Loads aiobotocore, too.
            from pibridge.sinks.kinesis import KinesisSink  # noqa: PLC0415

            return KinesisSink(name, settings, site)
