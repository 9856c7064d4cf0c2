"""What an audit finds: numbers for each hour, and the values that are not as they should be."""

from collections import Counter
from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import Any, TypeVar

from msgspec import Struct, field

from pibridge.delivery.verdict import Verdict
from pibridge.model.event import Event

_Key = TypeVar("_Key")


class What(StrEnum):
    """What is wrong with a value."""

    MISSING = "missing"
    """PI has it, the journal has not, and it is not owed."""
    EDITED = "edited"
    """PI has another value at its time than the journal."""
    DELETED = "deleted"
    """The journal has it, PI's archive had it and has it no more."""
    CHANGED = "changed"
    """Since an earlier audit values are gone from PI's archive, and it cannot be told which."""
    ABSENT = "absent"
    """The sink has acknowledged it, and its files do not have it."""


class Finding(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One value. `pi`: what PI's archive has; `journal`: what the journal has, `seq` its place there."""

    what: What
    tag: str
    path: str
    ts: str
    pi: Any = None
    journal: Any = None
    sink: str = ""
    seq: int = 0


class SinkCount(Struct):
    """What became of the journal's events at a sink. `withheld`: by key of the filter. `absent`: not in its files.

    `looked_at_rest`: whether its files were read.
    """

    verdicts: dict[Verdict, int] = field(default_factory=dict)
    withheld: dict[str, int] = field(default_factory=dict)
    absent: int = 0
    looked_at_rest: bool = False

    def add(self, other: "SinkCount") -> None:
        """Take another count in."""
        self.verdicts = _sum(self.verdicts, other.verdicts)
        self.withheld = _sum(self.withheld, other.withheld)
        self.absent += other.absent
        self.looked_at_rest |= other.looked_at_rest


class Count(Struct):
    """Numbers of values, of some tags and a stretch of time.

    `archived`: PI's archive has; `journaled`: the journal has, as it stands after edits and deletions. `only_here`: the
    journal has and PI's archive has not, as PI's compression discarded them. `owed`: in a gap that is being read.
    `unread`: tags that PI should have given. `not_compared`: tags of which the journal no longer has that time.
    """

    tags: int = 0
    archived: int = 0
    journaled: int = 0
    only_here: int = 0
    owed: int = 0
    missing: int = 0
    edited: int = 0
    deleted: int = 0
    changed: int = 0
    unread: int = 0
    not_compared: int = 0
    sinks: dict[str, SinkCount] = field(default_factory=dict)

    @property
    def unexplained(self) -> int:
        """Give how many values are not as they should be."""
        absent = sum(sink.absent for sink in self.sinks.values())
        return self.missing + self.edited + self.deleted + self.changed + absent

    def add(self, other: "Count") -> None:
        """Take another count in; of tags the greatest number counts."""
        for name in ("tags", "unread", "not_compared"):
            setattr(self, name, max(getattr(self, name), getattr(other, name)))
        for name in ("archived", "journaled", "only_here", "owed", "missing", "edited", "deleted", "changed"):
            setattr(self, name, getattr(self, name) + getattr(other, name))
        for name, count in other.sinks.items():
            self.sinks.setdefault(name, SinkCount()).add(count)


class Mend(Struct):
    """What would bring all in line. `spans`: by tag, from when to when PI's archive is to be read again.

    `deletions`: what is to be told of what is gone. `absent`: by sink, what is to be sent again: the time of each
    position.
    """

    spans: dict[int, tuple[int, int]] = field(default_factory=dict)
    deletions: list[Event] = field(default_factory=list)
    absent: dict[str, dict[int, int]] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return bool(self.spans or self.deletions or self.absent)

    def read_again(self, number: int, times: Iterable[int]) -> None:
        """Have PI's archive read again around these times."""
        known = self.spans.get(number)
        moments = [*times, *(known or ())]
        if moments:
            self.spans[number] = min(moments), max(moments)

    def add(self, other: "Mend") -> None:
        """Take in what else is to be mended."""
        for number, span in other.spans.items():
            self.read_again(number, span)
        self.deletions += other.deletions
        for name, times in other.absent.items():
            self.absent.setdefault(name, {}).update(times)


def _sum(one: Mapping[_Key, int], other: Mapping[_Key, int]) -> dict[_Key, int]:
    return dict(Counter(one) + Counter(other))
