"""How records lie in a file or an object, and what it is called."""

import zlib
from collections.abc import Callable
from typing import Final, Protocol

import zstandard

from pibridge.sinks.contract import Bounds

_BLOCK_BYTES: Final = 64 << 10
_GZIP: Final = 16 + zlib.MAX_WBITS
_GZIP_LEVEL: Final = 6
_ZSTD_LEVEL: Final = 3


class Encoder(Protocol):
    """Turns the lines of one file into its bytes; the same lines give the same bytes, however they are parted."""

    def encode(self, lines: bytes) -> bytes:
        """Take more lines. Gives the bytes that are ready, none while a compressor gathers."""
        ...

    def finish(self) -> bytes:
        """Give the last bytes. Nothing may be encoded after it."""
        ...


class _Lines:
    def encode(self, lines: bytes) -> bytes:
        return lines

    def finish(self) -> bytes:
        return b""


class _Compressor(Protocol):
    def compress(self, data: bytes, /) -> bytes: ...
    def flush(self) -> bytes: ...


class _CompressedLines:
    def __init__(self, compressor: _Compressor) -> None:
        self._compressor = compressor
        self._waiting = bytearray()

    def encode(self, lines: bytes) -> bytes:
        # What a compressor writes may depend on how it is fed: blocks of one size make it depend on the lines alone.
        waiting = self._waiting
        waiting += lines
        end = len(waiting) - len(waiting) % _BLOCK_BYTES
        ready = [
            self._compressor.compress(bytes(waiting[start : start + _BLOCK_BYTES]))
            for start in range(0, end, _BLOCK_BYTES)
        ]
        del waiting[:end]
        return b"".join(ready)

    def finish(self) -> bytes:
        rest = self._compressor.compress(bytes(self._waiting))
        self._waiting.clear()
        return rest + self._compressor.flush()


def _gzip() -> Encoder:
    # zlib's own gzip header has no time in it.
    return _CompressedLines(zlib.compressobj(_GZIP_LEVEL, zlib.DEFLATED, _GZIP))


def _zstd() -> Encoder:
    return _CompressedLines(zstandard.ZstdCompressor(level=_ZSTD_LEVEL, write_checksum=True).compressobj())


_ENCODERS: Final[dict[str, Callable[[], Encoder]]] = {"jsonl": _Lines, "jsonl.gz": _gzip, "jsonl.zst": _zstd}

PARQUET: Final = "parquet"

LINE_FORMATS: Final = tuple(_ENCODERS)
"""Names of the formats that are written as records come."""

FORMATS: Final = (*LINE_FORMATS, PARQUET)
"""Names of all formats; a name is the file's extension too."""


def gathered(name: str) -> str:
    """Give the format in which records wait until a file of this format is complete."""
    return "jsonl.zst" if name == PARQUET else name


def open_format(name: str) -> Encoder:
    """Begin one file in a format of `LINE_FORMATS`. KeyError if it is none."""
    return _ENCODERS[name]()


def name_of(bounds: Bounds, extension: str) -> str:
    """Give the path of the file that holds these records, below the sink's folder or prefix."""
    return f"dt={bounds.day}/{stem_of(bounds)}.{extension}"


def stem_of(bounds: Bounds) -> str:
    """Give the name of the file that holds these records: what a replay sends never stands in an original's place."""
    origin = f"replay-{bounds.replay}" if bounds.replay else bounds.lane
    return f"{origin}-{bounds.first}-{bounds.last}"
