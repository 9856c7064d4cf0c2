"""A configuration together with what the files say that it names."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Self

from pibridge.config.files import asset_mappings
from pibridge.config.settings import Configuration
from pibridge.context.settings import AssetMapping
from pibridge.errors import ConfigurationError
from pibridge.pi import points_file
from pibridge.pi.points_file import PointRow
from pibridge.pi.settings import PointSelect

_SHOWN_DIGITS = 12


@dataclass(frozen=True)
class Loaded:
    """All that a daemon is told, at one moment.

    `hash`: the beginning of the SHA-256 of the text it was read from. `points`: the lines of `points_file` by stream.
    `authorities`: the text of `pi.tls.ca_file`.
    """

    configuration: Configuration
    hash: str
    assets: Sequence[AssetMapping]
    points: Mapping[str, Sequence[PointRow]]
    authorities: str

    @classmethod
    def of(cls, configuration: Configuration, text: str = "") -> Self:
        """Read the files that the configuration names. Raises ConfigurationError."""
        return cls(
            configuration,
            sha256(text.encode()).hexdigest()[:_SHOWN_DIGITS] if text else "",
            asset_mappings(configuration),
            {
                name: points_file.read(stream.select.points_file)
                for name, stream in configuration.streams.items()
                if isinstance(stream.select, PointSelect) and stream.select.points_file is not None
            },
            _authorities(configuration.pi.tls.ca_file),
        )


def _authorities(file: os.PathLike[str] | None) -> str:
    if file is None:
        return ""
    try:
        return Path(file).read_text(encoding="utf-8", errors="replace")
    except OSError as error:
        raise ConfigurationError(
            [f"pi.tls.ca_file: cannot read {os.fspath(file)}: {error.strerror}; make it readable for the daemon"]
        ) from error
