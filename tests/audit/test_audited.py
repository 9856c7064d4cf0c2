from collections.abc import Sequence

from journal.samples import tags
from pibridge.audit import fingerprints
from pibridge.audit.audited import Audited
from pibridge.audit.comparing import Archived, Earlier, Known, compare
from pibridge.audit.findings import SinkCount
from pibridge.delivery.verdict import Verdict
from pibridge.errors import RejectedError, UnavailableError
from pibridge.inspection.sightings import Sighting
from pibridge.journal.gaps import Gap
from pibridge.model.event import DELETE, Event, Lane
from pibridge.model.tag import Mode
from pibridge.model.ticks import FOREVER

(TAG,) = tags(1)
END = 1000
LOOKED = 5000


def live(*times: int) -> list[Event]:
    """Give values at these times."""
    return [Event(1, time, 1) for time in times]


def take(  # noqa: PLR0913 - what both have, and what it is judged by
    found: Audited,
    archive: Sequence[Event],
    journaled: Sequence[Event],
    *,
    gaps: Sequence[Gap] = (),
    since: int = 0,
    provisional: int = FOREVER,
) -> None:
    """Have a part of the time taken in: what PI has, and what came live."""
    seen = [Sighting(seq, Lane.LIVE, 0, event) for seq, event in enumerate(journaled, 1)]
    compared = compare(archive, seen, Known(mode=Mode.REALTIME, provisional_ticks=provisional))
    found.take(1, TAG, Archived(list(archive), since, provisional), compared, gaps)


def audited(archive: Sequence[Event], journaled: Sequence[Event], earlier: Earlier | None = None) -> Audited:
    """Give an audit of one part, settled."""
    found = Audited(0, END, {} if earlier is None else {1: earlier}, keeps_gone=True)
    take(found, archive, journaled)
    found.settle(LOOKED)
    return found


def earlier(*times: int, since: int = 0, until: int = FOREVER) -> Earlier:
    """Give what an earlier look found."""
    return Earlier(fingerprints.of(live(*times)), since, until, LOOKED)


def test_parts_are_one() -> None:
    """Counts and fingerprints of all of them together; what is provisional is no part of these."""
    found = Audited(0, END, {})
    take(found, live(1, 2), live(1, 2, 3), provisional=12)
    take(found, live(11, 12), live(11, 12), since=10, provisional=30)
    found.settle(LOOKED)
    assert (found.count.archived, found.count.journaled, found.count.only_here) == (4, 5, 1)
    assert found.cells == {1: Earlier(fingerprints.of(live(1, 2, 11)), 0, 12, LOOKED)}


def test_a_gap_owes_what_lies_in_it() -> None:
    """At both its ends, too; the rest is missing, and is to be read again."""
    found = Audited(0, END, {})
    gaps = [Gap(1, 1, 2, 3, "lost"), Gap(2, 1, 6, None, "lost")]
    take(found, live(1, 2, 3, 4, 6, 900), [], gaps=gaps)
    found.settle(LOOKED)
    assert (found.count.owed, found.count.missing) == (4, 2)
    assert found.mend.spans == {1: (1, 4)}
    assert [(each.what, each.pi, each.tag) for each in found.findings] == [("missing", 1, "T1")] * 2


def test_an_earlier_look_tells_a_deletion() -> None:
    """Of what is gone, what it had; within the time that it was at."""
    found = audited(live(1), live(1, 2, 3), earlier(1, 3))
    assert (found.count.deleted, found.count.only_here) == (1, 1)
    assert found.mend.deletions == [Event(1, 3, None, DELETE)]
    assert audited(live(1), live(1, 2, 3), earlier(1, until=2)).count.deleted == 0
    assert audited(live(1, 5), live(1, 5), earlier(5, since=2)).count.unexplained == 0


def test_what_cannot_be_told_is_a_change() -> None:
    """It had values that neither has now; in how many places is told at least."""
    found = audited(live(1), live(1), earlier(1, 2, 3))
    assert (found.count.changed, found.count.deleted, len(found.notes)) == (2, 0, 1)
    assert [each.what for each in found.findings] == ["changed"]
    assert not found.mend


def test_a_look_that_reached_further_back_says_nothing() -> None:
    """The tag has parted and joined again since: what was before is nobody's."""
    found = Audited(0, END, {1: earlier(1, 5)}, keeps_gone=True)
    take(found, live(5), live(5), since=3)
    found.settle(LOOKED)
    assert found.count.unexplained == 0
    assert found.cells == {1: Earlier(fingerprints.of(live(5)), 3, END + 1, LOOKED)}


def test_two_values_of_one_time_are_deleted_together() -> None:
    """Each is found; one deletion tells of both."""
    found = audited(
        [], [Event(1, 3, 1), Event(1, 3, 2)], Earlier(fingerprints.of([Event(1, 3, 1), Event(1, 3, 2)]), 0, 9, LOOKED)
    )
    assert found.count.deleted == 2
    assert found.mend.deletions == [Event(1, 3, None, DELETE)]


def test_time_of_which_not_all_is_kept_is_told_by_the_ledger() -> None:
    """Also where a part of it can be compared."""
    for before, changed, not_compared in ((earlier(1, 5), 0, 0), (earlier(1, 2, 5), 1, 0), (None, 0, 1)):
        found = Audited(0, END, {} if before is None else {1: before})
        found.take_archive_alone(1, TAG, Archived(live(1), 0, FOREVER))
        take(found, live(5), live(5, 6))
        found.settle(LOOKED)
        assert (found.count.changed, found.count.not_compared) == (changed, not_compared)
        assert found.cells == ({} if before is None else {1: before})


def test_what_is_sampled_or_refused_counts_once() -> None:
    """However many parts of the time it concerns."""
    found = Audited(0, END, {})
    for _ in range(3):
        found.take_archive_alone(1, TAG, None)
        found.take_unread(2, TAG, UnavailableError("away"), is_expected=False)
        found.take_unread(3, TAG, RejectedError("no history", status=409), is_expected=True)
    found.settle(LOOKED)
    assert (found.count.not_compared, found.count.unread) == (1, 1)
    assert found.notes == [
        "T1: PI does not give its archive: away",
        "of some tags PI keeps no history: they are not compared",
    ]


def test_sampled_instants_that_lack_are_missing() -> None:
    """Unless they are owed."""
    found = Audited(0, END, {})
    found.take_instants(1, TAG, 5, 3, [Event(1, 10, None), Event(1, 20, None)], [Gap(1, 1, 15, None, "lost")])
    assert (found.count.archived, found.count.journaled, found.count.missing, found.count.owed) == (5, 3, 1, 1)
    assert found.mend.spans == {1: (10, 10)}


def test_sinks_add_up() -> None:
    """Part by part; that files were read is told although they have everything."""
    found = Audited(0, END, {})
    found.take_sinks({"lake": SinkCount({Verdict.DELIVERED: 2})})
    found.take_sinks({"lake": SinkCount({Verdict.DELIVERED: 1}), "bus": SinkCount({Verdict.WAITING: 1})})
    found.take_absent("lake", [])
    assert found.count.sinks == {
        "lake": SinkCount({Verdict.DELIVERED: 3}, looked_at_rest=True),
        "bus": SinkCount({Verdict.WAITING: 1}),
    }


def test_findings_have_an_end() -> None:
    """All are counted, and a thousand are told."""
    found = audited(live(*range(1500)), [])
    assert (found.count.missing, len(found.findings)) == (1500, 1000)
    assert found.mend.spans == {1: (0, 1499)}
