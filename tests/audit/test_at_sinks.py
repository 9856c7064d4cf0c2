import tempfile
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, given, settings

from audit.sights import counted
from delivery.shelves import Shelf, opened
from inspection.scenes import delivered, loaded
from inspection.test_at_sinks import FILTERS, GOOD, REFUSED, ROUNDS, THIN, sink
from journal.samples import NOW
from pibridge.delivery.verdict import Verdict
from pibridge.journal.letters import Kept, Wanted
from pibridge.journal.reader import JournalReader
from pibridge.model.event import BAD, Event, Lane


@settings(max_examples=15, suppress_health_check=[HealthCheck.too_slow])
@given(rounds=ROUNDS, filter_=FILTERS)
async def test_the_counts_are_what_the_pump_did(
    rounds: list[tuple[Lane, list[Event]]], filter_: dict[str, Any]
) -> None:
    """Delivered, refused and withheld are exactly that; what a deadband may have kept back is not claimed."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        told = loaded(folder, sinks=sink(folder, filter_))
        shelf = Shelf(refuses=lambda record: "odd" if record.event.value == REFUSED else "")
        async with opened(folder) as dock:
            for lane, events in rounds:
                await dock.journal.commit(lane, events, NOW)
            await delivered(dock, told, shelf)
            counts, claimed = counted(dock, told)
            refused = {letter.letter.seq for letter in _letters(dock.folder)}
        taken = {seq for lane in Lane for seq in shelf.seqs(lane)}
        assert sum(counts.verdicts.values()) == sum(len(events) for _, events in rounds)
        assert counts.verdicts.get(Verdict.REFUSED, 0) == len(refused)
        assert set(claimed) <= taken
        assert len(claimed) == len(set(claimed)) == counts.verdicts.get(Verdict.DELIVERED, 0)
        assert sum(counts.withheld.values()) == counts.verdicts.get(Verdict.WITHHELD, 0)
        if "deadband" not in filter_:
            assert set(claimed) == taken
            assert Verdict.UNCERTAIN not in counts.verdicts


async def test_what_waits_or_goes_again_is_not_claimed(tmp_path: Path) -> None:
    """Nor what a sink began behind, or one that never began; a filter is named by its key."""
    told = loaded(tmp_path, sinks=sink(tmp_path, GOOD))
    async with opened(tmp_path) as dock:
        await dock.journal.commit(Lane.LIVE, [Event(1, NOW, 0)], NOW)
        assert counted(dock, told)[0].verdicts == {Verdict.NOT_BEGUN: 1}
        for lane in Lane:
            await dock.journal.cursor("lake", lane, start="now")
        await dock.journal.commit(Lane.LIVE, [Event(1, NOW, REFUSED), Event(1, NOW, 1), Event(1, NOW, 2, BAD)], NOW)
        await delivered(dock, told, Shelf(refuses=lambda record: "odd" if record.event.value == REFUSED else ""))
        await dock.journal.letters.resend(Wanted(sink="lake"))
        await dock.journal.commit(Lane.LIVE, [Event(1, NOW, 3)], NOW)
        counts, claimed = counted(dock, told)
    assert counts.verdicts == {
        Verdict.NOT_OWED: 1,
        Verdict.RESENDING: 1,
        Verdict.DELIVERED: 1,
        Verdict.WITHHELD: 1,
        Verdict.WAITING: 1,
    }
    assert (counts.withheld, list(claimed)) == ({"quality": 1}, [3])


async def test_a_deadband_leaves_it_open(tmp_path: Path) -> None:
    """But for what it lets pass always."""
    told = loaded(tmp_path, sinks=sink(tmp_path, THIN))
    async with opened(tmp_path) as dock:
        await dock.journal.commit(Lane.LIVE, [Event(1, NOW, 0), Event(1, NOW + 1, 0), Event(1, NOW + 2, "x")], NOW)
        await delivered(dock, told, Shelf())
        counts, claimed = counted(dock, told)
    assert (counts.verdicts, list(claimed)) == ({Verdict.UNCERTAIN: 2, Verdict.DELIVERED: 1}, [3])


def _letters(folder: Path) -> list[Kept]:
    reader = JournalReader.open(folder)
    try:
        return list(reader.dead_letters(Wanted(sink="lake")))
    finally:
        reader.close()
