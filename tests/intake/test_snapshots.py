import pytest

from pibridge.intake.snapshots import Snapshots
from pibridge.model.event import DELETE, UPDATE, Event
from pibridge.pi.update_wire import Action, PreviousEventAction

ADD, CHANGE, REMOVE = Action.ADD, Action.UPDATE, Action.DELETE
NONE, ARCHIVED, DISCARDED = PreviousEventAction.NONE, PreviousEventAction.ARCHIVED, PreviousEventAction.DISCARDED
FIRST, SECOND, THIRD = (Event(1, 10 * place, float(place)) for place in (1, 2, 3))


def holding(*events: Event) -> Snapshots:
    """Give what holds these snapshots."""
    return Snapshots({event.tag: event for event in events})


def test_a_snapshot_waits_for_the_event_after_it() -> None:
    """It is told when PI has archived it, and never when compression dropped it."""
    snapshots = holding(FIRST)
    assert snapshots.take(SECOND, ADD, ARCHIVED) == [FIRST]
    assert snapshots.take(THIRD, ADD, DISCARDED) == []
    assert snapshots.take(Event(1, 40, 4.0), ADD, ARCHIVED) == [THIRD]
    assert (snapshots.unsure, snapshots.unknown) == ([], set())


def test_what_was_read_as_the_present_value_may_come_again() -> None:
    """The decision that comes with it was about the one before."""
    snapshots = holding(SECOND)
    assert snapshots.take(SECOND, ADD, ARCHIVED) == []
    assert snapshots.take(THIRD, ADD, ARCHIVED) == [SECOND]


def test_what_pi_does_not_tell_about_is_for_the_archive_to_say() -> None:
    """No decision, or an event that is older than the snapshot: it may be archived."""
    snapshots = holding(FIRST)
    assert snapshots.take(THIRD, ADD, NONE) == [FIRST]
    assert snapshots.take(SECOND, ADD, ARCHIVED) == [SECOND]
    assert snapshots.unsure == [FIRST, SECOND]


@pytest.mark.parametrize(("previous", "unknown"), [(ARCHIVED, {1}), (NONE, {1}), (DISCARDED, set())])
def test_a_decision_about_an_unknown_snapshot(previous: PreviousEventAction, unknown: set[int]) -> None:
    """What may be archived is to be read; the new event waits."""
    snapshots = holding()
    assert snapshots.take(FIRST, ADD, previous) == []
    assert snapshots.unknown == unknown
    assert snapshots.take(SECOND, ADD, ARCHIVED) == [FIRST]


def test_late_values_edits_and_deletions_pass_at_once() -> None:
    """They are of the past; the snapshot waits on."""
    snapshots = holding(THIRD)
    late, removed = Event(1, 15, 9.0, UPDATE), Event(1, 10, None, DELETE)
    assert snapshots.take(late, CHANGE, NONE) == [late]
    assert snapshots.take(removed, REMOVE, NONE) == [removed]
    assert snapshots.take(Event(1, 40, 4.0), ADD, ARCHIVED) == [THIRD]


@pytest.mark.parametrize("action", [CHANGE, REMOVE])
def test_an_edit_of_the_snapshot_itself(action: Action) -> None:
    """It passes, and what the snapshot is now is asked for."""
    snapshots = holding(FIRST)
    edit = Event(1, 10, 5.0, UPDATE)
    assert snapshots.take(edit, action, NONE) == [edit]
    assert snapshots.unknown == {1}
    assert snapshots.take(SECOND, ADD, DISCARDED) == []


def test_each_tag_has_its_own() -> None:
    """What happens to one decides about no other."""
    snapshots = holding(FIRST, Event(2, 10, 7.0))
    assert snapshots.take(SECOND, ADD, ARCHIVED) == [FIRST]
    assert snapshots.take(Event(2, 11, 8.0), ADD, ARCHIVED) == [Event(2, 10, 7.0)]
