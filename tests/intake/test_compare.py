from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from pibridge.intake.compare import as_it_stands, content, differences, place_of
from pibridge.model.event import BAD, DELETE, SUBSTITUTED, UPDATE, Event


def test_what_the_journal_lacks_is_new() -> None:
    """A late value at a time that had none is an event like any other."""
    assert differences([Event(1, 5, 1.0), Event(1, 7, 2.0)], [Event(1, 5, 1.0)]) == [Event(1, 7, 2.0)]


def test_another_value_in_place_of_the_journals_is_an_update() -> None:
    """PI replaced the value at this time; its own marks stay."""
    assert differences([Event(1, 5, 2.0, SUBSTITUTED)], [Event(1, 5, 1.0)]) == [Event(1, 5, 2.0, SUBSTITUTED | UPDATE)]


def test_a_further_value_of_the_same_time_replaces_nothing() -> None:
    """Several events of one time are legal, equal ones too."""
    assert differences([Event(1, 5, 1.0), Event(1, 5, 2.0)], [Event(1, 5, 1.0)]) == [Event(1, 5, 2.0)]
    assert differences([Event(1, 5, 1.0), Event(1, 5, 1.0)], [Event(1, 5, 1.0)]) == [Event(1, 5, 1.0)]


def test_what_compression_discarded_is_not_deleted() -> None:
    """Live values that the archive never had are no deletions."""
    assert differences([], [Event(1, 5, 1.0)]) == []


def test_what_was_in_the_archive_and_is_no_more_is_deleted() -> None:
    """The record has no value, and the quality of what was removed."""
    assert differences([], [Event(1, 5, 1.0, BAD | SUBSTITUTED)], [(1, 5)]) == [Event(1, 5, None, DELETE | BAD)]
    assert differences([], [Event(1, 5, 1.0), Event(1, 5, None, DELETE)], [(1, 5)]) == [], "told already"


def test_an_edit_that_puts_the_first_value_back_is_an_update() -> None:
    """What counts is how the journal stands after its updates, not what it ever had."""
    journaled = [Event(1, 5, 1.0), Event(1, 5, 2.0, UPDATE)]
    assert differences([Event(1, 5, 1.0)], journaled) == [Event(1, 5, 1.0, UPDATE)]
    assert differences([Event(1, 5, 2.0)], journaled) == []


def test_a_value_that_comes_back_after_a_deletion_is_new() -> None:
    """There is nothing left that it could replace."""
    journaled = [Event(1, 5, 1.0), Event(1, 5, None, DELETE)]
    assert differences([Event(1, 5, 1.0)], journaled) == [Event(1, 5, 1.0)]


EVENTS = st.lists(st.builds(Event, st.integers(1, 2), st.integers(0, 4), st.integers(0, 2)), max_size=12)


@given(EVENTS, EVENTS)
def test_the_differences_bring_the_journal_in_line(archive: list[Event], journaled: list[Event]) -> None:
    """Once they are journaled, what the archive knows stands as it does there, and nothing is left to tell."""
    again = [Event(event.tag, event.ticks, event.value) for event in archive]
    truth = Counter((place_of(event), content(event)) for event in archive)
    told = differences(archive, journaled)
    after = [*journaled, *told]
    assert differences(again, after) == []
    stands = Counter((place, content(event)) for place, events in as_it_stands(after).items() for event in events)
    assert truth - stands == Counter(), "the archive has more"
    updated = {place_of(event) for event in told if event.status & UPDATE}
    assert [key for key in stands - truth if key[0] in updated] == [], "an update leaves nothing of what it replaced"
