"""Parquet files are made of finished JSON lines, by a short-lived process that alone carries pyarrow."""

import asyncio
import importlib.util
import os
import sys
from tempfile import TemporaryFile
from typing import Final

from pibridge.errors import UnavailableError

_PROGRAM: Final = ("-P", "-m", "pibridge.sinks.parquet_writer")


def is_installed() -> bool:
    """Tell whether pyarrow is there; it is not loaded."""
    return importlib.util.find_spec("pyarrow") is not None


async def convert(lines: int, into: int) -> None:
    """Write the records of one open file into another, both given by their descriptors.

    `lines`: has the format `jsonl.zst`, is read from its start. `into`: is empty. Raises UnavailableError, OSError.
    """
    os.lseek(lines, 0, os.SEEK_SET)
    # No pipe: asyncio of 3.11 may wait for ever when it is cancelled while it connects one.
    with TemporaryFile(prefix="pibridge-") as errors:
        process = await asyncio.create_subprocess_exec(
            sys.executable, *_PROGRAM, stdin=lines, stdout=into, stderr=errors
        )
        try:
            code = await process.wait()
        except asyncio.CancelledError:
            process.kill()
            await process.wait()
            raise
        if code:
            errors.seek(0)
            said = errors.read().decode(errors="replace").strip().rpartition("\n")[2]
            raise UnavailableError(
                f"cannot make a Parquet file: {said or f'the process ended with {code}'}",
                hint="free some memory and disk space; it is tried again by itself",
            )
