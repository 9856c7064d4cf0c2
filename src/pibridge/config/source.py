"""Where the configuration comes from: a file, or an object in S3."""

from collections.abc import Hashable
from pathlib import Path
from typing import Protocol

from pibridge.errors import ConfigurationError

Version = Hashable
"""Differs when a text differs."""


class Source(Protocol):
    """A text that may change. All calls block."""

    @property
    def name(self) -> str:
        """What people call it."""
        ...

    def version(self) -> Version:
        """Give the present version. Cheap. Raises UnavailableError."""
        ...

    def read(self) -> tuple[str, Version]:
        """Give the text, and its version or an older one. Raises ConfigurationError, UnavailableError."""
        ...


class FileSource:
    """A file on this machine."""

    def __init__(self, name: str) -> None:
        self.name = name

    def version(self) -> Version:
        """Give what the file system says of it."""
        return signature(Path(self.name))

    def read(self) -> tuple[str, Version]:
        """Read it."""
        version = self.version()
        try:
            return Path(self.name).read_text(encoding="utf-8-sig"), version
        except OSError as problem:
            reason = problem.strerror or "cannot be read"
            raise ConfigurationError(
                [f"{self.name}: cannot read the configuration: {reason}; name a readable file"]
            ) from None
        except UnicodeDecodeError:
            raise ConfigurationError([f"{self.name}: is no UTF-8 text; save it as UTF-8"]) from None


def source_of(name: str) -> Source:
    """Give the source that `--config` names. Raises ConfigurationError."""
    if name.startswith("s3://"):
        # Loads awscrt, which only this source needs.
        from pibridge.config.s3_source import S3Source  # noqa: PLC0415

        return S3Source(name)
    return FileSource(name)


def signature(file: Path) -> Version:
    """Give what changes with each change of a file; None if there is none."""
    try:
        found = file.stat()
    except OSError:
        return None
    return found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns
