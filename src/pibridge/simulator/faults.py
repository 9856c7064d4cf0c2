"""Faults: what goes wrong, where, when and how often. The grammar is in docs/simulator.md."""

import itertools
import math
import re
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final

from pibridge.errors import PIBridgeError

_UNITS: Final = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}
_DURATION: Final = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h)?")


class Kind(StrEnum):
    """What can go wrong."""

    STATUS = "status"
    RESET = "reset"
    HANG = "hang"
    SLOW = "slow"
    TRUNCATE = "truncate"
    HTML = "html"
    WEB_EXCEPTION = "web-exception"
    PASSWORD = "password"  # noqa: S105 - the name of a fault
    VALUE_ERROR = "value-error"
    STREAM_ERROR = "stream-error"
    NAN = "nan"
    TEXT_BOOLEANS = "text-booleans"
    DROP_CHANNEL = "drop-channel"
    STALL = "stall"
    SILENCE = "silence"
    NO_HEARTBEAT = "no-heartbeat"
    REORDER = "reorder"
    DUPLICATE = "duplicate"
    BIG_MESSAGE = "big-message"
    BURST = "burst"
    LOST_REGISTRATIONS = "lost-registrations"
    SIGNUP_UPDATED = "signup-updated"
    SIGNUP_REMOVED = "signup-removed"


ON_REQUEST: Final = (Kind.STATUS, Kind.RESET, Kind.HANG, Kind.SLOW, Kind.TRUNCATE, Kind.HTML, Kind.WEB_EXCEPTION)
ON_VALUES: Final = (Kind.VALUE_ERROR, Kind.NAN, Kind.TEXT_BOOLEANS)
_SIGNUPS: Final = frozenset({Kind.SIGNUP_UPDATED, Kind.SIGNUP_REMOVED})
_OF_TAGS: Final = frozenset({*ON_VALUES, Kind.STREAM_ERROR, Kind.BURST, *_SIGNUPS})
_MOMENTARY: Final = frozenset(
    {Kind.DROP_CHANNEL, Kind.SILENCE, Kind.BIG_MESSAGE, Kind.BURST, Kind.LOST_REGISTRATIONS, *_SIGNUPS}
)
"""Kinds that happen at an instant unless `for` stretches them; the others last until they are removed."""
_DEFAULTS: Final = {
    Kind.SLOW: "5",
    Kind.WEB_EXCEPTION: "500",
    Kind.NAN: "text",
    Kind.DROP_CHANNEL: "abort",
    Kind.BIG_MESSAGE: "5000000",
    Kind.BURST: "10000",
}
_NUMERIC: Final = frozenset({Kind.STATUS, Kind.SLOW, Kind.WEB_EXCEPTION, Kind.BIG_MESSAGE, Kind.BURST})
_CHOICES: Final = {
    Kind.NAN: ("text", "bare"),
    Kind.DROP_CHANNEL: ("abort", "fin", "1001", "1011"),
}
_TIMES: Final = ("count", "after", "for", "every")


class FaultError(PIBridgeError):
    """A fault that cannot be understood."""


@dataclass
class Fault:
    """One fault. Times in seconds, `begin` on the clock of `Faults`. `left`: how often it may act, None: always."""

    number: int
    text: str
    kind: Kind
    value: str
    begin: float
    path: str = ""
    tag: str = ""
    method: str = ""
    left: int | None = None
    after_s: float = 0.0
    for_s: float | None = None
    every_s: float | None = None
    acted: int = 0

    @property
    def number_value(self) -> float:
        """The value as a number."""
        return float(self.value)

    def active(self, now: float) -> bool:
        """Say whether it lasts at this time."""
        since = now - self.begin - self.after_s
        if since < 0 or self.left == 0:
            return False
        if self.for_s is None:
            return self.kind not in _MOMENTARY
        return (since % self.every_s if self.every_s else since) < self.for_s

    def strikes(self, since: float, now: float) -> bool:
        """Say whether it lasts at `now`, or one of its instants lies after `since` and not after `now`."""
        if self.left == 0:
            return False
        if self.kind not in _MOMENTARY or self.for_s is not None:
            return self.active(now)
        first = self.begin + self.after_s
        if self.every_s is None:
            return since < first <= now
        latest = first + math.floor((now - first) / self.every_s) * self.every_s
        return latest >= first and since < latest <= now

    def concerns(self, path: str = "", tag: str = "", method: str = "") -> bool:
        """Say whether it speaks of this request or tag."""
        return (
            self.path.lower() in path.lower()
            and self.tag.lower() in tag.lower()
            and self.method.upper() in ("", method.upper())
        )

    def take(self) -> None:
        """Count one act."""
        self.acted += 1
        if self.left is not None:
            self.left -= 1


@dataclass
class Faults:
    """The faults in force. `clock`: seconds that only grow."""

    clock: Callable[[], float] = time.monotonic
    _faults: dict[int, Fault] = field(default_factory=dict)
    _numbers: Iterable[int] = field(default_factory=lambda: itertools.count(1))

    def add(self, text: str) -> Fault:
        """Take on a fault, `kind=value@key=value,…`; its times count from now. FaultError says what is wrong."""
        fault = parse(text, next(iter(self._numbers)), self.clock())
        self._faults[fault.number] = fault
        return fault

    def remove(self, number: int) -> bool:
        """Take a fault away. False: there is none of that number."""
        return self._faults.pop(number, None) is not None

    def clear(self) -> None:
        """Take all faults away."""
        self._faults.clear()

    def listed(self) -> list[Fault]:
        """Give all faults, the oldest first."""
        return list(self._faults.values())

    def request(self, method: str, path: str) -> Fault | None:
        """Give the fault that this request meets, and count it."""
        return self._first(ON_REQUEST, lambda fault: fault.concerns(path=path, method=method))

    def password(self) -> str | None:
        """Give the password that is valid in place of all others."""
        fault = self._first((Kind.PASSWORD,), lambda _: True)
        return fault.value if fault else None

    def channel(self, kind: Kind, since: float, path: str) -> Fault | None:
        """Give the fault of that kind that a channel meets between two looks, and count it."""
        now = self.clock()
        for fault in self._faults.values():
            if fault.kind is kind and fault.path.lower() in path.lower() and fault.strikes(since, now):
                fault.take()
                return fault
        return None

    def on_tag(self, kind: Kind, since: float, path: str) -> Fault | None:
        """Give the fault of that kind that this tag meets between two looks, and count it."""
        now = self.clock()
        for fault in self._faults.values():
            if fault.kind is kind and fault.concerns(tag=path) and fault.strikes(since, now):
                fault.take()
                return fault
        return None

    def stream_error(self, path: str) -> bool:
        """Say whether this stream fails as a whole in a set."""
        return self._first((Kind.STREAM_ERROR,), lambda fault: fault.concerns(tag=path)) is not None

    def values(self, path: str, items: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """Give the values of a stream as the faults leave them."""
        if not items or not self._faults:
            return items
        for kind in ON_VALUES:
            fault = self._first((kind,), lambda fault: fault.concerns(tag=path))
            if fault:
                items = [_spoil(fault, item) for item in items]
        return items

    def written(self, data: bytes) -> bytes:
        """Give the text of an answer as the faults leave it: a bare NaN is no JSON that a library would write."""
        return data.replace(f'"{BARE_NAN}"'.encode(), b"NaN") if self._faults else data

    def _first(self, kinds: tuple[Kind, ...], fits: Callable[[Fault], bool]) -> Fault | None:
        if not self._faults:
            return None
        now = self.clock()
        for fault in self._faults.values():
            if fault.kind in kinds and fault.active(now) and fits(fault):
                fault.take()
                return fault
        return None


BARE_NAN: Final = "\ue000NaN\ue000"
"""Stands for a NaN without quotes until the text of the answer is written."""


def _spoil(fault: Fault, item: dict[str, Any]) -> dict[str, Any]:
    if fault.kind is Kind.VALUE_ERROR:
        errors = [{"FieldName": "Value", "Message": ["The simulated value could not be read."]}]
        return {**item, "Value": None, "Good": False, "Errors": errors}
    if fault.kind is Kind.NAN:
        is_number = isinstance(item["Value"], (int, float))
        return {**item, "Value": (BARE_NAN if fault.value == "bare" else "NaN") if is_number else item["Value"]}
    return {name: str(value).lower() if isinstance(value, bool) else value for name, value in item.items()}


def parse(text: str, number: int, now: float) -> Fault:
    """Read `drop-channel=1001@after=10s,every=30s`. FaultError names what is wrong and what is allowed."""
    head, _, tail = text.strip().partition("@")
    name, given, value = head.partition("=")
    try:
        kind = Kind(name.strip())
    except ValueError:
        raise FaultError(f"{text!r}: unknown fault {name!r}", hint=f"one of {', '.join(Kind)}") from None
    options = dict(_option(text, part, _keys(kind)) for part in tail.split(",") if part.strip())
    value = value.strip() if given else _DEFAULTS.get(kind, "")
    _check_value(text, kind, value)
    fault = Fault(
        number,
        text,
        kind,
        value,
        now,
        path=options.get("path", ""),
        tag=options.get("tag", ""),
        method=options.get("method", ""),
        left=_count(text, options.get("count")),
        after_s=_seconds(text, options.get("after", "0")),
        for_s=_seconds(text, options["for"]) if "for" in options else None,
        every_s=_seconds(text, options["every"]) if "every" in options else None,
    )
    if fault.every_s is not None and (fault.every_s <= 0 or (kind not in _MOMENTARY and fault.for_s is None)):
        raise FaultError(f"{text!r}: `every` needs a time above 0, and `for` to say how long {kind} lasts each time")
    return fault


def _keys(kind: Kind) -> tuple[str, ...]:
    if kind in ON_REQUEST:
        return ("path", "method", *_TIMES)
    if kind is Kind.PASSWORD:
        return _TIMES
    return ("tag" if kind in _OF_TAGS else "path", *_TIMES)


def _option(text: str, part: str, keys: tuple[str, ...]) -> tuple[str, str]:
    key, given, value = part.partition("=")
    if key.strip() not in keys or not given or not value.strip():
        raise FaultError(f"{text!r}: cannot read {part.strip()!r}", hint=f"key=value, keys {', '.join(keys)}")
    return key.strip(), value.strip()


def _check_value(text: str, kind: Kind, value: str) -> None:
    if kind in _CHOICES and value not in _CHOICES[kind]:
        raise FaultError(f"{text!r}: {kind} cannot be {value!r}", hint=f"one of {', '.join(_CHOICES[kind])}")
    if kind in _NUMERIC and not re.fullmatch(r"\d+(\.\d+)?", value):
        raise FaultError(f"{text!r}: {kind} needs a number", hint=f"for example {kind}={_DEFAULTS.get(kind, '503')}")
    if kind is Kind.PASSWORD and not value:
        raise FaultError(f"{text!r}: say the new password", hint="password=NEW")


def _count(text: str, value: str | None) -> int | None:
    if value is None:
        return None
    if not value.isdecimal():
        raise FaultError(f"{text!r}: count is a whole number, not {value!r}")
    return int(value)


def _seconds(text: str, value: str) -> float:
    match = _DURATION.fullmatch(value)
    if match is None:
        raise FaultError(f"{text!r}: {value!r} is no duration", hint="250ms, 10s, 5m, 1h")
    return float(match[1]) * _UNITS[match[2] or "s"]
