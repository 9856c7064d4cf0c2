"""Which batch ran on an asset at a time, by event frames and by tags."""

import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Final

from pibridge.context.batches import (
    BEGINNING,
    END,
    BatchFields,
    Level,
    Span,
    batch_of_frame,
    batch_of_value,
    id_of_event,
    id_text,
)
from pibridge.context.course import Course, latest, levels
from pibridge.context.frame_tree import FrameTree, Known
from pibridge.context.settings import BatchRule
from pibridge.model.event import Event
from pibridge.model.frame import Frame
from pibridge.model.ticks import FOREVER, parse

_ATTRIBUTE: Final = "attribute:"
_WILDCARD: Final = re.compile(r"(\*\*|\*)")
_MEANING: Final = {"**": ".*", "*": "[^/]*"}
_ALWAYS_NONE: Final = Span(BEGINNING, END, None)


class _Rule:
    """A rule, ready to be asked. `source`: key of what it reads."""

    def __init__(self, name: str, rule: BatchRule) -> None:
        self.name = name
        parts = _WILDCARD.split(rule.assets.casefold())
        self.pattern = re.compile("".join(_MEANING.get(part) or re.escape(part) for part in parts), re.DOTALL)
        self.valid = re.compile(rule.valid or "")
        self.id = rule.id
        self.attribute = rule.id.removeprefix(_ATTRIBUTE).casefold() if rule.id.startswith(_ATTRIBUTE) else ""
        self.template = rule.event_frames.template.casefold() if rule.event_frames else ""
        self.source = (rule.event_frames.database if rule.event_frames else rule.tag or "").upper()

    def is_valid(self, batch_id: str) -> bool:
        return self.valid.search(batch_id) is not None


class _Asset:
    """An asset that was asked for. `elements`: it and those above it, in lower case. `course`: None if to be made."""

    def __init__(self, path: str, rules: Iterable[_Rule]) -> None:
        names = path.casefold().split("/")
        self.path = path.casefold()
        self.elements = ["/".join(names[:count]) for count in range(1, len(names) + 1)]
        self.rule = next((rule for rule in rules if any(map(rule.pattern.fullmatch, self.elements))), None)
        self.course: Course | None = None

    def meant_by(self, below: Iterable[tuple[int, Known]]) -> Iterator[tuple[int, Known]]:
        """Give the frames that refer to the asset, or to one above or below it.

        What refers to none at all means what it is part of means. `below`: parents before children.
        """
        strange: set[str] = set()
        for depth, frame in below:
            if self._is_strange(frame, strange):
                strange.add(frame.id)
            else:
                yield depth, frame

    def _is_strange(self, frame: Known, strange: Collection[str]) -> bool:
        if not frame.elements:
            return frame.parent in strange
        return not any(element in self.elements or element.startswith(f"{self.path}/") for element in frame.elements)


class Timeline:
    """Says which batch ran on an asset at a time, by what is known now of event frames and tags.

    `since`: what ended before it may be forgotten.
    `version` grows with every change after which `span` may answer otherwise than before; until then its answers hold.
    Of several rules that speak for an asset the first name in alphabetical order decides alone, and of several frames
    open on it the one that started last; where that one has no batch id (the attribute is missing or empty), no batch
    runs. Case matters neither in paths nor in names of templates and attributes.
    """

    def __init__(self, rules: Mapping[str, BatchRule]) -> None:
        self.version = 0
        self.since = BEGINNING
        self._rules = [_Rule(name, rules[name]) for name in sorted(rules)]
        self._assets: dict[str, _Asset] = {}
        self._values: dict[str, dict[int, str]] = {rule.source: {} for rule in self._rules if not rule.template}
        self._trees = {
            source: FrameTree(
                {rule.template for rule in self._rules if rule.source == source},
                {rule.attribute for rule in self._rules if rule.source == source},
            )
            for source in {rule.source for rule in self._rules if rule.template}
        }

    def covers(self, asset: str) -> bool:
        """Tell whether a rule speaks for this asset: for it, or for an element above it."""
        return self._asset(asset).rule is not None

    def rule_of(self, asset: str) -> str | None:
        """Give the name of the rule that speaks for this asset."""
        rule = self._asset(asset).rule
        return None if rule is None else rule.name

    def sources(self, asset: str) -> frozenset[str]:
        """Give what the rule that speaks for the asset reads: path of a database or of a tag, in upper case."""
        rule = self._asset(asset).rule
        return frozenset() if rule is None else frozenset({rule.source})

    def take_frames(self, database: str, changed: Iterable[Frame], gone: Iterable[str]) -> None:
        """Take frames of a database that are new or changed, and the ids of those that are gone."""
        if (tree := self._trees.get(database.upper())) is not None:
            self._renew(database.upper(), tree.change(changed, gone))

    def take_values(self, tag: str, start_ticks: int, end_ticks: int, values: Sequence[Event]) -> None:
        """Take the events of a tag from `start_ticks` to `end_ticks`, both included, in place of what was known there.

        An event before `start_ticks` is the value at the start: between the two there is nothing.
        """
        before = self._values.get(tag.upper())
        if before is None:
            return
        told = {event.ticks: id_of_event(event) for event in sorted(values, key=lambda event: event.ticks)}
        first = max((ticks for ticks in told if ticks < start_ticks), default=start_ticks)
        after = {ticks: batch_id for ticks, batch_id in before.items() if not first <= ticks <= end_ticks}
        after |= {ticks: batch_id for ticks, batch_id in told.items() if first <= ticks <= end_ticks}
        self._replace(tag.upper(), after)

    def forget_before(self, ticks: int) -> None:
        """Let go of what had ended by then: of earlier times nothing can be said any more, nor be put right."""
        self.since = max(self.since, ticks)
        for database, tree in self._trees.items():
            self._renew(database, tree.forget_before(ticks))
        for tag, values in self._values.items():
            last = max((start for start in values if start <= ticks), default=ticks)
            self._replace(tag, {start: batch_id for start, batch_id in values.items() if start >= last})

    def span(self, asset: str, ticks: int) -> Span:
        """Give the batch that ran on the asset then, with the time around for which that holds."""
        known = self._asset(asset)
        if known.rule is None:
            return _ALWAYS_NONE
        if known.course is None:
            known.course = self._course(known, known.rule)
        return known.course.at(ticks)

    def end_of(self, batch: BatchFields, asset: str) -> int | None:
        """Give when a batch that an event of the asset was stamped with ended: FOREVER while it runs.

        None: it is no batch of the asset any more. Of frames it is the end of the frame, also if a later one is open.
        """
        rule = self._asset(asset).rule
        if rule is None:
            return None
        if rule.template:
            frame = self._trees[rule.source].get(batch.frame)
            return None if frame is None or self._id(frame, rule) != batch.id else frame.end_ticks
        values = self._values[rule.source]
        start = parse(batch.start)
        if values.get(start) != batch.id:
            return None
        return min((other for other in values if other > start), default=FOREVER)

    def _asset(self, path: str) -> _Asset:
        known = self._assets.get(path)
        if known is None:
            known = self._assets[path] = _Asset(path, self._rules)
        return known

    def _replace(self, tag: str, values: dict[int, str]) -> None:
        if values != self._values[tag]:
            self._values[tag] = values
            self._renew(tag, None)

    def _renew(self, source: str, elements: set[str] | None) -> None:
        """Have courses made anew: of the assets that this source tells of, at or below these elements. None: of all."""
        if elements is not None and not elements:
            return
        self.version += 1
        for asset in self._assets.values():
            told = asset.rule is not None and asset.rule.source == source
            if told and (elements is None or not elements.isdisjoint(asset.elements)):
                asset.course = None

    def _course(self, asset: _Asset, rule: _Rule) -> Course:
        return self._course_of_frames(asset, rule) if rule.template else self._course_of_values(rule)

    def _course_of_frames(self, asset: _Asset, rule: _Rule) -> Course:
        tree = self._trees[rule.source]
        steps = latest(tree.speaking_for(asset.elements, rule.template))
        frames = list(steps.values())

        def make(place: int, start: int, end: int) -> Span | Course:
            frame = frames[place]
            if frame is None or not (batch_id := self._id(frame, rule)):
                return Span(start, end, None)
            below = levels(asset.meant_by(tree.below(frame.id)), start, end)
            opened = list(below.values())

            def running(place: int, start: int, end: int) -> Span:
                batch = batch_of_frame(
                    batch_id,
                    valid=rule.is_valid(batch_id),
                    frame=_level(frame),
                    start_ticks=frame.start_ticks,
                    levels=tuple(map(_level, opened[place])),
                )
                return Span(start, end, batch)

            return Course(list(below), end, running)

        return Course(list(steps), END, make)

    def _course_of_values(self, rule: _Rule) -> Course:
        values = self._values[rule.source]
        starts = sorted(values)

        def make(place: int, start: int, end: int) -> Span:
            batch_id = values[start] if place else ""
            batch = batch_of_value(batch_id, valid=rule.is_valid(batch_id), start_ticks=start) if batch_id else None
            return Span(start, end, batch)

        return Course([BEGINNING, *starts], END, make)

    def _id(self, frame: Known, rule: _Rule) -> str:
        if rule.attribute:
            return frame.ids.get(rule.attribute, "")
        named = self._trees[rule.source].root(frame) if rule.id == "root" else frame
        return id_text(named.name)


def _level(frame: Known) -> Level:
    return Level(frame.template, frame.name, frame.id)
