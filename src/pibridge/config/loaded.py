"""A configuration together with what the files say that it names."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Self

from pibridge.config.files import asset_mappings
from pibridge.config.settings import Configuration
from pibridge.context.settings import AssetMapping
from pibridge.errors import ConfigurationError
from pibridge.pi import points_file
from pibridge.pi.points_file import PointRow
from pibridge.pi.settings import PointSelect, TlsSettings

_SHOWN_DIGITS = 12


@dataclass(frozen=True)
class Loaded:
    """All that a daemon is told, at one moment.

    `hash`: the beginning of the SHA-256 of the text it was read from. `points`: the lines of `points_file` by stream.
    `certificates`: changes with the files of `pi.tls`.
    """

    configuration: Configuration
    hash: str
    assets: Sequence[AssetMapping]
    points: Mapping[str, Sequence[PointRow]]
    certificates: str

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
            _certificates(configuration.pi.tls),
        )


def _certificates(tls: TlsSettings) -> str:
    """Give what changes with any of the files: one of them holds a key, which is not kept."""
    together = sha256()
    for key, file in (("ca_file", tls.ca_file), ("cert_file", tls.cert_file), ("key_file", tls.key_file)):
        if file is None:
            continue
        try:
            together.update(sha256(file.read_bytes()).digest())
        except OSError as error:
            raise ConfigurationError(
                [f"pi.tls.{key}: cannot read {file}: {error.strerror}; make it readable for the daemon"]
            ) from error
    return together.hexdigest()
