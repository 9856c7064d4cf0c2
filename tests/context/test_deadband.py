from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import msgpack
from msgspec.structs import replace

from context.plants import CASCADE, LANES, NO_DATA, NOON, NOTE, POINT
from pibridge.context.deadband import Deadband, Mark, Times, build
from pibridge.context.meaning import quality
from pibridge.context.record import Record, context_of
from pibridge.context.settings import FilterSettings, Width
from pibridge.model import ticks
from pibridge.model.event import DELETE, QUESTIONABLE, UPDATE, Event, Lane
from pibridge.model.tag import Tag

SPANNED = replace(POINT, span=50.0)
HEARTBEAT_S = 20
_CONTEXTS = {lane: context_of("s", POINT, None, lane) for lane in Lane}


def record(time_s: float, value: Any, status: int = 0, lane: Lane = Lane.LIVE, tag: Tag = POINT) -> Record:
    """Give an event so many seconds after noon."""
    context = _CONTEXTS[lane] if tag is POINT else context_of("s", tag, None, lane)
    return Record(1, Event(1, NOON + ticks.from_seconds(time_s), value, status), context)


def passed(deadband: Deadband, told: Sequence[Record]) -> list[Any]:
    """Give the values that pass, with their lanes acknowledged one by one."""
    values = []
    for each in told:
        if not deadband.keeps_back(each):
            values.append(each.event.value)
        deadband.commit(each.context.lane)
    return values


def of(width: float, heartbeat_s: float | None = None) -> Deadband:
    """Give a deadband in the tag's unit."""
    return Deadband(Width(width), heartbeat_s)


def test_small_changes_are_kept_back() -> None:
    """Against the last value that was delivered, not the last that came; exactly the width passes."""
    assert passed(of(1), [record(i, v) for i, v in enumerate([10, 10.5, 10.9, 11, 10.1, 10, 10.5, 8])]) == [
        10,
        11,
        10,
        8,
    ]


@pytest.mark.parametrize(
    "settings", [FilterSettings(), FilterSettings.model_validate({"deadband": "0%", "heartbeat": 5})]
)
def test_no_width_is_no_deadband(settings: FilterSettings) -> None:
    """A heartbeat alone has no effect."""
    assert build(settings) is None


def test_percent_is_of_the_span() -> None:
    """2 % of 50 bar is one bar; a tag whose span PI does not tell is left alone."""
    settings = FilterSettings.model_validate({"deadband": "2%"})
    for tag, values in ((SPANNED, [10, 11]), (POINT, [10, 10, 10.5, 11])):
        deadband = build(settings)
        assert deadband is not None
        assert passed(deadband, [record(i, v, tag=tag) for i, v in enumerate([10, 10, 10.5, 11])]) == values


def test_the_heartbeat_counts_by_the_time_of_events() -> None:
    """A value passes when the last delivered one is at least so old."""
    assert passed(of(100, 10), [record(t, t) for t in (0, 5, 9.9, 10, 19, 20.5)]) == [0, 10, 20.5]


@pytest.mark.parametrize(
    ("value", "status"),
    [(CASCADE, 0), (NO_DATA, 0), ("NaN", 0), (None, 0), (True, 0), ([1.0], 0), (10.0, DELETE)],
)
def test_what_is_no_number_passes_and_starts_anew(value: Any, status: int) -> None:
    """The next number passes too, whatever came before."""
    told = [record(0, 10.0), record(1, value, status), record(2, value, status), record(3, 10.0), record(4, 10.0)]
    assert passed(of(1), told) == [10.0, value, value, 10.0]


def test_texts_pass() -> None:
    """Also equal ones."""
    assert passed(of(1), [record(i, "a", tag=NOTE) for i in range(3)]) == ["a", "a", "a"]


def test_edits_and_changes_of_quality_pass() -> None:
    """They are what the next value is compared with."""
    told = [record(0, 10.0), record(0, 10.1, UPDATE), record(1, 10.2, QUESTIONABLE), record(2, 10.3, QUESTIONABLE)]
    assert passed(of(1), [*told, record(3, 10.4)]) == [10.0, 10.1, 10.2, 10.4]


def test_a_late_value_passes_and_changes_nothing() -> None:
    """The comparison goes by the time of events."""
    assert passed(of(1), [record(5, 10), record(1, 20), record(2, 20), record(6, 10.5)]) == [10, 20, 20]


def test_what_was_refused_was_not_delivered() -> None:
    """The next value of the tag passes."""
    deadband = of(1)
    assert not deadband.keeps_back(record(0, 10))
    deadband.refuse(Lane.LIVE, {1, 2})
    deadband.commit(Lane.LIVE)
    assert passed(deadband, [record(1, 10), record(2, 10)]) == [10]


def test_what_was_not_acknowledged_is_forgotten() -> None:
    """The other lane does not know of it, and a second try has the same verdicts."""
    deadband = of(1)
    told = [record(0, 10), record(1, 10.5), record(2, 12)]
    for _ in range(3):
        deadband.rollback(Lane.LIVE)
        assert [deadband.keeps_back(each) for each in told] == [False, True, False]
    assert not deadband.keeps_back(record(3, 12, lane=Lane.HISTORY))


def test_recovered_values_are_thinned_while_live_goes_on() -> None:
    """Before the first live value, and in the gap between two, they are compared with each other."""
    history = Lane.HISTORY
    told = [record(t, 10 + t % 2 / 10) for t in range(100, 110)]
    told += [record(t, 10 + t % 2 / 10, lane=history) for t in range(50, 100)]
    told += [record(t, 20 + t % 2 / 10) for t in range(200, 210)]
    told += [record(t, 15 + t % 2 / 10, lane=history) for t in range(110, 200)]
    told += [record(210, 20)]
    assert passed(of(1), told) == [10, 10, 20, 15]
    assert passed(of(1), [*told, record(220, 15.1, lane=history), record(221, 20), record(222, 20.5)]) == [
        *[10, 10, 20, 15],
        *[15.1, 20],
    ]


def test_a_live_value_is_compared_with_a_recovered_one_that_lies_nearer() -> None:
    """Who got 20 from the archive would never learn that it is 10 again."""
    told = [record(0, 10), record(60, 10.1), record(59, 20, lane=Lane.HISTORY), record(61, 10.1), record(62, 10.2)]
    assert passed(of(1), told) == [10, 20, 10.1]


def test_a_value_passes_where_the_other_lane_has_one_on_its_way_in_between() -> None:
    """In both directions, until it is acknowledged; also if it was kept back: another try may let it pass."""
    for lane, other in ((Lane.LIVE, Lane.HISTORY), (Lane.HISTORY, Lane.LIVE)):
        deadband = of(1)
        assert passed(deadband, [record(0, 10, lane=lane)]) == [10]
        assert [deadband.keeps_back(record(t, v, lane=other)) for t, v in ((5, 10.1), (9, 20))] == [True, False]
        assert [deadband.keeps_back(record(t, 10.2, lane=lane)) for t in (4, 5, 6, 9, 10, 11)] == [
            *[True, False, False, False, False, True]
        ]
        deadband.rollback(lane)
        deadband.commit(other)
        assert [deadband.keeps_back(record(t, v, lane=lane)) for t, v in ((10, 20.1), (11, 10))] == [True, False]


def test_a_value_passes_where_the_other_lane_may_come_upon_one_in_between() -> None:
    """Of what it has not asked about yet, only the time is known; and what passed so is told by its position."""
    deadband = of(1)
    assert passed(deadband, [record(10, 10)]) == [10]
    spans = ((0, 9), (21, 30), (0, 10), (20, 30))
    kept_back = [deadband.keeps_back(record(20 if span != (20, 30) else 21, 10), _ticks(*span)) for span in spans[:3]]
    assert kept_back == [True, True, False]
    assert deadband.passed_unsure == {Lane.LIVE: 1}
    assert not deadband.keeps_back(record(30, 10.1), _ticks(20, 25))


def _ticks(first_s: float, last_s: float) -> tuple[int, int]:
    return NOON + ticks.from_seconds(first_s), NOON + ticks.from_seconds(last_s)


@given(st.lists(st.integers(0, 30), min_size=1, max_size=8), st.integers(0, 30), st.integers(0, 10))
def test_times_leave_none_out(told: list[int], start: int, length: int) -> None:
    """What lies within a time is never denied; with up to two, nothing else is said."""
    times = Times(told[0], told[0], told[0], told[0])
    for time in told[1:]:
        times.add(time)
    meets = any(start <= time <= start + length for time in told)
    assert times.may_meet(start, start + length) >= meets
    if len(set(told)) <= 2:
        assert times.may_meet(start, start + length) == meets


@dataclass
class Known:
    """All that was delivered, by lane in the order in which it was: what the deadband is judged by."""

    acknowledged: dict[Lane, list[Record]] = field(default_factory=lambda: {lane: [] for lane in Lane})
    tentative: dict[Lane, list[Record]] = field(default_factory=lambda: {lane: [] for lane in Lane})
    asked: dict[Lane, list[Record]] = field(default_factory=lambda: {lane: [] for lane in Lane})

    def is_older(self, told: Record) -> bool:
        """Tell whether the lane has delivered something newer."""
        lane = told.context.lane
        return any(each.event.ticks > told.event.ticks for each in self.acknowledged[lane] + self.tentative[lane])

    def is_behind(self, told: Record) -> bool:
        """Tell whether the other lane has delivered something newer."""
        other = next(lane for lane in Lane if lane is not told.context.lane)
        return any(each.event.ticks > told.event.ticks for each in self.acknowledged[other])

    def is_unsure(self, told: Record) -> bool:
        """Tell whether the other lane was asked about something that is neither acknowledged nor forgotten."""
        return any(lane is not told.context.lane and asked for lane, asked in self.asked.items())

    def is_small_change(self, told: Record, width: float) -> bool:
        """Tell whether it differs too little from what was delivered last by time, within the heartbeat."""
        own = told.context.lane
        other = next(lane for lane in Lane if lane is not own)
        # Of equal times, the own lane and there the latest.
        known = self.acknowledged[other] + self.acknowledged[own] + self.tentative[own]
        before = [each for each in known if each.event.ticks <= told.event.ticks]
        if not before or told.event.status & (UPDATE | DELETE) or type(told.event.value) is not float:
            return False
        last = max(enumerate(before), key=lambda pair: (pair[1].event.ticks, pair[0]))[1].event
        return (
            type(last.value) is float
            and not last.status & DELETE
            and abs(told.event.value - last.value) < width
            and told.event.ticks - last.ticks < ticks.from_seconds(HEARTBEAT_S)
            and quality(told.event, text=False) == quality(last, text=False)
        )


_TOLD = st.builds(
    record,
    st.integers(0, 40),
    st.integers(0, 4).map(float) | st.sampled_from([CASCADE, "NaN"]),
    st.sampled_from([0, 0, 0, 0, QUESTIONABLE, UPDATE, DELETE]),
    LANES,
)
_STEPS = st.lists(_TOLD | st.tuples(st.sampled_from(["commit", "rollback"]), LANES) | st.just("restart"), max_size=60)


@given(_STEPS)
def test_nothing_is_kept_back_that_was_not_told(steps: list[Any]) -> None:
    """What is kept back differs too little from what was last delivered; so does nothing else, where that is sure."""
    deadband, known = of(2, HEARTBEAT_S), Known()
    for step in steps:
        match step:
            case Record():
                is_small = known.is_small_change(step, 2)
                is_kept_back = deadband.keeps_back(step)
                if is_kept_back or not (known.is_behind(step) or known.is_unsure(step)):
                    assert is_kept_back == (is_small and not known.is_older(step))
                known.asked[step.context.lane].append(step)
                if not is_kept_back:
                    known.tentative[step.context.lane].append(step)
            case "commit", lane:
                deadband.commit(lane)
                known.acknowledged[lane] += known.tentative[lane]
                known.tentative[lane], known.asked[lane] = [], []
            case "rollback", lane:
                deadband.rollback(lane)
                known.tentative[lane], known.asked[lane] = [], []
            case _:
                kept = {lane: msgpack.encode(deadband.acknowledged(lane)) for lane in Lane}
                deadband = of(2, HEARTBEAT_S)
                deadband.restore({lane: msgpack.decode(kept[lane], type=dict[int, Mark]) for lane in Lane})
                known.tentative = {lane: [] for lane in Lane}
                known.asked = {lane: [] for lane in Lane}


class Course:
    """A journal of two lanes that are judged, tried again and acknowledged, each for itself."""

    def __init__(self) -> None:
        self.deadband = of(2, HEARTBEAT_S)
        self.journal: list[Record] = []
        self.cursors = dict.fromkeys(Lane, 0)
        self.read = dict.fromkeys(Lane, 0)
        self.verdicts: dict[int, tuple[bool, int]] = {}
        """By position: whether it was kept back, and how much was in the journal then."""

    def step(self, step: Any) -> None:
        """Do what is said."""
        match step:
            case Record():
                self.journal.append(Record(len(self.journal) + 1, step.event, step.context))
            case "read", lane, most:
                for told in self.behind(lane)[:most]:
                    self._judge(told)
            case "acknowledge", lane:
                self.deadband.commit(lane)
                self.cursors[lane] = self.read[lane]
            case "try again", lane:
                self.deadband.rollback(lane)
                self.read[lane] = self.cursors[lane]

    def behind(self, lane: Lane) -> list[Record]:
        """Give what a lane has yet to read."""
        return [told for told in self.journal if told.context.lane is lane and told.seq > self.read[lane]]

    def _judge(self, told: Record) -> None:
        lane = told.context.lane
        times = [each.event.ticks for other in Lane if other is not lane for each in self.behind(other)]
        ahead = (min(times), max(times)) if times else None
        self.verdicts[told.seq] = self.deadband.keeps_back(told, ahead), len(self.journal)
        self.read[lane] = told.seq

    def wrong(self) -> list[Record]:
        """Give what was kept back of it though the sink got nothing that is near enough."""
        return [told for told in self.journal if self.verdicts[told.seq][0] and not self._is_small_change(told)]

    def _is_small_change(self, told: Record) -> bool:
        known = self.verdicts[told.seq][1]
        before = [
            each.event
            for each in self.journal
            if not self.verdicts[each.seq][0]
            and each.seq <= (told.seq if each.context.lane is told.context.lane else known)
            and each.event.ticks <= told.event.ticks
        ]
        latest = max((event.ticks for event in before), default=0)
        return any(
            type(last.value) is float
            and not last.status & DELETE
            and abs(told.event.value - last.value) < 2
            and told.event.ticks - latest < ticks.from_seconds(HEARTBEAT_S)
            and quality(told.event, text=False) == quality(last, text=False)
            for last in before
            if last.ticks == latest
        )


_TRIES = st.tuples(st.just("read"), LANES, st.integers(1, 5)) | st.tuples(
    st.sampled_from(["acknowledge", "try again"]), LANES
)


_NEAR = st.builds(record, st.integers(0, 9), st.integers(0, 3).map(float), st.just(0), LANES)


@settings(max_examples=300)
@given(st.lists(_NEAR | _NEAR | _TOLD | _TRIES | _TRIES, min_size=20, max_size=60))
def test_what_the_sink_finally_got_bears_out_what_was_kept_back(steps: list[Any]) -> None:
    """However the lanes take turns: it differs too little from the last by time, of all that was journaled by then."""
    course = Course()
    for step in steps:
        course.step(step)
    for lane in Lane:
        course.step(("read", lane, len(course.journal)))
    assert not course.wrong()


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 4).map(float)), min_size=1, max_size=30), st.data())
def test_a_gap_is_thinned_as_it_would_have_been_live(gap: list[tuple[int, float]], data: st.DataObject) -> None:
    """However much comes live before the gap is read: all but its first value are compared with each other."""
    after = data.draw(st.lists(st.integers(0, 4).map(float), min_size=1, max_size=30))
    live = [record(0, 100.0), *(record(1000 + i, value) for i, value in enumerate(after))]
    deadband = of(2)
    passed(deadband, live)
    time, told = 10, []
    for step, value in gap:
        time += step
        told.append(record(time, value, lane=Lane.HISTORY))
    assert passed(deadband, told) == passed(of(2), told)
