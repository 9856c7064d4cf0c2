from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from pibridge.intake.frame_records import FrameStream, content
from pibridge.journal.facts import Fact
from pibridge.model import ticks
from pibridge.model.event import DELETE, END, START, UPDATE, Event
from pibridge.model.frame import Frame

NOON = ticks.parse("2026-03-01T12:00:00Z")
HOUR = 3600 * ticks.PER_SECOND
BATCH = Frame(id="f1", web_id="I1Fm1", name="B-1", template="Batch", lineage=("batch",), start_ticks=NOON)
ENDED = replace(BATCH, end_ticks=NOON + HOUR)
OPS = {START: "start", UPDATE: "update", END: "end", DELETE: "delete"}


class Told:
    """A stream with what the journal keeps of it, and the operations that it told."""

    def __init__(self, *, known_from: int | None = NOON, since: int = NOON + 2 * HOUR, template: str = "") -> None:
        self.kept: dict[str, Fact] = {}
        self.events: list[Event] = []
        self._arguments = ("batches", 1, template)
        self.since = since
        self.known_from = known_from
        self.begun: int | None = None
        self.restart()

    def restart(self) -> None:
        """Forget what is in memory only."""
        self.stream = FrameStream(*self._arguments, self.known_from)
        self.stream.begin(self.since if self.begun is None else self.begun, self.since)
        self.stream.remember(self.kept.values())

    def see(self, frame: Frame) -> None:
        """Have the stream see a frame as it is now."""
        self._take(self.stream.tell(frame))

    def miss(self, frame_id: str) -> None:
        """Have it know that PI has a frame no longer."""
        self._take(self.stream.tell_gone(frame_id))

    @property
    def ops(self) -> list[str]:
        """What it told."""
        return [OPS[event.status] for event in self.events]

    def _take(self, change: object) -> None:
        if not isinstance(change, tuple):
            return
        event, fact = change
        if event is not None:
            self.events.append(event)
        self.stream.remember([fact])
        if isinstance(fact, Fact):
            self.kept[fact.id] = fact
        else:
            self.kept.pop(fact.id)


def test_a_frame_is_told_from_its_start_to_its_end_once() -> None:
    """Start, a change, the end, the deletion; what is seen again unchanged is told no more, also after a restart."""
    told = Told()
    for frame in (BATCH, BATCH, replace(BATCH, name="B-2"), ENDED, ENDED):
        told.see(frame)
        told.restart()
        told.see(frame)
    told.miss("f1")
    told.miss("f1")
    assert told.ops == ["start", "update", "end", "delete"]
    assert [event.value["name"] for event in told.events] == ["B-1", "B-2", "B-1", "B-1"]
    assert {event.ticks for event in told.events} == {NOON}


def test_a_frame_that_is_closed_when_first_seen_is_one_end() -> None:
    """It was created late, or between two looks."""
    told = Told()
    told.see(ENDED)
    assert told.ops == ["end"]


def test_what_changes_after_its_end_is_an_update() -> None:
    """Also when PI opens it again; its second end is an end."""
    told = Told()
    for frame in (BATCH, ENDED, replace(ENDED, severity="Major"), BATCH, ENDED):
        told.see(frame)
    assert told.ops == ["start", "end", "update", "update", "end"]


def test_at_the_first_start_closed_frames_come_only_with_backfill() -> None:
    """Open ones start; closed ones are remembered in silence, unless history reaches back to their end."""
    old = replace(ENDED, id="old")
    silent, loud = Told(known_from=None), Told(known_from=None, since=NOON)
    for told in (silent, loud):
        told.see(BATCH)
        told.see(old)
        told.stream.know_from(NOON - HOUR)
        told.see(old)
    assert silent.ops == ["start"]
    assert loud.ops == ["start", "end"]


@pytest.mark.parametrize("known_from", [None, NOON - HOUR])
def test_a_stream_that_falls_behind_tells_what_it_kept_to_itself(known_from: int | None) -> None:
    """It is to reach further back than it did: once, and only what it had not told by then."""
    told = Told(known_from=None, since=NOON + 2 * HOUR)
    frames = [replace(ENDED, id=f"f{ended}", end_ticks=NOON + ended * HOUR) for ended in (-2, 1, 3)]
    for frame in frames:
        told.see(frame)
    told.known_from, told.begun, told.since = known_from, NOON + 2 * HOUR, NOON
    told.restart()
    assert told.stream.is_behind
    for _ in range(2):
        for frame in frames:
            told.see(frame)
        told.stream.know_from(NOON - HOUR)
        assert not told.stream.is_behind
    assert [event.value["id"] for event in told.events] == ["f3", "f1"]


def test_an_old_frame_that_changes_is_news() -> None:
    """What was closed before the first start is told once it changes, as what it is then; its deletion is no news."""
    told = Told(known_from=None)
    told.see(ENDED)
    told.see(replace(ENDED, id="f2"))
    told.stream.know_from(NOON - HOUR)
    told.see(replace(ENDED, name="B-1A"))
    told.miss("f2")
    assert told.ops == ["end"]


def test_what_ended_before_anybody_looked_stays_untold() -> None:
    """A longer look back, for other purposes, makes no news of old frames."""
    told = Told(known_from=NOON + 2 * HOUR)
    told.see(ENDED)
    assert told.ops == []


def test_frames_of_other_templates_are_left_out() -> None:
    """Derived templates count; a frame that gets another template leaves the stream."""
    told = Told(template="Batch")
    told.see(replace(BATCH, id="other", lineage=("phase", "step")))
    told.see(replace(BATCH, lineage=("pilot batch", "batch")))
    told.see(replace(BATCH, template="Phase", lineage=("phase",)))
    assert told.ops == ["start", "delete"]


def test_a_record_says_what_a_frame_has_to_say() -> None:
    """Times as records have them; an open end is null; what is empty is left out."""
    assert content(replace(BATCH, parent="f0", elements=("Plant/R1",), attributes={"Recipe": "Ale"})) == {
        "id": "f1",
        "web_id": "I1Fm1",
        "name": "B-1",
        "template": "Batch",
        "start": "2026-03-01T12:00:00.0000000Z",
        "end": None,
        "parent": "f0",
        "elements": ["Plant/R1"],
        "attributes": {"Recipe": "Ale"},
    }
    assert content(ENDED)["end"] == "2026-03-01T13:00:00.0000000Z"


def test_what_is_forgotten_is_not_told_again() -> None:
    """A frame that ended long ago is dropped, and is old when it is seen again."""
    told = Told()
    told.see(ENDED)
    for fact in told.stream.forget_before(NOON + 2 * HOUR):
        told.stream.remember([fact])
        del told.kept[fact.id]
    assert told.stream.frames() == {}
    told.see(ENDED)
    assert told.ops == ["end"]


def test_what_may_be_lost_is_told_again() -> None:
    """Once, as it is then; frames of other times, and those that were never told, are not."""
    told = Told()
    for frame in (BATCH, replace(ENDED, id="f2", start_ticks=NOON - HOUR)):
        told.see(frame)
    for fact in told.stream.lose(NOON, NOON + 1):
        told.stream.remember([fact])
        told.kept[fact.id] = fact
    for _ in range(2):
        told.see(BATCH)
        told.see(replace(ENDED, id="f2", start_ticks=NOON - HOUR))
    assert told.ops == ["start", "end", "start"]


@given(
    st.lists(
        st.tuples(st.sampled_from("ab"), st.sampled_from(["open", "renamed", "closed", "gone"]), st.booleans()),
        max_size=20,
    )
)
def test_the_last_word_is_how_the_frame_is(steps: Sequence[tuple[str, str, bool]]) -> None:
    """Whatever happens, and whenever the daemon restarts: who follows the records has what PI has."""
    told = Told()
    now: dict[str, Frame] = {}
    for frame_id, state, restarts in steps:
        frame = replace(BATCH, id=frame_id)
        if state == "gone":
            now.pop(frame_id, None)
            told.miss(frame_id)
        else:
            now[frame_id] = {"open": frame, "renamed": replace(frame, name="X"), "closed": replace(ENDED, id=frame_id)}[
                state
            ]
            told.see(now[frame_id])
        if restarts:
            told.restart()
    followed: dict[str, object] = {}
    for event in told.events:
        frame_id = event.value["id"]
        assert (frame_id in followed) == (event.status not in (START, END) or frame_id in followed)
        if event.status == DELETE:
            del followed[frame_id]
        else:
            followed[frame_id] = event.value
    assert followed == {frame_id: content(frame) for frame_id, frame in now.items()}


def test_a_stream_that_leaves_remembers_nothing() -> None:
    """Another core tells it from then on; here it is new should it come back."""
    told = Told()
    told.see(BATCH)
    told.stream.remember(told.stream.leave())
    assert told.stream.frames() == {}
