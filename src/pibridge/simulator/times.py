"""PI's times: the grid on which they are stored, their text, and the time strings of requests."""

import calendar
import re
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Final

from pibridge.model import ticks as clock_ticks
from pibridge.model.ticks import PER_SECOND

_GRID: Final = 65536
_UNIX: Final = datetime(1970, 1, 1, tzinfo=UTC)
_UNIT_SECONDS: Final = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0, "w": 604800.0}
_INTERVAL: Final = re.compile(r"\s*(\d*\.?\d+)\s*(ms|mo|[smhdwy])\s*", re.IGNORECASE)
_RELATIVE: Final = re.compile(
    r"(?P<base>.*?)\s*(?P<sign>[+-])(?P<interval>\s*\d*\.?\d+\s*(?:ms|mo|[smhdwy])\s*)", re.IGNORECASE
)
_CLOCK_SPAN: Final = re.compile(r"(\d+):(\d{2})(?::(\d{2}(?:\.\d+)?))?")
_WEEKDAYS: Final = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_MONTHS: Final = (
    "january",
    "february",
    "march",
    "april",
    "may",
    "june",
    "july",
    "august",
    "september",
    "october",
    "november",
    "december",
)
_SHORTEST_NAME: Final = 3
_LAST_DAY: Final = 31
_FIRST_YEAR: Final = 1970
_MONTHS_IN_YEAR: Final = 12
_FIRST_TICKS: Final = -62_135_596_800 * PER_SECOND
"""The first tick of the year 1."""


def on_grid(ticks: int) -> int:
    """Give the first time that PI can store at or after `ticks`: PI keeps 1/65536 s."""
    second, fraction = divmod(ticks, PER_SECOND)
    step = -(-fraction * _GRID // PER_SECOND)
    return second * PER_SECOND + step * PER_SECOND // _GRID


def text(ticks: int) -> str:
    """Give the ISO 8601 text that PI Web API prints: UTC, 0 to 7 fractional digits without trailing zeros."""
    return clock_ticks.render(ticks)[:-1].rstrip("0").rstrip(".") + "Z"


def parse_interval(value: str) -> int:
    """Give the ticks of a fixed span: `10s`, `1.5h`, `2w`, `0:10:00`. A month is 30 days. ValueError if none."""
    if match := _CLOCK_SPAN.fullmatch(value.strip()):
        seconds = int(match[1]) * 3600 + int(match[2]) * 60 + float(match[3] or 0)
        return clock_ticks.from_seconds(seconds)
    match = _INTERVAL.fullmatch(value)
    if match is None:
        raise ValueError(f"not a time interval: {value!r}")
    unit = match[2].lower()
    seconds = {"mo": 30 * 86400.0, "y": 365 * 86400.0}.get(unit) or _UNIT_SECONDS[unit]
    return clock_ticks.from_seconds(float(match[1]) * seconds)


def parse(value: str, now: int, zone: tzinfo = UTC) -> int:
    """Give the ticks of a PI time string: `*`, `*-1d`, `t`, `y+8h`, a weekday, a month, a day, a year, ISO 8601.

    Texts without a zone are in `zone`. ValueError if it is none.
    """
    value = value.strip().strip("'\"").strip()
    try:
        return _date(value, now, zone)
    except ValueError:
        match = _RELATIVE.fullmatch(value)
        if match is None:
            raise
    base = _date(match["base"], now, zone)
    ticks = _shift(base, 1 if match["sign"] == "+" else -1, match["interval"], zone)
    if not _FIRST_TICKS <= ticks <= clock_ticks.FOREVER:
        raise ValueError(f"no calendar has this time: {value!r}")
    return ticks


def _date(value: str, now: int, zone: tzinfo) -> int:
    if value in ("", "*"):
        return now
    midnight = _local(now, zone).replace(hour=0, minute=0, second=0, microsecond=0)
    for read in (_named_day, _number):
        found = read(value.lower(), midnight)
        if found is not None:
            return _ticks(found)
    return _iso(value, midnight, zone)


def _named_day(word: str, midnight: datetime) -> datetime | None:
    if word in ("t", "today"):
        return midnight
    if word in ("y", "yesterday"):
        return midnight - timedelta(days=1)
    if len(word) < _SHORTEST_NAME:
        return None
    for number, name in enumerate(_WEEKDAYS):
        if name.startswith(word):
            return midnight - timedelta(days=(midnight.weekday() - number) % 7)
    for number, name in enumerate(_MONTHS, start=1):
        if name.startswith(word):
            return midnight.replace(month=number)
    return None


def _number(word: str, midnight: datetime) -> datetime | None:
    if not word.isdecimal():
        return None
    if int(word) <= _LAST_DAY:
        return midnight.replace(day=int(word))
    if int(word) >= _FIRST_YEAR:
        return midnight.replace(year=int(word))
    return None


def _iso(value: str, midnight: datetime, zone: tzinfo) -> int:
    if re.fullmatch(r"\d{1,2}:\d{2}(:\d{2})?", value):
        return _ticks(midnight) + parse_interval(value)
    # A year, a month, a day and T: shorter ISO forms (week dates) are no .NET times.
    if not re.match(r"\d{4}-\d{2}-\d{2}", value):
        raise ValueError(f"not a time: {value!r}")
    try:
        return clock_ticks.parse(value)
    except ValueError:
        moment = datetime.fromisoformat(value)
        if moment.tzinfo is not None:
            raise
        fraction = value.partition(".")[2][:7].ljust(7, "0")
        return _ticks(moment.replace(microsecond=0, tzinfo=zone)) + int(fraction)


def _shift(base: int, sign: int, interval: str, zone: tzinfo) -> int:
    match = _INTERVAL.fullmatch(interval)
    if match is None or match[2].lower() not in ("mo", "y"):
        return base + sign * parse_interval(interval)
    months = sign * round(float(match[1]) * (_MONTHS_IN_YEAR if match[2].lower() == "y" else 1))
    moment = _local(base, zone)
    year, month = divmod(moment.year * _MONTHS_IN_YEAR + moment.month - 1 + months, _MONTHS_IN_YEAR)
    day = min(moment.day, calendar.monthrange(year, month + 1)[1])
    return _ticks(moment.replace(year=year, month=month + 1, day=day)) + base % 10


def _local(ticks: int, zone: tzinfo) -> datetime:
    return (_UNIX + timedelta(microseconds=ticks // 10)).astimezone(zone)


def _ticks(moment: datetime) -> int:
    return ((moment - _UNIX) // timedelta(microseconds=1)) * 10
