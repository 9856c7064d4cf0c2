"""What goes from a sink's folder: files that were never completed, and complete ones that are too old."""

import re
from collections.abc import Collection
from pathlib import Path
from typing import Final

from pibridge.model.event import Lane
from pibridge.sinks.formats import FORMATS

_DAYS: Final = "dt=????-??-??"
_LANES: Final = "|".join(Lane)
_FORMATS: Final = "|".join(map(re.escape, FORMATS))
_UNFINISHED: Final = re.compile(rf"(?:{_LANES})-\d+\.(?:{_FORMATS})\.part")
_COMPLETE: Final = re.compile(rf"(?:{_LANES}|replay-\w+)-\d+-\d+\.(?:{_FORMATS})")


def remove_unfinished(folder: Path, spared: Collection[Path]) -> None:
    """Remove what an interrupted run left. `spared`: what is being written now. Raises OSError."""
    for path in folder.glob(f"{_DAYS}/*.part"):
        if _UNFINISHED.fullmatch(path.name) and path not in spared:
            path.unlink(missing_ok=True)


def remove_older(folder: Path, before_s: float) -> int:
    """Remove complete files last written before this Unix time, and folders of days that are empty then.

    Files with other names stay. Gives the number of files removed. Raises OSError.
    """
    removed = 0
    for day in folder.glob(_DAYS):
        files = list(day.iterdir())
        old = [path for path in files if _COMPLETE.fullmatch(path.name) and path.stat().st_mtime < before_s]
        for path in old:
            path.unlink()
        if len(old) == len(files):
            day.rmdir()
        removed += len(old)
    return removed
