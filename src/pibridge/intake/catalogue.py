"""The tags that are read now, by the number that the journal gave them."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager

from pibridge.intake.arrivals import Arrivals
from pibridge.model.event import Event
from pibridge.model.tag import Tag


class Catalogue:
    """What live reading and history know together: whose WebID is whose, and who waits for which event."""

    def __init__(self) -> None:
        self._tags: dict[int, Tag] = {}
        self._read: set[int] = set()
        self._arrivals: dict[int, Arrivals] = {}
        self._spacing_ticks: dict[int, int] = {}

    def __contains__(self, number: int) -> bool:
        return number in self._read

    @property
    def numbers(self) -> list[int]:
        """The tags that are read."""
        return list(self._read)

    def tag(self, number: int) -> Tag:
        """Give the tag as it was last described, also when it is read no longer. KeyError: it never was."""
        return self._tags[number]

    def add(self, tags: Mapping[int, Tag]) -> None:
        """Read these from now on, or under a new description."""
        self._tags.update(tags)
        self._read.update(tags)

    def remove(self, numbers: Iterable[int]) -> None:
        """Read these no longer."""
        for number in numbers:
            self._read.discard(number)
            self._arrivals.pop(number, None)
            self._spacing_ticks.pop(number, None)

    def hear(self, numbers: Sequence[int], arrivals: Arrivals, spacing_ticks: int | None = None) -> None:
        """Say where the live events of these tags arrive. `spacing_ticks`: of the instants, if they are sampled."""
        self._arrivals.update(dict.fromkeys(numbers, arrivals))
        if spacing_ticks is not None:
            self._spacing_ticks.update(dict.fromkeys(numbers, spacing_ticks))

    def spacing_ticks(self, number: int) -> int | None:
        """Give how far apart the instants are at which a tag is sampled, None if it is not sampled."""
        return self._spacing_ticks.get(number)

    def present(self, number: int) -> Event | None:
        """Give PI's present value of a tag, if whoever reads it live keeps it."""
        arrivals = self._arrivals.get(number)
        return arrivals.present.get(number) if arrivals is not None else None

    @contextmanager
    def watching(self, numbers: Iterable[int]) -> Iterator[None]:
        """Note what arrives live of these tags, to `claim` what was recovered of them."""
        watching = {self._arrivals[number] for number in numbers if number in self._arrivals}
        for arrivals in watching:
            arrivals.watch()
        try:
            yield
        finally:
            for arrivals in watching:
                arrivals.unwatch()

    def claim(self, events: Iterable[Event]) -> list[Event]:
        """Of recovered events give those that did not arrive live meanwhile; those that do later are looked up."""
        by_arrivals: dict[Arrivals | None, list[Event]] = {}
        for event in events:
            by_arrivals.setdefault(self._arrivals.get(event.tag), []).append(event)
        return [
            fresh
            for arrivals, some in by_arrivals.items()
            for fresh in (some if arrivals is None else arrivals.claim(some))
        ]
