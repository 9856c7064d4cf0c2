"""Time as PI has it: whole ticks of 100 ns since 1970-01-01T00:00:00Z (negative before)."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Final

import msgspec

PER_SECOND = 10_000_000
FOREVER = 2_534_023_008_000_000_000 - 1
"""The last tick of the year 9999, which PI writes for "not ended yet"."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_TICKS_OF_DIGITS: Final[tuple[int, ...]] = tuple(10 ** (7 - digits) for digits in range(8))
"""How many ticks the last of so many fractional digits counts."""


def parse(text: str) -> int:
    """Give the ticks of an ISO 8601 time with `Z` or an offset; more than 7 fractional digits are cut.

    Raises ValueError for what is no time.
    """
    start_ticks = _second_start(text[:19])
    if start_ticks is None or text[-1] != "Z":
        return _parse_any(text)
    digits = text[20:-1]
    if not digits:
        return start_ticks
    try:
        return start_ticks + int(digits) * _TICKS_OF_DIGITS[len(digits)]
    except IndexError:
        return start_ticks + int(digits[:7])


def render(ticks: int) -> str:
    """Give the time as UTC with `Z` and always seven fractional digits."""
    seconds, fraction = divmod(ticks, PER_SECOND)
    return f"{_second_text(seconds)}.{fraction:07d}Z"


def render_all(moments: Sequence[int]) -> list[str]:
    """Give many times, each as `render` does."""
    if not moments or min(moments) < PER_SECOND:
        return [render(ticks) for ticks in moments]
    # The last seven digits are the fraction; all numbers are written at once.
    texts = msgspec.json.encode(moments).decode()[1:-1].split(",")
    return [f"{_text_of_seconds(text[:-7])}{text[-7:]}Z" for text in texts]


def day(ticks: int) -> str:
    """Give the UTC day, YYYY-MM-DD."""
    return _second_text(ticks // PER_SECOND)[:10]


def from_seconds(seconds: float) -> int:
    """Give the ticks of a duration or a Unix time in seconds."""
    return round(seconds * PER_SECOND)


@lru_cache(maxsize=4096)
def _second_start(text: str) -> int | None:
    """Give the ticks of `YYYY-MM-DDTHH:MM:SS`, None for what is written otherwise."""
    if text[10:11] != "T":
        return None
    moment = datetime.fromisoformat(text).replace(tzinfo=UTC)
    return ((moment - _EPOCH) // timedelta(seconds=1)) * PER_SECOND


@lru_cache(maxsize=4096)
def _second_text(seconds: int) -> str:
    return (_EPOCH + timedelta(seconds=seconds)).isoformat()[:19]


@lru_cache(maxsize=4096)
def _text_of_seconds(digits: str) -> str:
    return f"{_second_text(int(digits))}."


def _parse_any(text: str) -> int:
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError(f"a time without a zone: {text!r}")
    # datetime keeps six digits; the seventh is read from the text.
    ticks = ((moment - _EPOCH) // timedelta(microseconds=1)) * 10
    digits = text.partition(".")[2]
    return ticks + int(digits[6]) if len(digits) > 6 and digits[:7].isdecimal() else ticks  # noqa: PLR2004
