"""Where records go: one module a sink, all behind the one contract."""

from typing import Final

from pibridge.errors import ConfigurationError
from pibridge.sinks import parquet
from pibridge.sinks.contract import Sink
from pibridge.sinks.file import FileSink
from pibridge.sinks.formats import PARQUET
from pibridge.sinks.settings import FileSettings, S3Settings, SinkSettings

BUILT: Final = ("file", "s3")
"""Types of the sinks that this version has."""


def build(name: str, settings: SinkSettings, site: str) -> Sink:
    """Make the sink called `name` in the configuration, without connecting it. Raises ConfigurationError."""
    if isinstance(settings, (FileSettings, S3Settings)) and settings.format == PARQUET and not parquet.is_installed():
        raise ConfigurationError(
            [f"sinks.{name}.format: parquet needs pyarrow, which is not installed; pip install 'pibridge[parquet]'"]
        )
    match settings:
        case FileSettings():
            return FileSink(settings)
        case S3Settings():
            # Loads awscrt, which only this sink needs.
            from pibridge.sinks.s3 import S3Sink  # noqa: PLC0415

            return S3Sink(name, settings, site)
        case _:
            raise ConfigurationError(
                [f"sinks.{name}.type: {settings.type} is not built in this version; it has {', '.join(BUILT)}"]
            )
