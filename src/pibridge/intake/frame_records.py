"""What a stream of event frames tells: each frame's start, changes, end and deletion, once. Pure."""

from collections.abc import Iterable
from typing import Any, Final

from msgspec import Struct, msgpack

from pibridge.journal.facts import DropFact, Fact, FactChange
from pibridge.model import ticks
from pibridge.model.event import DELETE, END, START, UPDATE, Event
from pibridge.model.frame import Frame

KEPT_TICKS: Final = 2 * 86_400 * ticks.PER_SECOND
"""How long after a frame's end what was told of it is kept: longer than anybody looks back."""


class _Told(Struct, frozen=True):
    """A frame as it was when it was last told. `is_silent`: it was old when it was first seen, and was not told.

    `is_lost`: what was told may be lost, and is to be told again.
    """

    frame: Frame
    is_silent: bool = False
    is_lost: bool = False


_encode: Final = msgpack.Encoder().encode
_decode: Final = msgpack.Decoder(_Told).decode


Change = tuple[Event | None, FactChange]
"""What is to be told, if anything, and what is to be remembered."""


class FrameStream:
    """One stream. `number`: the journal's number of the tag that stands for it. `template`: empty for all.

    `known_from_ticks`: an unknown frame that ended before that is old, and stays untold. None until a day was looked at
    for the first time: then frames are old that had ended when the stream began, and they are remembered.
    """

    def __init__(self, name: str, number: int, template: str, known_from_ticks: int | None) -> None:
        self.name = name
        self.source = source_of(name)
        self._number = number
        self._template = template.casefold()
        self.known_from_ticks = known_from_ticks
        self.since_ticks = self._begun_ticks = 0
        self._told: dict[str, _Told] = {}

    @property
    def is_new(self) -> bool:
        """Whether the past is not known yet."""
        return self.known_from_ticks is None

    def begin(self, begun_ticks: int, since_ticks: int) -> None:
        """Tell what ended since `begun_ticks`, and what ended before that since `since_ticks`: nobody was told yet."""
        self._begun_ticks, self.since_ticks = begun_ticks, since_ticks

    @property
    def is_behind(self) -> bool:
        """Whether it is to be told of earlier time than it was."""
        return self.since_ticks < self._begun_ticks

    def know_from(self, start_ticks: int) -> None:
        """Note that all frames since then are known now, and told."""
        self._begun_ticks = self.since_ticks
        if self.known_from_ticks is None:
            self.known_from_ticks = start_ticks

    def tell(self, frame: Frame) -> Change | None:
        """Give what is new of a frame; None: nothing. It counts only once it is given to `remember`.

        A frame whose template is none of the stream's any more counts as deleted.
        """
        if not self._means(frame):
            return self.tell_gone(frame.id)
        told = self._told.get(frame.id)
        if told is not None and not self._is_owed(told) and content(told.frame) == content(frame):
            return None
        is_silent = told is None and self._is_old(frame)
        if is_silent and self.known_from_ticks is not None:
            return None
        fact = Fact(self.source, frame.id, _encode(_Told(frame, is_silent)))
        if is_silent:
            return None, fact
        if told is None or told.is_silent or told.is_lost:
            return self._event(frame, START if frame.is_open else END), fact
        return self._event(frame, END if told.frame.is_open and not frame.is_open else UPDATE), fact

    def tell_gone(self, frame_id: str) -> Change | None:
        """Give the deletion of a frame that PI has no longer; None: nothing is known of it."""
        told = self._told.get(frame_id)
        if told is None:
            return None
        return None if told.is_silent else self._event(told.frame, DELETE), DropFact(self.source, frame_id)

    def leave(self) -> list[DropFact]:
        """Give what need not be remembered any more when another core tells the stream."""
        return [DropFact(self.source, frame_id) for frame_id in self._told]

    def lose(self, start_ticks: int, end_ticks: int) -> list[Fact]:
        """Give what is to be remembered when the records of frames that started in this time may be lost."""
        return [
            Fact(self.source, frame_id, _encode(_Told(told.frame, is_lost=True)))
            for frame_id, told in self._told.items()
            if not told.is_silent and start_ticks <= told.frame.start_ticks <= end_ticks
        ]

    def remember(self, changes: Iterable[FactChange]) -> None:
        """Take in what has been written down."""
        for change in changes:
            if isinstance(change, Fact):
                self._told[change.id] = _decode(change.content)
            else:
                self._told.pop(change.id, None)

    def frames(self) -> dict[str, Frame]:
        """Give the frames that are remembered, by id."""
        return {frame_id: told.frame for frame_id, told in self._told.items()}

    def forget_before(self, ended_ticks: int) -> list[DropFact]:
        """Give what need not be remembered any more: frames that ended before this time. From now on they are old."""
        self.known_from_ticks = max(self.known_from_ticks or 0, ended_ticks)
        return [
            DropFact(self.source, frame_id)
            for frame_id, told in self._told.items()
            if told.frame.end_ticks < ended_ticks
        ]

    def _is_old(self, frame: Frame) -> bool:
        since = self.since_ticks if self.known_from_ticks is None else self.known_from_ticks
        return not frame.is_open and frame.end_ticks < since and not self._is_of_before(frame)

    def _is_owed(self, told: _Told) -> bool:
        return told.is_lost or (told.is_silent and self._is_of_before(told.frame))

    def _is_of_before(self, frame: Frame) -> bool:
        return self.since_ticks <= frame.end_ticks < self._begun_ticks

    def _means(self, frame: Frame) -> bool:
        return not self._template or self._template in frame.lineage

    def _event(self, frame: Frame, op: int) -> Event:
        return Event(self._number, frame.start_ticks, content(frame), op)


def source_of(stream: str) -> str:
    """Give the name under which the journal keeps what a stream told."""
    return f"told {stream}"


def begun_of(stream: str) -> str:
    """Give the name under which the journal keeps since when a stream is told here; 0: it is not."""
    return f"begun {stream}"


def since_of(stream: str) -> str:
    """Give the name under which the journal keeps since when it is to be told."""
    return f"since {stream}"


def content(frame: Frame) -> dict[str, Any]:
    """Give the record's `frame`; what says nothing is left out, but `end`, which is null for an open one."""
    fields: dict[str, Any] = {
        "id": frame.id,
        "web_id": frame.web_id,
        "name": frame.name,
        "template": frame.template,
        "path": frame.path,
        "start": ticks.render(frame.start_ticks),
        "end": None if frame.is_open else ticks.render(frame.end_ticks),
        "severity": frame.severity,
        "parent": frame.parent,
        "elements": list(frame.elements),
        "attributes": frame.attributes,
        "categories": list(frame.categories),
    }
    return {name: value for name, value in fields.items() if name == "end" or value not in ("", [], {})}
