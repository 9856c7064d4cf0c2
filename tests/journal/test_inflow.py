import pytest
from hypothesis import given
from hypothesis import strategies as st

from journal.samples import NOW, events
from pibridge.journal.inflow import Inflow
from pibridge.model.event import Event


@given(
    taken=st.lists(st.lists(st.integers(1, 4), min_size=1, max_size=6), min_size=1, max_size=8),
    holding=st.sets(st.integers(1, 4)),
)
def test_nothing_is_lost_and_each_tag_keeps_its_order(taken: list[list[int]], holding: set[int]) -> None:
    """What is held and what is not are sealed apart; of each tag all events come, in the order they were taken."""
    inflow = Inflow()
    inflow.hold(holding)
    everything: list[Event] = []
    for numbers in taken:
        some = [Event(number, NOW, len(everything) + place) for place, number in enumerate(numbers)]
        everything += some
        inflow.take(some, NOW)
    stores = inflow.seal()
    for store in stores:
        assert all((event.tag in holding) == store.holds for event in store.events)
    sealed = [event for store in stores for event in store.events]
    for tag in range(1, 5):
        assert [event for event in sealed if event.tag == tag] == [event for event in everything if event.tag == tag]


def test_memory_is_counted_until_it_has_landed() -> None:
    """What is on its way counts, whole, and no more once it is on disk."""
    inflow = Inflow()
    inflow.hold({2})
    inflow.take([*events(7), *events(3, tag=2)], NOW)
    stores = inflow.seal()
    assert inflow.bytes == sum(store.memory_bytes for store in stores) > 0
    for store in stores:
        inflow.land(store)
    assert inflow.bytes == 0
    assert not inflow


@pytest.mark.parametrize("is_sealed", [False, True])
def test_it_tells_which_tags_are_on_their_way_to_be_held(is_sealed: bool) -> None:  # noqa: FBT001 - two cases
    """Until they have landed, also after the tag is held no longer."""
    inflow = Inflow()
    inflow.hold({2})
    inflow.take(events(3, tag=2), NOW)
    stores = inflow.seal() if is_sealed else []
    inflow.hold(())
    assert inflow.held_tags == {2}
    for store in stores or inflow.seal():
        inflow.land(store)
    assert inflow.held_tags == set()


def test_a_thousand_events_are_enough() -> None:
    """Then it asks to be sealed."""
    inflow = Inflow()
    assert not inflow.take(events(999), NOW)
    assert inflow.take(events(1), NOW)
