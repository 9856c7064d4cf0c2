"""The event frames of one AF database as far as batches need them: what is part of what, and what refers to what."""

from collections.abc import Collection, Iterable, Iterator
from functools import lru_cache

from msgspec import Struct

from pibridge.context.batches import id_text
from pibridge.model.frame import Frame


class Known(Struct, frozen=True):
    """What matters of a frame. `elements`: in lower case. `ids`: by attribute in lower case, what may be a batch id."""

    id: str
    name: str
    template: str
    lineage: tuple[str, ...]
    start_ticks: int
    end_ticks: int
    parent: str
    elements: tuple[str, ...]
    ids: dict[str, str]


class FrameTree:
    """Frames by id, and their places in the tree.

    `templates`: of frames that are batches; `attributes`: those that hold batch ids; both in lower case. Parents may be
    unknown, or go in a circle; neither does harm.
    """

    def __init__(self, templates: Collection[str], attributes: Collection[str]) -> None:
        self._templates = frozenset(templates)
        self._attributes = frozenset(attributes)
        self._frames: dict[str, Known] = {}
        self._children: dict[str, set[str]] = {}
        self._batches: dict[str, set[str]] = {}

    def change(self, changed: Iterable[Frame], gone: Iterable[str]) -> set[str]:
        """Take frames that are new or other than before, and let go of those that are gone.

        Gives the elements, in lower case, for which any batch may be another now, be it in its levels or its root.
        """
        after: dict[str, Known | None] = {frame.id: self._known(frame) for frame in changed}
        after.update(dict.fromkeys(gone))
        after = {name: frame for name, frame in after.items() if self._frames.get(name) != frame}
        touched = self._touched(after)
        for name, frame in after.items():
            self._remove(name)
            if frame is not None:
                self._add(frame)
        return touched | self._touched(after)

    def speaking_for(self, elements: Iterable[str], template: str) -> list[Known]:
        """Give the frames with this template, or one derived from it, that refer to any of these elements."""
        names = {name for element in elements for name in self._batches.get(element, ())}
        return [frame for name in names if template in (frame := self._frames[name]).lineage]

    def get(self, name: str) -> Known | None:
        """Give a frame by its id; None: it is not known."""
        return self._frames.get(name)

    def root(self, frame: Known) -> Known:
        """Give the outermost frame known of which this one is part, itself if none is.

        In a circle of parents it is the last before the circle closes.
        """
        return [frame, *self._above(frame.id)][-1]

    def below(self, name: str) -> list[tuple[int, Known]]:
        """Give all frames that are part of this one, with their depth below it, the least deep first."""
        found: list[tuple[int, Known]] = []
        seen = {name}
        level = [name]
        depth = 0
        while level:
            depth += 1
            level = [child for parent in level for child in self._children.get(parent, ()) if child not in seen]
            seen.update(level)
            found += [(depth, self._frames[child]) for child in level]
        return found

    def forget_before(self, ticks: int) -> set[str]:
        """Let go of frames that had ended by then, but for those that later ones are part of.

        Gives what `change` gives.
        """
        kept = {name for name, frame in self._frames.items() if frame.end_ticks > ticks}
        for name in list(kept):
            kept.update(frame.id for frame in self._above(name))
        return self.change((), self._frames.keys() - kept)

    def _above(self, name: str) -> Iterator[Known]:
        seen = {name}
        here = self._frames.get(name)
        while here is not None and here.parent not in seen:
            seen.add(here.parent)
            here = self._frames.get(here.parent)
            if here is not None:
                yield here

    def _known(self, frame: Frame) -> Known:
        return Known(
            id=frame.id,
            name=frame.name,
            template=frame.template,
            lineage=_folded(frame.lineage),
            start_ticks=frame.start_ticks,
            end_ticks=frame.end_ticks,
            parent=frame.parent,
            elements=_folded(frame.elements),
            ids={
                folded: id_text(value)
                for name, value in frame.attributes.items()
                if (folded := name.casefold()) in self._attributes
            },
        )

    def _touched(self, names: Iterable[str]) -> set[str]:
        frames = {frame.id: frame for name in names for frame in self._around(name)}
        return {element for frame in frames.values() if self._is_batch(frame) for element in frame.elements}

    def _around(self, name: str) -> Iterator[Known]:
        """Give where a frame may show: in itself, as a level of those above it, as the root of those below it."""
        here = self._frames.get(name)
        if here is not None:
            yield here
            yield from self._above(name)
            yield from (frame for _, frame in self.below(name))

    def _is_batch(self, frame: Known) -> bool:
        return not self._templates.isdisjoint(frame.lineage)

    def _add(self, frame: Known) -> None:
        self._frames[frame.id] = frame
        if frame.parent:
            self._children.setdefault(frame.parent, set()).add(frame.id)
        if self._is_batch(frame):
            for element in frame.elements:
                self._batches.setdefault(element, set()).add(frame.id)

    def _remove(self, name: str) -> None:
        frame = self._frames.pop(name, None)
        if frame is None:
            return
        _discard(self._children, frame.parent, name)
        for element in frame.elements:
            _discard(self._batches, element, name)


def _discard(index: dict[str, set[str]], key: str, name: str) -> None:
    names = index.get(key)
    if names is not None:
        names.discard(name)
        if not names:
            del index[key]


@lru_cache(maxsize=4096)
def _folded(texts: tuple[str, ...]) -> tuple[str, ...]:
    """Give the texts in lower case; one tuple for all frames of a unit keeps thousands of frames small."""
    return tuple(text.casefold() for text in texts)
