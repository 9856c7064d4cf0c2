from collections import Counter
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from pibridge.intake.compare import Place, content, place_of
from pibridge.intake.pages import MARGIN_TICKS, settle
from pibridge.journal.gaps import AdvanceGap, CloseGap, Gap
from pibridge.model import ticks
from pibridge.model.event import DELETE, Event

SECOND = ticks.PER_SECOND


def copied(event: Event) -> Event:
    """Give an event of its own: what is told may be marked."""
    return Event(event.tag, event.ticks, event.value)


def counted(events: list[Event]) -> Counter[tuple[Place, Any]]:
    """Count equal events."""
    return Counter((place_of(event), content(event)) for event in events)


def gap(start: int, end: int | None = 1000, tag: int = 1, number: int = 1) -> Gap:
    """Owe some time of a tag."""
    return Gap(number, tag, start, end, "test")


ARCHIVES = st.lists(st.builds(Event, st.just(1), st.integers(0, 12), st.integers(0, 2)), max_size=40).map(
    lambda events: sorted(events, key=lambda event: event.ticks)
)


@given(ARCHIVES, st.integers(2, 9), st.lists(st.integers(0, 39), max_size=10), st.booleans())
def test_paging_tells_every_event_once_and_in_order(
    archive: list[Event],
    most: int,
    journaled: list[int],
    forgets: bool,  # noqa: FBT001 - given by hypothesis
) -> None:
    """Whatever shares a time, however small the pages, whatever the journal has already, and across restarts."""
    had = [copied(archive[place]) for place in sorted(set(journaled)) if place < len(archive)]
    journal = list(had)
    owed, count = gap(0, 12), most
    for _ in range(200):
        page = [copied(event) for event in archive if event.ticks >= owed.start_ticks][:count]
        settled = settle(owed, page, journal, full=len(page) == count)
        if settled.stuck:
            count = count + 1 if forgets else count * 2
            continue
        journal += settled.told
        match settled.change:
            case CloseGap():
                break
            case AdvanceGap(start_ticks=start):
                owed, count = gap(start, 12), most
    else:
        raise AssertionError("the gap was never paid")
    assert counted(journal) == counted(archive)
    told = journal[len(had) :]
    assert told == sorted(told, key=lambda event: event.ticks)


def test_a_full_page_is_never_the_end() -> None:
    """PI cuts off without a sign: the last time is left to the next page, which begins there."""
    page = [Event(1, 1, 1.0), Event(1, 5, 2.0)]
    full = settle(gap(0), page, [], full=True)
    assert (full.told, full.change) == ([Event(1, 1, 1.0)], AdvanceGap(1, 5))
    assert settle(gap(0), page, [], full=False).change == CloseGap(1)


def test_a_full_page_that_reaches_beyond_the_gap_is_its_end() -> None:
    """What lies beyond the gap is another's business."""
    settled = settle(gap(0, 4), [Event(1, 1, 1.0), Event(1, 5, 2.0)], [], full=True)
    assert settled.told == [Event(1, 1, 1.0)]
    assert settled.change == CloseGap(1)


def test_a_full_page_of_one_time_is_asked_for_again() -> None:
    """Without a later time there is no way on but a greater count; what came is told if there is none."""
    settled = settle(gap(5), [Event(1, 5, 1.0), Event(1, 5, 2.0)], [], full=True)
    assert settled.stuck
    assert settled.change is None
    assert len(settled.told) == 2
    assert settled.until_ticks == 5


def test_an_empty_page_of_a_cut_off_answer_says_nothing() -> None:
    """Where the count holds for all streams together, one may have taken all of it."""
    settled = settle(gap(5), [], [], full=True)
    assert (settled.told, settled.change, settled.stuck) == ([], None, False)


def test_a_page_says_nothing_of_deletions_beyond_its_reach() -> None:
    """What was in the archive and is missing in a page that is cut off may come with the next."""
    had = [Event(1, 1, 1.0), Event(1, 3, 1.0), Event(1, 7, 1.0)]
    before = {(1, 1), (1, 3), (1, 7)}
    cut = settle(gap(0), [Event(1, 1, 1.0), Event(1, 5, 2.0)], had, full=True, archived_before=before)
    assert cut.told == [Event(1, 3, None, DELETE)]


def test_what_can_no_longer_be_compared_is_not_told_again() -> None:
    """The overlap of a gap was read before: where the journal has let go of it, it counts as told; the gap does not."""
    overlapping = Gap(1, 1, 0, 1000, "test", overlap_ticks=10)
    page = [Event(1, 3, 1.0), Event(1, 7, 2.0), Event(1, 12, 3.0)]
    assert [event.ticks for event in settle(overlapping, page, [], full=False, trimmed_ticks=5).told] == [7, 12]
    assert [event.ticks for event in settle(overlapping, page, [], full=False, trimmed_ticks=500).told] == [12]
    assert len(settle(overlapping, page, [], full=False).told) == 3
    assert len(settle(gap(0), page, [], full=False, trimmed_ticks=500).told) == 3


def test_gaps_begin_ten_seconds_early() -> None:
    """The margin is a promise of the contract."""
    assert MARGIN_TICKS == 10 * SECOND
