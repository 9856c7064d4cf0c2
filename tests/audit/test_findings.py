import msgspec

from pibridge.audit.findings import Count, Mend, SinkCount
from pibridge.delivery.verdict import Verdict
from pibridge.model.event import DELETE, Event


def sink(absent: int = 0) -> SinkCount:
    """Give what became of three events."""
    return SinkCount({Verdict.DELIVERED: 2, Verdict.WITHHELD: 1}, {"quality": 1}, absent)


def test_hours_add_up() -> None:
    """Values are summed, by sink and verdict; of tags, the hour with the most counts."""
    count = Count(tags=5, archived=10, missing=1, unread=2, not_compared=1, sinks={"lake": sink()})
    count.add(Count(tags=4, archived=7, edited=2, unread=1, not_compared=3, sinks={"lake": sink(3), "bus": sink()}))
    assert (count.tags, count.archived, count.unread, count.not_compared) == (5, 17, 2, 3)
    assert count.sinks["lake"] == SinkCount({Verdict.DELIVERED: 4, Verdict.WITHHELD: 2}, {"quality": 2}, 3)
    assert count.sinks["bus"] == sink()
    assert count.unexplained == 1 + 2 + 3


def test_what_is_owed_or_only_here_needs_no_explanation() -> None:
    """The one is on its way, the other was discarded by PI's compression; nor does what nobody can compare."""
    assert Count(owed=3, only_here=4, unread=1, not_compared=1, archived=5, journaled=6).unexplained == 0
    assert Count(missing=1, edited=2, deleted=4, changed=8, sinks={"lake": sink(16)}).unexplained == 31


def test_one_that_was_added_to_changes_no_other() -> None:
    """A sink that comes later is a copy."""
    hour, all_ = Count(sinks={"lake": sink()}), Count()
    all_.add(hour)
    all_.add(hour)
    assert hour.sinks["lake"] == sink()


def test_it_is_read_as_it_was_written() -> None:
    """The ledger keeps it."""
    count = Count(missing=1, sinks={"lake": sink(2)})
    assert msgspec.msgpack.decode(msgspec.msgpack.encode(count), type=Count) == count


def test_a_span_holds_all_that_is_to_be_read_again() -> None:
    """Hour by hour it grows; what sinks lack and deletions are gathered."""
    mend = Mend()
    assert not mend
    mend.read_again(1, [])
    assert not mend
    mend.read_again(1, [7, 5])
    other = Mend(deletions=[Event(1, 3, None, DELETE)], absent={"lake": {4: 40}})
    other.read_again(1, [2])
    other.read_again(2, [9])
    mend.add(other)
    mend.add(Mend(absent={"lake": {5: 50}}))
    assert mend == Mend(
        spans={1: (2, 7), 2: (9, 9)}, deletions=[Event(1, 3, None, DELETE)], absent={"lake": {4: 40, 5: 50}}
    )
