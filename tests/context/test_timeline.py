import json
from collections.abc import Sequence
from random import Random
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from context import batch_oracle as oracle
from context.rules import DATABASE, TAG, by_frames, by_tag, frame, timeline
from pibridge.context.batches import BatchFields
from pibridge.context.settings import BatchRule
from pibridge.context.timeline import Timeline
from pibridge.model import ticks
from pibridge.model.event import BAD, DELETE, ERROR, QUESTIONABLE, Event
from pibridge.model.frame import Frame

LAST = 5


def fields(asked: Timeline, asset: str, at: int) -> Any:
    """Give the `batch` of a record."""
    batch = asked.span(asset, at).batch
    return None if batch is None else json.loads(batch.json)


def batch_id(asked: Timeline, asset: str, at: int) -> str | None:
    """Give the id of the batch."""
    batch = asked.span(asset, at).batch
    return None if batch is None else batch.id


UNIT = frame("B-1", 10, 20)


def test_a_batch_is_what_the_contract_says() -> None:
    """Its fields, levels outermost first, and what it tells in Python."""
    asked = timeline(
        by_frames("Plant/Area1/*", valid=r"^B-\d+$"),
        UNIT,
        frame("Heat", 12, 18, template="Operation", parent="B-1"),
        frame("Stir", 13, 15, template="Phase", parent="Heat"),
    )
    span = asked.span("Plant/Area1/R1", 13)
    assert (span.start, span.end) == (13, 15)
    assert span.batch is not None
    assert (span.batch.id, span.batch.valid) == ("B-1", True)
    assert span.batch.json == (
        '{"id":"B-1","frame":"B-1","name":"B-1","template":"Unit Batch","start":"1970-01-01T00:00:00.0000010Z",'
        '"valid":true,"levels":[{"template":"Operation","name":"Heat","frame":"Heat"},'
        '{"template":"Phase","name":"Stir","frame":"Stir"}]}'
    )
    assert "levels" not in fields(asked, "Plant/Area1/R1", 19)


def test_an_id_that_does_not_match_is_no_valid_batch() -> None:
    """It is told all the same."""
    asked = timeline(by_frames("**", valid=r"^B-\d+$"), frame("Cleaning", 10))
    assert fields(asked, "Plant/Area1/R1", 10)["valid"] is False


def test_a_frame_speaks_from_its_start_until_before_its_end() -> None:
    """An open frame speaks without end; one without duration, or that ends before it starts, never does."""
    asked = timeline(by_frames("**"), UNIT, frame("B-2", 30), frame("Zero", 12, 12), frame("Back", 14, 11))
    found = [batch_id(asked, "Plant/Area1/R1", at) for at in (9, 10, 12, 19, 20, 30)]
    assert found == [None, "B-1", "B-1", "B-1", None, "B-2"]
    assert asked.span("Plant/Area1/R1", 30).end == ticks.FOREVER


def test_the_rule_of_a_unit_speaks_for_what_lies_below() -> None:
    """`*` stays within one level, `**` crosses levels, and a child element belongs to its unit."""
    one = Timeline({"rule": by_frames("plant/*/R1")})
    assert one.covers("Plant/Area1/r1/Agitator/Motor")
    assert not one.covers("Plant/Area1")
    assert not one.covers("Plant/Area1/Line/R1")
    assert not one.covers("Plant/Area1/R1x")
    assert Timeline({"rule": by_frames("Plant/**/R1")}).covers("Plant/Area1/Line/R1")
    assert not Timeline({"rule": by_frames("Plant/R.1")}).covers("Plant/Rx1")


def test_the_first_rule_by_name_decides_alone() -> None:
    """Where it has no batch there is none, whatever the others have."""
    asked = Timeline({"b": by_frames("**"), "a": by_tag("Plant/Area1/R1")})
    asked.take_frames(DATABASE, [UNIT], ())
    assert asked.sources("Plant/Area1/R1") == {TAG.upper()}
    assert asked.sources("Plant/Area1") == {DATABASE.upper()}
    assert batch_id(asked, "Plant/Area1/R1", 12) is None


def test_what_no_rule_speaks_for_has_no_batch_ever() -> None:
    """Nor a source."""
    asked = timeline(by_frames("Plant/Area2/*"), UNIT)
    span = asked.span("Plant/Area1/R1", 12)
    assert span.batch is None
    assert span.start < -ticks.FOREVER
    assert span.end > ticks.FOREVER
    assert asked.sources("Plant/Area1/R1") == frozenset()


@pytest.mark.parametrize(
    ("form", "expected"),
    [
        ("name", "B-1"),
        ("root", "Lot 7"),
        ("attribute:batchid", "4711"),
        ("attribute:Outer|ID", "X"),
        ("attribute:Recipe", None),
        ("attribute:Other", None),
    ],
)
def test_the_id_is_where_the_rule_says(form: str, expected: str | None) -> None:
    """A frame whose attribute is missing or has no value is no batch, though it started last."""
    asked = timeline(
        by_frames("**", id=form),
        frame("B-0", 5, attributes={"BatchID": "old", "Other": "old", "Recipe": "old", "outer|id": "old"}),
        frame("B-1", 10, parent="P", attributes={"BatchID": 4711, "Recipe": None, "outer|id": "X"}),
        frame("P", 5, name="Lot 7", template="Procedure", elements=()),
    )
    assert batch_id(asked, "Plant/Area1/R1", 12) == expected


def test_a_blank_name_is_no_batch() -> None:
    """Empty is none, and so are spaces."""
    assert batch_id(timeline(by_frames("**"), frame("B-1", 10, name="  ")), "Plant/Area1/R1", 12) is None


def test_a_level_of_another_unit_is_not_told() -> None:
    """Levels refer to the asset, to one above it or below it; what refers to none goes with what it is part of."""
    asked = timeline(
        by_frames("**"),
        frame("B-1", 10, elements=("Plant/Area1",)),
        *(
            frame(f"on {place}", 10, template="Phase", parent="B-1", elements=(place,))
            for place in ("Plant/Area1/R1", "Plant/Area1/R2", "Plant/Area1/R1/Agitator", "Plant")
        ),
        frame("on nothing", 10, template="Phase", parent="B-1", elements=()),
        frame("a step there", 10, template="Step", parent="on Plant/Area1/R2", elements=()),
        frame("a step here", 10, template="Step", parent="on Plant/Area1/R1", elements=()),
    )
    names = [level["name"] for level in fields(asked, "Plant/Area1/R1", 12)["levels"]]
    assert names == ["on Plant", "on Plant/Area1/R1", "on Plant/Area1/R1/Agitator", "on nothing", "a step here"]


def test_version_grows_only_where_an_answer_may_change() -> None:
    """What is told again, other attributes, other databases and other tags change nothing."""
    asked = timeline(by_frames("**"), UNIT)
    asked.span("Plant/Area1/R1", 12)
    before = asked.version
    asked.take_frames(DATABASE, [msgspec.structs.replace(UNIT, severity="Major", attributes={"Level": 3})], ["B-9"])
    asked.take_frames(r"\\AF1\Other", [msgspec.structs.replace(UNIT, name="B-2")], ())
    asked.take_frames(DATABASE, [frame("Orphan", 1, template="Phase", parent="unknown")], ())
    asked.take_values(TAG, 0, 10, [Event(1, 5, "B-3")])
    assert asked.version == before
    asked.take_frames(DATABASE.lower(), [msgspec.structs.replace(UNIT, name="B-2")], ())
    assert asked.version > before
    assert batch_id(asked, "Plant/Area1/R1", 12) == "B-2"


def test_what_ended_long_ago_is_forgotten() -> None:
    """What runs at that time or later, and what it is part of, stays."""
    asked = Timeline({"a": by_frames("Plant/Area1/*", id="root"), "b": by_tag("**")})
    asked.take_frames(DATABASE, [UNIT, frame("B-2", 20, parent="P"), frame("P", 1, 15, template="Procedure")], ())
    asked.take_values(TAG, 0, 50, [Event(1, 5, "T-1"), Event(1, 15, "T-2"), Event(1, 30, "T-3")])
    assert [batch_id(asked, "Plant/Area1/R1", at) for at in (12, 25)] == ["B-1", "P"]
    before = asked.version
    asked.forget_before(20)
    assert asked.version > before
    assert [batch_id(asked, "Plant/Area1/R1", at) for at in (12, 25)] == [None, "P"]
    assert [batch_id(asked, "Plant/Area9/R9", at) for at in (12, 25, 35)] == [None, "T-2", "T-3"]
    before = asked.version
    asked.forget_before(20)
    assert asked.version == before


@pytest.mark.parametrize(
    ("event", "expected"),
    [
        (Event(1, 10, "B-1"), "B-1"),
        (Event(1, 10, "B-1", QUESTIONABLE), "B-1"),
        (Event(1, 10, 1001), "1001"),
        (Event(1, 10, 1.5), "1.5"),
        (Event(1, 10, {"Name": "Ale", "Value": 3}), "Ale"),
        (Event(1, 10, {"Name": "No Data", "Value": 248, "IsSystem": True}), None),
        (Event(1, 10, "B-1", BAD), None),
        (Event(1, 10, "trouble", ERROR), None),
        (Event(1, 10, "B-1", DELETE), None),
        (Event(1, 10, ""), None),
        (Event(1, 10, "NaN"), None),
        (Event(1, 10, None), None),
    ],
)
def test_the_value_of_a_tag_is_the_batch(event: Event, expected: str | None) -> None:
    """From its time until the next; empty, bad, system states, errors and deletions are no batch."""
    asked = Timeline({"rule": by_tag("Plant/Area9/R9", valid="^B-")})
    asked.take_values(TAG.lower(), 0, 30, [Event(1, 5, "B-0"), event, Event(1, 20, "B-2")])
    assert [batch_id(asked, "Plant/Area9/R9/Pump", at) for at in (4, 9, 20)] == [None, "B-0", "B-2"]
    span = asked.span("Plant/Area9/R9/Pump", 15)
    assert (span.start, span.end, span.batch and span.batch.id) == (10, 20, expected)
    assert fields(asked, "Plant/Area9/R9", 6) == {"id": "B-0", "start": "1970-01-01T00:00:00.0000005Z", "valid": True}


ASSETS = ("Plant/Area1", "Plant/Area1/R1", "Plant/Area1/R1/Agitator", "Plant/area1/R2")
IDS = "pqrstu"


class Plant:
    """Makes up rules, and what PI tells step by step: few names and times, so that much of it meets."""

    def __init__(self, random: Random) -> None:
        self._random = random
        self._one_of = random.choice

    def rules(self) -> dict[str, BatchRule]:
        """Give one to three rules."""
        return {name: self._rule() for name in self._random.sample("abc", self._one_of([1, 1, 2, 3]))}

    def step(self) -> Any:
        """Give arguments of `take_frames`, of `take_values`, or of `forget_before`."""
        kind = self._random.random()
        if kind < 0.1:
            return self._random.randint(0, LAST)
        if kind < 0.3:
            return self._reading()
        database = self._one_of([DATABASE, DATABASE, DATABASE, r"\\af1\plant", r"\\AF1\Other"])
        gone = self._random.sample(IDS, self._one_of([0, 0, 0, 1, 2]))
        return database, [self._frame() for _ in range(self._one_of([0, 1, 1, 2, 6]))], gone

    def _rule(self) -> BatchRule:
        assets = self._one_of(["**", "**", "plant/AREA1", "Plant/Area1/R*", "Plant/**/Agitator", "*/*/R2"])
        valid = self._one_of([None, "[AB]"])
        if self._random.random() < 0.3:
            return by_tag(assets, valid=valid)
        template = self._one_of(["Unit", "BATCH"])
        return by_frames(assets, template, id=self._one_of(["name", "root", "attribute:ID"]), valid=valid)

    def _reading(self) -> tuple[int, int, list[tuple[int, str]]]:
        start, end = sorted(self._random.choices(range(LAST + 1), k=2))
        moments = self._random.choices(range(LAST + 1), k=self._random.randint(0, 4))
        return start, end, [(moment, self._one_of(["A", "B", "X", ""])) for moment in sorted(moments)]

    def _frame(self) -> Frame:
        start = self._random.randint(0, LAST)
        return Frame(
            id=self._one_of(IDS),
            web_id="",
            name=self._one_of(["A", "B", "C", "C", ""]),
            template=self._one_of(["Unit", "Phase"]),
            lineage=self._one_of([("unit", "batch"), ("batch",), ("phase",)]),
            start_ticks=start,
            end_ticks=self._one_of([start + 1, start + 2, start + 4, ticks.FOREVER, ticks.FOREVER, start - 1]),
            parent=self._one_of(["", "p", "p", "q", "q", "r", "s", "unknown"]),
            elements=tuple(
                self._random.choices([*ASSETS, "plant/AREA1/R1", "Plant/Area2"], k=self._one_of([0, 1, 1, 2]))
            ),
            attributes=self._one_of([{"Id": "A1"}, {"Id": 7}, {"ID": None}, {"Other": "X"}, {}]),
        )


class Knowledge:
    """A timeline beside the oracle, and what each was told."""

    def __init__(self, rules: dict[str, BatchRule]) -> None:
        self.rules = rules
        self.asked = Timeline(rules)
        self.frames: dict[str, dict[str, Frame]] = {DATABASE.upper(): {}, r"\\AF1\OTHER": {}}
        self.values: dict[int, str] = {}
        self.first = -1

    def take(self, step: Any) -> None:
        """Tell both the same."""
        if isinstance(step, int):
            self.asked.forget_before(step)
            self._forget_before(step)
        elif isinstance(step[0], str):
            database, changed, gone = step
            self.asked.take_frames(database, changed, gone)
            known = self.frames[database.upper()]
            for one in changed:
                known[one.id] = one
            for name in gone:
                known.pop(name, None)
        else:
            self._take_values(*step)

    def _forget_before(self, step: int) -> None:
        self.first = max(self.first, step)
        last = max((moment for moment in self.values if moment <= step), default=0)
        self.values = {moment: value for moment, value in self.values.items() if moment >= last}
        for known in self.frames.values():
            later = [one for one in known.values() if one.end_ticks > step]
            kept = {one.id for one in later}.union(*(oracle.line(known, one) for one in later))
            for name in known.keys() - kept:
                del known[name]

    def _take_values(self, start: int, end: int, values: Sequence[tuple[int, str]]) -> None:
        events = [Event(1, moment, value) for moment, value in values]
        told = [event for event in events if event.ticks <= end]
        early = [event for event in told if event.ticks < start]
        told = early[-1:] + [event for event in told if event.ticks >= start]
        since = min([start, *(event.ticks for event in told)])
        for moment in range(since, end + 1):
            self.values.pop(moment, None)
        for event in told:
            self.values[event.ticks] = event.value
        self.asked.take_values(TAG, start, end, early[-1:] + [event for event in events if event.ticks >= start])

    def expected(self, asset: str, at: int) -> oracle.Fields:
        """Ask the oracle."""
        rule = oracle.deciding(self.rules, asset)
        if rule is None:
            return None
        if rule.event_frames is None:
            return oracle.told(self.values, rule, at)
        return oracle.running(self.frames[rule.event_frames.database.upper()], rule, asset, at)

    def answers(self) -> dict[tuple[str, int], oracle.Fields]:
        """Give what the oracle says of every asset at every time that is not forgotten."""
        times = range(max(self.first, -1), LAST + 2)
        return {(asset, at): self.expected(asset, at) for asset in ASSETS for at in times}


@settings(deadline=None, max_examples=400)
@given(st.randoms(use_true_random=True))
def test_every_answer_is_the_oracles(random: Random) -> None:
    """Whatever frames and values come, late, edited, moved or gone: a span holds from its start until its end."""
    plant = Plant(random)
    knowledge = Knowledge(plant.rules())
    before = knowledge.answers()
    for _ in range(10):
        version = knowledge.asked.version
        knowledge.take(plant.step())
        expected = knowledge.answers()
        if any(expected[question] != before[question] for question in expected):
            assert knowledge.asked.version > version
        before = expected
        for (asset, at), answer in expected.items():
            span = knowledge.asked.span(asset, at)
            assert span.start <= at < span.end
            assert (None if span.batch is None else json.loads(span.batch.json)) == answer
            if answer is not None:
                assert span.batch is not None
                assert (span.batch.id, span.batch.valid) == (answer["id"], answer["valid"])
            for moment in range(max(span.start, knowledge.first, -1), min(span.end, LAST + 2)):
                assert expected[asset, moment] == answer
            if answer is not None and span.end <= LAST + 1:
                assert expected[asset, span.end] != answer


def stamped(asked: Timeline, asset: str, at: int) -> BatchFields:
    """Give the batch that a record is stamped with."""
    batch = asked.span(asset, at).batch
    assert batch is not None
    return msgspec.json.decode(batch.json, type=BatchFields)


def test_a_batch_ends_with_its_frame() -> None:
    """Also when a later one opened on the asset; it goes on while its frame is open, and is none when that is gone."""
    asked = timeline(by_frames("Plant/Area1/*"), frame("a", 10), frame("b", 20, 30))
    batch = stamped(asked, "Plant/Area1/R1", 15)
    assert asked.end_of(batch, "Plant/Area1/R1") == ticks.FOREVER
    asked.take_frames(DATABASE, [frame("a", 10, 40)], ())
    assert asked.end_of(batch, "Plant/Area1/R1") == 40
    asked.take_frames(DATABASE, [frame("a", 10, 40, name="renamed")], ())
    assert asked.end_of(batch, "Plant/Area1/R1") is None
    asked.take_frames(DATABASE, [], ["a"])
    assert asked.end_of(batch, "Plant/Area1/R1") is None
    assert asked.end_of(batch, "Plant/Area7/R1") is None


def test_a_batch_of_a_tag_ends_with_its_next_value() -> None:
    """It is none any more when the value was edited."""
    asked = Timeline({"rule": by_tag("Plant/Area9/R9")})
    asked.take_values(TAG, 0, 100, [Event(1, 10, "B-1"), Event(1, 20, "B-2")])
    first, second = stamped(asked, "Plant/Area9/R9", 15), stamped(asked, "Plant/Area9/R9", 25)
    assert asked.end_of(first, "Plant/Area9/R9") == 20
    assert asked.end_of(second, "Plant/Area9/R9") == ticks.FOREVER
    asked.take_values(TAG, 0, 100, [Event(1, 10, "B-7")])
    assert asked.end_of(first, "Plant/Area9/R9") is None


def test_it_says_since_when_it_knows() -> None:
    """What is let go of moves that time on, never back."""
    asked = timeline(by_frames("Plant/Area1/*"))
    for forgotten in (30, 20):
        asked.forget_before(forgotten)
        assert asked.since == 30


def test_the_rule_that_speaks_has_a_name() -> None:
    """The first that matches the asset, or one above it."""
    made = Timeline({"b": by_frames("Plant/**"), "a": by_tag("Plant/Area1/*")})
    assert made.rule_of("Plant/Area1/R1") == "a"
    assert made.rule_of("Plant/Area2/R1") == "b"
    assert made.rule_of("Other") is None
