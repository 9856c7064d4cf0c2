"""The files that a configuration names: read with it, so that what is wrong is known before PI is asked."""

from collections.abc import Iterator
from pathlib import Path

from pibridge.config.settings import Configuration
from pibridge.context.assets import mappings
from pibridge.context.settings import AssetMapping
from pibridge.errors import ConfigurationError
from pibridge.model.table import decode_table
from pibridge.pi import points_file
from pibridge.pi.settings import PointSelect


def asset_mappings(configuration: Configuration) -> list[AssetMapping]:
    """Give the mapping of points onto assets: the lines of `assets_file`, then `assets`. Raises ConfigurationError."""
    file = configuration.context.assets_file
    if file is None:
        return list(configuration.context.assets)
    try:
        data = Path(file).read_bytes()
    except OSError as error:
        raise ConfigurationError(
            [f"context.assets_file: cannot read {file}: {error.strerror}; name a readable CSV file"]
        ) from error
    name = f"context.assets_file {file}"
    return [*mappings(decode_table(data, name), name), *configuration.context.assets]


def problems_in_files(configuration: Configuration) -> Iterator[str]:
    """Give what is wrong with the files, a line each."""
    for name, stream in configuration.streams.items():
        if isinstance(stream.select, PointSelect) and stream.select.points_file is not None:
            try:
                points_file.read(stream.select.points_file)
            except ConfigurationError as error:
                yield from (f"streams.{name}.select.{problem}" for problem in error.problems)
    try:
        asset_mappings(configuration)
    except ConfigurationError as error:
        yield from error.problems
