"""Records of the journal as a file: JSON lines, plain or compressed, or Parquet."""

import asyncio
import os
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryFile
from typing import BinaryIO, Final

from pibridge.context.record import json_lines
from pibridge.errors import ConfigurationError
from pibridge.inspection.records import Passage
from pibridge.sinks import parquet
from pibridge.sinks.formats import FORMATS, PARQUET, gathered, open_format

_LINES: Final = "jsonl"


def format_of(path: Path) -> str:
    """Give the format that a file's name asks for. Raises ConfigurationError."""
    found = next((name for name in FORMATS if path.name.endswith(f".{name}")), None)
    if found is None:
        raise ConfigurationError([f"{path}: its name tells no format; let it end in .{', .'.join(FORMATS)}"])
    if found == PARQUET and not parquet.is_installed():
        raise ConfigurationError([f"{path}: Parquet needs pyarrow; pip install 'pibridge[parquet]'"])
    return found


def write_lines(passage: Passage, into: BinaryIO, name: str = _LINES) -> Iterator[None]:
    """Write all records as lines in a format of `LINE_FORMATS`, a chunk for each step."""
    encoder = open_format(name)
    for records in passage.all():
        into.write(encoder.encode(json_lines(records)))
        yield
    into.write(encoder.finish())


def write_file(passage: Passage, path: Path) -> Generator[None, None, None]:
    """Write all records into a new file, a chunk for each step. It has its name only when it is whole.

    Raises ConfigurationError: it is there already, or cannot be.
    """
    name = format_of(path)
    with _appearing(path) as file:
        if name != PARQUET:
            yield from write_lines(passage, file, name)
            return
        with TemporaryFile(dir=path.parent, prefix=".pibridge-") as lines:
            yield from write_lines(passage, lines, gathered(PARQUET))
            lines.flush()
            asyncio.run(parquet.convert(lines.fileno(), file.fileno()))


@contextmanager
def _appearing(path: Path) -> Iterator[BinaryIO]:
    part = path.with_name(f"{path.name}.part")
    if path.exists():
        raise ConfigurationError([f"{path} is there already; name a new file with --output"])
    try:
        with part.open("wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    except OSError as error:
        raise ConfigurationError([f"{path} cannot be written: {error.strerror}; name another file"]) from error
    finally:
        part.unlink(missing_ok=True)
