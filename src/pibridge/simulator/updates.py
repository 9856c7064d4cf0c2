"""Stream updates: the streams that users have registered, and what is new of each since a marker."""

from dataclasses import dataclass
from typing import Final
from uuid import uuid4

from pibridge.model.ticks import PER_SECOND
from pibridge.simulator.edits import Action, Edit
from pibridge.simulator.plant import Plant
from pibridge.simulator.points import Point
from pibridge.simulator.reading import Stream
from pibridge.simulator.samples import Sample

_IDLE: Final = 15 * 60 * PER_SECOND
_NONE, _ARCHIVED, _DISCARDED = "None", "PreviousEventArchived", "PreviousEventDiscarded"
_ACTIONS: Final = {Action.INSERT: "Add", Action.REPLACE: "Update", Action.DELETE: "Delete"}


class MarkerError(Exception):
    """A marker that stands for nothing, or for what is no longer kept."""


@dataclass(frozen=True)
class Told:
    """One change as it is told. `previous`: what became of the snapshot before it."""

    action: str
    previous: str
    sample: Sample


@dataclass(frozen=True)
class Position:
    """How far a stream has been told. `count`: the number in its marker. `last`: the snapshot that was told last."""

    count: int
    ticks: int
    edit: int
    last: Sample


class Registration:
    """One stream for which updates are kept: from where its marker stands, and from one marker before."""

    def __init__(self, stream: Stream, point: Point, plant: Plant, now: int, looked: float) -> None:
        self.stream = stream
        self.key = uuid4().hex
        self.looked = looked
        self._point = point
        self._plant = plant
        start = Position(0, now, plant.edit_count, plant.current(point, now))
        self._before, self._latest = start, start

    @property
    def marker(self) -> str:
        """What to ask with next."""
        return f"{self.key}_{self._latest.count}"

    def since(self, marker: str, now: int, *, repeats: bool) -> list[Told]:
        """Give what is new since a marker, and move on. `repeats`: take the marker before the last one too.

        MarkerError: it is another one.
        """
        kept = [self._latest, self._before] if repeats else [self._latest]
        position = next((each for each in kept if marker == f"{self.key}_{each.count}"), None)
        if position is None:
            raise MarkerError(marker)
        told, last = self._changes(position, now)
        self._before = position
        self._latest = Position(position.count + len(told), max(now, position.ticks), self._plant.edit_count, last)
        return told

    def _changes(self, position: Position, now: int) -> tuple[list[Told], Sample]:
        arrived: list[tuple[int, Sample | Edit]] = [
            (sample.ticks, sample) for sample in self._plant.arrivals(self._point, position.ticks, now)
        ]
        arrived += [(edit.at_ticks, edit) for edit in self._plant.edits_after(self._point, position.edit)]
        arrived.sort(key=lambda change: change[0])
        last = position.last
        archived = self._archived(last.ticks, now) if arrived else {}
        told = []
        for _, change in arrived:
            action, sample = (_ACTIONS[change.action], change.sample) if isinstance(change, Edit) else ("Add", change)
            previous = _NONE
            if action == "Add" and sample.ticks < last.ticks:
                action = "Update"  # behind newer ones
            if action == "Add":
                previous = _ARCHIVED if last in archived.get(last.ticks, ()) else _DISCARDED
                last = sample
            told.append(Told(action, previous, sample))
        return told, last

    def _archived(self, start: int, now: int) -> dict[int, list[Sample]]:
        archived: dict[int, list[Sample]] = {}
        for sample in self._plant.archive(self._point, start, now, now):
            archived.setdefault(sample.ticks, []).append(sample)
        return archived


class Cache:
    """The registrations of one user. `looked`: when, on the clock of the faults, the user last asked for updates."""

    def __init__(self, now: int, looked: float) -> None:
        self.touched_ticks = now
        self.looked = looked
        self._by_path: dict[str, Registration] = {}
        self._by_key: dict[str, Registration] = {}

    def of_stream(self, stream: Stream) -> Registration | None:
        """Give the registration of a stream."""
        return self._by_path.get(stream.path)

    def of_marker(self, marker: str) -> Registration | None:
        """Give the registration that a marker speaks of."""
        return self._by_key.get(marker.partition("_")[0])

    def add(self, registration: Registration) -> None:
        """Take a registration on."""
        self._by_path[registration.stream.path] = self._by_key[registration.key] = registration

    def remove(self, registration: Registration) -> None:
        """Forget a registration."""
        del self._by_path[registration.stream.path], self._by_key[registration.key]


class Caches:
    """The caches of all users, in memory. One that nobody has asked for 15 minutes is gone."""

    def __init__(self) -> None:
        self._of_user: dict[str | None, Cache] = {}

    def find(self, user: str | None, now: int) -> Cache | None:
        """Give the user's cache and keep it alive; None if there is none any more."""
        cache = self._of_user.get(user)
        if cache is not None and now - cache.touched_ticks > _IDLE:
            cache = None
            self.drop(user)
        if cache is not None:
            cache.touched_ticks = now
        return cache

    def make(self, user: str | None, now: int, looked: float) -> Cache:
        """Give the user a new cache."""
        cache = self._of_user[user] = Cache(now, looked)
        return cache

    def drop(self, user: str | None) -> None:
        """Lose the user's cache."""
        del self._of_user[user]

    def clear(self) -> None:
        """Lose all caches, as a restart does."""
        self._of_user.clear()
