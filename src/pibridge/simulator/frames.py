"""The event frames of the plant's batches: pure functions of time, computed when they are asked for."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Final, NamedTuple
from uuid import UUID

from msgspec import Struct

from pibridge.model.ticks import FOREVER, PER_SECOND
from pibridge.simulator import recipes, times, webid
from pibridge.simulator.brewing import Unit
from pibridge.simulator.recipes import Batch, Detail, Step
from pibridge.simulator.samples import NO_DATA
from pibridge.simulator.servers import AF, guid
from pibridge.simulator.tree import PLANT, Attribute, Element, database_identity

_VARIANT: Final = 1 << 63
"""The first bits of the second half of a GUID say how it is laid out."""
_DERIVED: Final = {"Unit Batch": {"F2": "Fermenter Batch"}}
"""The vessel whose frames have a template of their own."""
_TYPES: Final = {str: "String", float: "Double", int: "Int32", bool: "Boolean", dict: "EnumerationValue"}


class Frame(Struct, frozen=True, kw_only=True):
    """An event frame. `end_ticks`: in the last second of the year 9999 while it is open.

    `above`: the path of its parent, empty at the root. `sources`: what the batch system tells of each of its batches
    in it. `acknowledged_by`: empty if nobody has.
    """

    id: UUID
    name: str
    template: str = ""
    start_ticks: int
    end_ticks: int = FOREVER
    parent: UUID | None = None
    above: str = ""
    elements: tuple[Element, ...] = ()
    details: dict[str, Detail] = {}
    severity: str = "None"
    categories: tuple[str, ...] = ("OSIBatch",)
    description: str = ""
    sources: dict[str, str] = {}
    can_be_acknowledged: bool = False
    acknowledged_by: str = ""

    @property
    def is_open(self) -> bool:
        """Whether it has not ended yet."""
        return self.end_ticks > FOREVER - PER_SECOND

    @property
    def path(self) -> str:
        r"""`\\AF1\Plant\EventFrames[Name]`, with the names of the frames below that. Others may have the same."""
        return rf"{self.above}\{self.name}" if self.above else _root_path(self.name)

    @property
    def identity(self) -> webid.Identity:
        """Who it is, for its WebIDs."""
        return webid.Identity(webid.EVENT_FRAME, (AF.guid, self.id), self.path)

    @property
    def attributes(self) -> list[Attribute]:
        """Its attributes. What is captured at its end is No Data until then."""
        return [self._attribute(name, detail) for name, detail in self.details.items()]

    def _attribute(self, name: str, detail: Detail) -> Attribute:
        waits = detail.at_end and self.is_open
        return Attribute(
            name=name,
            owner=self,
            type=_TYPES.get(type(detail.value), "Anything"),
            type_qualifier="Results" if isinstance(detail.value, dict) else "",
            unit=detail.unit,
            formula_text="[captured at the end]" if detail.at_end else "",
            static=NO_DATA if waits else detail.value,
            static_ticks=(self.start_ticks if waits else self.end_ticks) if detail.at_end else 0,
            step=True,
            categories=("Report" if detail.at_end else "Recipe",),
        )


class Kind(NamedTuple):
    """What is known of a frame before it is made."""

    template: str
    is_root: bool


Wanted = Callable[[Kind], bool]
"""Whether frames of that kind are asked for at all."""


@dataclass(frozen=True, eq=False)
class _Line:
    """All batches of one kind in one vessel. `heads`: the first halves of the ids of its steps."""

    unit: Unit
    element: Element
    steps: tuple[Step, ...]
    kinds: tuple[Kind, ...]
    heads: tuple[bytes, ...]

    def batch(self, number: int) -> Batch:
        return Batch(self.unit, self.steps, number)

    def id(self, number: int, index: int) -> UUID:
        return UUID(bytes=self.heads[index] + (_VARIANT | number).to_bytes(8, "big"))

    def frame(self, batch: Batch, index: int, now: int) -> Frame:
        """Give the frame of a step of a batch, as it stands at `now`."""
        return _frame(self, batch.number, index, is_open=batch.end(self.steps[index]) > now)

    def made(self, batch: Batch, index: int, *, is_open: bool) -> Frame:
        """Give the frame of a step of a batch while it is open, or after."""
        step = self.steps[index]
        is_root = step.parent is None
        start, end = batch.start(step), FOREVER if is_open else batch.end(step)
        ended = "" if is_open else times.text(end)
        return Frame(
            id=self.id(batch.number, index),
            name=step.name or batch.id,
            template=self.kinds[index].template,
            start_ticks=start,
            end_ticks=end,
            parent=None if step.parent is None else self.id(batch.number, step.parent),
            above=self._above(step, batch.id),
            elements=() if is_root else self._elements(step),
            details=recipes.details(batch, step),
            severity="Information" if batch.is_test else "None",
            sources=recipes.source(batch, times.text(start), ended) if is_root else {},
            can_be_acknowledged=is_root and batch.is_test,
        )

    def _above(self, step: Step, batch_id: str) -> str:
        names: list[str] = []
        while step.parent is not None:
            step = self.steps[step.parent]
            names.insert(0, step.name or batch_id)
        return "\\".join((_root_path(names[0]), *names[1:])) if names else ""

    def _elements(self, step: Step) -> tuple[Element, ...]:
        modules = self.element.elements if step.template.startswith("Phase") else []
        return (self.element, *modules)


class Batches:
    """The frames of all batches in these vessels (element by unit) that began at `since_ticks` or later.

    An id is made of what the frame is and of the number of its cycle, so that it can be read again.
    """

    def __init__(self, vessels: Mapping[Unit, Element], since_ticks: int) -> None:
        self._since = since_ticks
        self._lines = [
            _line(unit, element, steps)
            for unit, element in vessels.items()
            for steps in (recipes.MAKING, recipes.CLEANING)
        ]
        self._places = {head: (line, index) for line in self._lines for index, head in enumerate(line.heads)}

    def between(self, low: int, high: int, now: int, wanted: Wanted) -> Iterator[Frame]:
        """Give the wanted frames that were open at some time of the range, parents before children."""
        low, high = max(low, self._since), min(high, now)
        for line in self._lines:
            chosen = [index for index, kind in enumerate(line.kinds) if wanted(kind)]
            if not chosen:
                continue
            cycle = line.unit.cycle_ticks
            # A batch may end in the cycle after its own.
            for batch in map(line.batch, range(min(low, now) // cycle - 2, high // cycle + 1)):
                if batch.start(line.steps[0]) < self._since:
                    continue
                for index in chosen:
                    end = batch.end(line.steps[index])
                    if batch.start(line.steps[index]) <= high and (end >= low or end > now):
                        yield line.frame(batch, index, now)

    def find(self, frame_id: UUID, now: int) -> Frame | None:
        """Give the frame of that id if it has begun."""
        place = self._place(frame_id, now)
        return place.line.frame(place.batch, place.index, now) if place else None

    def below(self, frame_id: UUID, now: int) -> Iterator[Frame]:
        """Give the frames that are part of the one of that id and have begun."""
        if place := self._place(frame_id, now):
            for index, step in enumerate(place.line.steps):
                if step.parent == place.index and place.batch.start(step) <= now:
                    yield place.line.frame(place.batch, index, now)

    def _place(self, frame_id: UUID, now: int) -> "_Place | None":
        line, index = self._places.get(frame_id.bytes[:8], (None, 0))
        number = int.from_bytes(cycle_of(frame_id), "big") ^ _VARIANT
        if line is None or number > now // line.unit.cycle_ticks:
            return None
        batch = line.batch(number)
        has_begun = batch.start(line.steps[0]) >= self._since and batch.start(line.steps[index]) <= now
        return _Place(line, batch, index) if has_begun else None


@dataclass(frozen=True)
class _Place:
    line: _Line
    batch: Batch
    index: int


def cycle_of(frame_id: UUID) -> bytes:
    """Give what the ids of all frames of a batch have in common."""
    return frame_id.bytes[8:]


def _line(unit: Unit, element: Element, steps: tuple[Step, ...]) -> _Line:
    derived = {name: names[unit.name] for name, names in _DERIVED.items() if unit.name in names}
    kinds = tuple(Kind(derived.get(step.template, step.template), step.parent is None) for step in steps)
    name = "making" if steps is recipes.MAKING else "cleaning"
    heads = tuple(guid(f"frame {unit.name} {name} {index}").bytes[:8] for index in range(len(steps)))
    return _Line(unit, element, steps, kinds, heads)


@lru_cache(maxsize=4096)
def _frame(line: _Line, number: int, index: int, *, is_open: bool) -> Frame:
    return line.made(line.batch(number), index, is_open=is_open)


def _root_path(name: str) -> str:
    return rf"{database_identity(PLANT).path}\EventFrames[{name}]"
