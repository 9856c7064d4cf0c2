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
_DIGITS: Final = 7
_REMEMBERED_SECONDS: Final = 4096


def parse(text: str) -> int:
    """Give the ticks of an ISO 8601 time with `Z` or an offset; more than 7 fractional digits are cut.

    Raises ValueError for what is no time.
    """
    start_ticks = _seconds[text[:19]]
    if start_ticks is None or text[-1] != "Z":
        return _parse_any(text)
    digits = text[20:-1]
    if len(digits) == _DIGITS:
        return start_ticks + int(digits)
    return start_ticks + int(digits[:_DIGITS].ljust(_DIGITS, "0"))


def render(ticks: int) -> str:
    """Give the time as UTC with `Z` and always seven fractional digits."""
    seconds, fraction = divmod(ticks, PER_SECOND)
    return f"{_second_text(seconds)}.{fraction:07d}Z"


def render_all(moments: Sequence[int]) -> list[str]:
    """Give many times, each as `render` does."""
    if not moments:
        return []
    # All fractions are written at once, each with a 1 before its digits.
    fractions = msgspec.json.encode([ticks % PER_SECOND + PER_SECOND for ticks in moments]).decode()
    return [
        f"{_second_text(ticks // PER_SECOND)}.{digits}Z"
        for ticks, digits in zip(moments, fractions[2:-1].split(",1"), strict=True)
    ]


def day(ticks: int) -> str:
    """Give the UTC day, YYYY-MM-DD."""
    return _second_text(ticks // PER_SECOND)[:10]


def from_seconds(seconds: float) -> int:
    """Give the ticks of a duration or a Unix time in seconds."""
    return round(seconds * PER_SECOND)


class _Seconds(dict[str, int | None]):
    """The ticks of `YYYY-MM-DDTHH:MM:SS`, None for what is written otherwise; as many as were asked for lately."""

    def __missing__(self, text: str) -> int | None:
        if len(self) >= _REMEMBERED_SECONDS:
            self.clear()
        self[text] = start_ticks = _second_start(text)
        return start_ticks


_seconds: Final = _Seconds()


def _second_start(text: str) -> int | None:
    if text[10:11] != "T":
        return None
    moment = datetime.fromisoformat(text).replace(tzinfo=UTC)
    return ((moment - _EPOCH) // timedelta(seconds=1)) * PER_SECOND


@lru_cache(maxsize=_REMEMBERED_SECONDS)
def _second_text(seconds: int) -> str:
    return (_EPOCH + timedelta(seconds=seconds)).isoformat()[:19]


def _parse_any(text: str) -> int:
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError(f"a time without a zone: {text!r}")
    # datetime keeps six digits; the seventh is read from the text.
    ticks = ((moment - _EPOCH) // timedelta(microseconds=1)) * 10
    digits = text.partition(".")[2]
    return ticks + int(digits[6]) if len(digits) > 6 and digits[:7].isdecimal() else ticks  # noqa: PLR2004
