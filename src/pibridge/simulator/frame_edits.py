"""The event frames as they stand: those of the plant's batches, and what people and systems did to them since."""

from collections.abc import Callable, Iterator, Mapping
from itertools import chain
from typing import Any
from uuid import UUID

from msgspec.structs import replace

from pibridge.model.ticks import FOREVER
from pibridge.simulator.frames import Batches, Frame, Wanted, cycle_of
from pibridge.simulator.recipes import Detail
from pibridge.simulator.servers import guid

_Seen = dict[UUID, Frame | None]
"""Frames as they stand, by the id that they came into the world with."""


class Frames:
    """All event frames. Frames made here are there at once, wherever they lie in time; nothing is kept on disk.

    A frame that is edited keeps what was not: an open one that gets another name still ends when its batch does.
    Methods that change raise KeyError for an id that there is not, ValueError for what cannot be.
    """

    def __init__(self, batches: Batches, clock: Callable[[], int]) -> None:
        self._batches = batches
        self._clock = clock
        # A frame is known here by the id that it began with, whatever id it has now.
        self._made: dict[UUID, Frame] = {}
        self._changes: dict[UUID, dict[str, Any]] = {}
        self._ids: dict[UUID, UUID | None] = {}
        self._first_ids: dict[UUID, UUID] = {}
        self._merged: dict[UUID, UUID] = {}
        self._count = 0

    def between(self, low: int, high: int, wanted: Wanted = lambda _: True) -> Iterator[Frame]:
        """Give the frames that were open at some time of the range. Some that are not wanted may be among them."""
        now = self._clock()
        seen: _Seen = {}
        touched = {cycle_of(first) for first in (*self._changes, *self._ids)}
        for frame in self._batches.between(low, high, now, wanted):
            if cycle_of(frame.id) not in touched:
                yield frame
            elif frame.id not in self._changes and (settled := self._settle(frame, now, seen)):
                yield settled
        for settled in self._touched(now, seen):
            if settled.start_ticks <= high and settled.end_ticks >= low:
                yield settled

    def find(self, frame_id: UUID) -> Frame | None:
        """Give the frame of that id."""
        first = self._first_ids.get(frame_id, frame_id)
        frame = self._standing(first, self._clock(), {})
        return frame if frame and frame.id == frame_id else None

    def at(self, path: str) -> list[Frame]:
        """Give the frames at that path, whatever its case: names are not unique."""
        root, bracket, rest = path.upper().partition("]")
        found = [
            frame
            for frame in self.between(0, FOREVER, lambda kind: kind.is_root)
            if frame.parent is None and frame.path.upper() == root + bracket
        ]
        for name in filter(None, rest.split("\\")):
            found = [child for frame in found for child in self.below(frame) if child.name.upper() == name]
        return found

    def below(self, frame: Frame) -> list[Frame]:
        """Give the frames that are part of this one."""
        now = self._clock()
        seen: _Seen = {}
        first = self._first_ids.get(frame.id, frame.id)
        absorbed = [each for each in self._merged if self._stands_for(each) == first]
        born = chain.from_iterable(self._batches.below(each, now) for each in (first, *absorbed))
        settled = (self._settle(each, now, seen) for each in born if each.id not in self._changes)
        children = chain(settled, self._touched(now, seen))
        return [child for child in children if child and child.parent == frame.id]

    def create(
        self, *, name: str, parent: UUID | None = None, attributes: Mapping[str, Any] | None = None, **fields: Any
    ) -> UUID:
        """Make a frame, with the fields of Frame, values by name in place of `details`; it begins now if not said."""
        fields = {"start_ticks": self._clock(), **fields}
        _check_times(fields["start_ticks"], fields.get("end_ticks", FOREVER))
        frame = Frame(
            id=self._new_id(),
            name=name,
            parent=parent and self._first_id(parent),
            details={name: Detail(value) for name, value in (attributes or {}).items()},
            **fields,
        )
        self._made[frame.id] = frame
        return frame.id

    def change(self, frame_id: UUID, *, attributes: Mapping[str, Any] | None = None, **fields: Any) -> UUID:
        """Change fields of a frame; of the attributes only those that are named."""
        first = self._first_id(frame_id)
        frame = self._get(frame_id)
        _check_times(fields.get("start_ticks", frame.start_ticks), fields.get("end_ticks", frame.end_ticks))
        changes = self._changes.setdefault(first, {})
        changes.update(fields)
        changes["attributes"] = {**changes.get("attributes", {}), **(attributes or {})}
        return frame_id

    def close(self, frame_id: UUID, end_ticks: int | None = None) -> UUID:
        """End a frame: now, if not said. What is part of it goes on."""
        return self.change(frame_id, end_ticks=self._clock() if end_ticks is None else end_ticks)

    def delete(self, frame_id: UUID) -> UUID:
        """Remove a frame, and with it what is part of it."""
        self._ids[self._first_id(frame_id)] = None
        return frame_id

    def recreate(self, frame_id: UUID) -> UUID:
        """Remove a frame with all that is part of it, and make them anew: the same with other ids. Gives the new id."""
        for child in self.below(self._get(frame_id)):
            self.recreate(child.id)
        first = self._first_id(frame_id)
        anew = self._new_id()
        self._ids[first] = anew
        self._first_ids[anew] = first
        return anew

    def merge(self, frame_id: UUID, into: UUID) -> UUID:
        """Make two frames one: the other one spans both and takes over what was part of this one, which is gone."""
        gone, kept = self._get(frame_id), self._get(into)
        above: Frame | None = kept
        while above is not None:
            if above.id == gone.id:
                raise ValueError("a frame cannot become part of itself")
            above = self.find(above.parent) if above.parent else None
        elements = dict.fromkeys((*kept.elements, *gone.elements))
        fields: dict[str, Any] = {"elements": tuple(elements), "sources": {**kept.sources, **gone.sources}}
        if gone.start_ticks < kept.start_ticks:
            fields["start_ticks"] = gone.start_ticks
        if gone.end_ticks > kept.end_ticks:
            fields["end_ticks"] = gone.end_ticks
        self.change(into, **fields)
        self._merged[self._first_id(frame_id)] = self._first_id(into)
        self.delete(frame_id)
        return into

    def _get(self, frame_id: UUID) -> Frame:
        frame = self.find(frame_id)
        if frame is None:
            raise KeyError(f"there is no event frame {frame_id}")
        return frame

    def _first_id(self, frame_id: UUID) -> UUID:
        self._get(frame_id)
        return self._first_ids.get(frame_id, frame_id)

    def _new_id(self) -> UUID:
        self._count += 1
        return guid(f"frame {self._count} of {self._clock()}")

    def _touched(self, now: int, seen: _Seen) -> Iterator[Frame]:
        for first in {**self._made, **self._changes}:
            if frame := self._standing(first, now, seen):
                yield frame

    def _standing(self, first: UUID, now: int, seen: _Seen) -> Frame | None:
        if first not in seen:
            born = self._made.get(first) or self._batches.find(first, now)
            seen[first] = self._settle(born, now, seen) if born else None
        return seen[first]

    def _settle(self, born: Frame, now: int, seen: _Seen) -> Frame | None:
        """Give a frame with its changes and below its present parent; None if it is gone, or its parent is."""
        current = self._ids.get(born.id, born.id)
        if current is None:
            return None
        frame = self._changed(born) if born.id in self._changes else born
        parent = frame.parent and self._standing(self._stands_for(frame.parent), now, seen)
        if frame.parent and not parent:
            return None
        if parent and (frame.parent, frame.above) != (parent.id, parent.path):
            frame = replace(frame, parent=parent.id, above=parent.path)
        return replace(frame, id=current) if current != frame.id else frame

    def _changed(self, born: Frame) -> Frame:
        changes = dict(self._changes[born.id])
        values = changes.pop("attributes")
        details = dict(born.details)
        for name, value in values.items():
            known = details.get(name, Detail(value))
            details[name] = Detail(value, known.unit, known.at_end)
        return replace(born, details=details, **changes)

    def _stands_for(self, first: UUID) -> UUID:
        while first in self._merged:
            first = self._merged[first]
        return first


def _check_times(start_ticks: int, end_ticks: int) -> None:
    if end_ticks < start_ticks:
        raise ValueError("an event frame cannot end before it starts")
