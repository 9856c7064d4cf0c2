"""Parquet files are made of finished JSON lines, by a short-lived process that alone carries pyarrow."""

import asyncio
import importlib.util
import os
import sys
from typing import Final

from pibridge.errors import UnavailableError

_PROGRAM: Final = ("-P", "-m", "pibridge.sinks.columns")


def is_installed() -> bool:
    """Tell whether pyarrow is there; it is not loaded."""
    return importlib.util.find_spec("pyarrow") is not None


async def convert(lines: int, into: int) -> None:
    """Write the records of one open file into another, both given by their descriptors.

    `lines`: has the format `jsonl.zst`, is read from its start. `into`: is empty. Raises UnavailableError.
    """
    os.lseek(lines, 0, os.SEEK_SET)
    try:
        process = await asyncio.create_subprocess_exec(
            sys.executable, *_PROGRAM, stdin=lines, stdout=into, stderr=asyncio.subprocess.PIPE
        )
    except OSError as error:
        raise UnavailableError(f"cannot start a process: {error.strerror}", hint="free some memory") from error
    try:
        _, said = await process.communicate()
    except asyncio.CancelledError:
        process.kill()
        await process.wait()
        raise
    if process.returncode:
        reason = said.decode(errors="replace").strip().rpartition("\n")[2] or f"ended with {process.returncode}"
        raise UnavailableError(
            f"cannot make a Parquet file: {reason}", hint="free some memory and disk space; it is tried again by itself"
        )
