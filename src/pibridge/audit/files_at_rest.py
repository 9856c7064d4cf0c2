"""Which records the folder of a sink `file` holds, by their positions. Blocks."""

import gzip
import io
import re
import zlib
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Final

import msgspec
import zstandard
from msgspec import Struct

from pibridge.model.event import Lane
from pibridge.sinks.formats import FORMATS, PARQUET

_NAME: Final = re.compile(
    rf"(?:{'|'.join(Lane)}|replay-\w+)-(\d+)-(\d+)\.({'|'.join(map(re.escape, FORMATS))})", re.ASCII
)


class _Line(Struct):
    seq: int


_UNREADABLE: Final = (OSError, EOFError, ValueError, msgspec.MsgspecError, zlib.error, zstandard.ZstdError)

_read_line: Final = msgspec.json.Decoder(_Line).decode


def absent(folder: Path, wanted: Collection[int]) -> tuple[list[int], list[str]]:
    """Give which of these positions no complete file has, in order, and what could not be read: a line each."""
    lacking = set(wanted)
    problems = []
    if lacking:
        first, last = min(lacking), max(lacking)
        for path in sorted(folder.glob("dt=????-??-??/*")):
            name = _NAME.fullmatch(path.name)
            if name is None or int(name[2]) < first or int(name[1]) > last:
                continue
            try:
                lacking.difference_update(_positions(path, name[3]))
            except _UNREADABLE as error:
                problems.append(f"{path} cannot be read: {error}")
    return sorted(lacking), problems


def _positions(path: Path, extension: str) -> Iterator[int]:
    if extension == PARQUET:
        import pyarrow.parquet as pq  # noqa: PLC0415 - an extra, large

        yield from pq.read_table(path, columns=["seq"]).column("seq").to_pylist()
        return
    with path.open("rb") as file:
        for line in _lines(file, extension):
            yield _read_line(line).seq


def _lines(file: io.BufferedReader, extension: str) -> Iterator[bytes]:
    match extension.rpartition(".")[2]:
        case "gz":
            with gzip.open(file) as lines:
                yield from lines
        case "zst":
            reader = zstandard.ZstdDecompressor().stream_reader(file, read_across_frames=True)
            yield from io.BufferedReader(reader)
        case _:
            yield from file
