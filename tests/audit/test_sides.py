from collections.abc import Sequence

from pibridge.audit.comparing import Archived
from pibridge.audit.sides import Sides, State, compared_of
from pibridge.errors import RejectedError
from pibridge.inspection.sightings import Sighting
from pibridge.intake.coverage import Coverage, Span
from pibridge.journal.gaps import Gap
from pibridge.model.event import Event, Lane
from pibridge.model.tag import Mode, Tag

TAG = Tag(stream="s", name="X", path="X", web_id="P1", mode=Mode.REALTIME)
COVERED = Coverage({1: 0}, {}, {}, 0)


def _events(*moments: int) -> list[Event]:
    return [Event(1, moment, 1.0) for moment in moments]


def _sides(*, joined: int, trimmed: int = 0, earlier: Sequence[Span] = ()) -> Sides:
    """Give a tag whose archive and journal both begin before it was owed; the journal lacks the last value."""
    archive = Archived(_events(10, 20, 30), 0, 100)
    seen = [Sighting(event.ticks, Lane.LIVE, event.ticks, event) for event in _events(10, 20)]
    return Sides(
        {1: TAG}, {1: archive}, {1: seen}, State(Coverage({1: joined}, {}, {1: earlier}, trimmed), {}, trimmed), (0, 50)
    )


def test_a_tag_is_compared_from_when_it_is_owed() -> None:
    """What both sides have of the time before says nothing."""
    sides = _sides(joined=15)
    archive = sides.archive_of(1)
    assert isinstance(archive, Archived)
    assert ([event.ticks for event in archive.events], archive.since_ticks) == ([20, 30], 15)
    assert [each.event.ticks for each in sides.seen_of(1)] == [20]
    assert sides.spans_of(1) == [(15, 50)]
    assert [event.ticks for event in compared_of(sides, {})[1].missing] == [30]


def test_what_a_backfill_has_read_is_compared_too() -> None:
    """What lies between that and when the tag joined is nobody's."""
    sides = _sides(joined=30, earlier=[(5, 12)])
    archive = sides.archive_of(1)
    assert isinstance(archive, Archived)
    assert ([event.ticks for event in archive.events], archive.since_ticks) == ([10, 30], 5)
    assert [each.event.ticks for each in sides.seen_of(1)] == [10]
    assert sides.spans_of(1) == [(5, 12), (30, 50)]


def test_what_retention_has_trimmed_is_not_compared() -> None:
    """The journal has it no more; that is no loss."""
    assert compared_of(_sides(joined=15, trimmed=15), {}) == {}
    assert compared_of(_sides(joined=15, trimmed=14), {}).keys() == {1}


def test_only_the_tags_that_are_meant_are_compared_as_uncompressed() -> None:
    """The others were compared already."""
    assert compared_of(_sides(joined=1), {}, uncompressed=[]) == {}
    assert compared_of(_sides(joined=1), {}, uncompressed=[1]).keys() == {1}


def test_a_refusal_is_passed_on() -> None:
    """Whoever counts says why a tag could not be compared."""
    refused = RejectedError("no such point", status=404)
    sides = Sides({1: TAG}, {1: refused}, {}, State(COVERED, {}, 0), (0, 50))
    assert sides.archive_of(1) is refused
    assert compared_of(sides, {}) == {}


def test_what_was_owed_before_or_after_a_look_is_owed() -> None:
    """A gap that is paid while the journal is read counts, as does one that is opened then."""
    before, after = (Gap(number, 1, 0, 9, "a channel lost", 0) for number in (1, 2))
    later = Coverage({1: 7}, {}, {}, 6)
    state = State(COVERED, {1: [before]}, 5).until(State(later, {1: [after], 2: [after]}, 6))
    assert (state.gaps, state.coverage, state.trimmed_ticks) == ({1: (before, after), 2: (after,)}, COVERED, 6)
