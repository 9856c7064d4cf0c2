from itertools import pairwise
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from journal.samples import NOW, opened
from pibridge.audit.findings import Mend
from pibridge.audit.mending import mend, repair_of, replays_of
from pibridge.journal.backfill import WantedRepair
from pibridge.journal.gaps import Gap
from pibridge.model.event import DELETE, Event, Lane

GONE = Event(2, NOW + 5, None, DELETE)


def test_nothing_is_asked_for_where_nothing_differs() -> None:
    """Neither of PI nor of sinks."""
    assert repair_of(Mend(absent={"lake": {1: NOW}})) is None
    assert replays_of(Mend(spans={1: (1, 2)})) == []
    assert repair_of(Mend(spans={1: (1, 2)}, deletions=[GONE])) == WantedRepair(spans={1: (1, 2)}, deletions=(GONE,))


@given(st.dictionaries(st.integers(1, 30), st.integers(0, 99), min_size=1))
def test_exactly_what_a_sink_lacks_is_sent_again(times: dict[int, int]) -> None:
    """As runs of positions in order, within the times of these events; each sink gets its own."""
    first, second = replays_of(Mend(absent={"lake": times, "bus": {7: 70}}))
    assert (first.sinks, first.choice.places) == (("bus",), ((7, 7),))
    assert second.sinks == ("lake",)
    places = second.choice.places
    assert [seq for start, end in places for seq in range(start, end + 1)] == sorted(times)
    assert all(end + 1 < start for (_, end), (start, _) in pairwise(places))
    assert (second.choice.start_ticks, second.choice.end_ticks) == (min(times.values()), max(times.values()))


async def test_it_is_written_down(tmp_path: Path) -> None:
    """Deletions become events, times become gaps of one repair that is begun; both outlive the process."""
    async with opened(tmp_path) as journal:
        repair_id = await mend(journal, WantedRepair(spans={1: (NOW, NOW + 9)}, deletions=(GONE,)), NOW + 50)
        before = journal.backfills.all
    async with opened(tmp_path) as journal:
        assert await journal.seen([2], NOW, NOW + 9) == [GONE]
        chunk = await journal.next(Lane.HISTORY, 0)
        assert chunk.arrived_ticks == NOW + 50
        (gap,) = await journal.gaps()
        assert gap == Gap(gap.id, 1, NOW, NOW + 9, f"backfill {repair_id}")
        (found,) = journal.backfills.all
        assert [found] == before
        assert (found.kind, found.state, found.numbers, found.owed_ticks) == ("repair", "running", (1,), 10)


async def test_deletions_alone_are_no_repair(tmp_path: Path) -> None:
    """There is nothing to be read, and nothing to wait for."""
    async with opened(tmp_path) as journal:
        assert await mend(journal, WantedRepair(deletions=(GONE,)), NOW) == ""
        assert (journal.backfills.all, await journal.gaps()) == ([], [])
