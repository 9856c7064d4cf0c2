from pathlib import Path

import msgspec

from context.rules import frame
from delivery.shelves import Shelf, opened
from inspection.scenes import delivered, loaded
from journal.samples import NOW, tags
from pibridge.context.choice import Choice
from pibridge.delivery.verdict import Verdict
from pibridge.inspection.absence import Absence
from pibridge.inspection.explain import Known, explain
from pibridge.inspection.explanation import Explanation
from pibridge.intake.frame_reader import facts_of
from pibridge.journal.backfill import WantedHistory
from pibridge.journal.facts import Fact
from pibridge.journal.gaps import NewGap
from pibridge.journal.reader import JournalReader
from pibridge.model import ticks
from pibridge.model.event import BAD, DELETE, UPDATE, Event, Lane

FRAMES = {"database": r"\\AF1\Plant", "template": "Unit Batch"}
CONTEXT = {
    "assets": [{"points": r"\\PI\T1", "asset": "Plant/Area1/R1"}],
    "batches": {
        "units": {"assets": "Plant/**", "event_frames": {"database": r"\\AF1\Plant", "template": "Unit Batch"}}
    },
    "hold": "15s",
}


def look(folder: Path, name: str, moment: int, known: Known | None = None) -> Explanation:
    """Explain a tag at a time."""
    reader = JournalReader.open(folder)
    try:
        return explain(loaded(folder, context=CONTEXT), reader, name, moment, lambda _: known)
    finally:
        reader.close()


async def test_all_versions_of_a_value_are_told(tmp_path: Path) -> None:
    """With the way they came, their quality in words, their asset and batch by its rule, and each sink's verdict."""
    told = frame("B-1", NOW - 60, NOW + 60)
    async with opened(tmp_path) as dock:
        known = Fact(facts_of(r"\\AF1\PLANT"), told.id, msgspec.msgpack.encode(told))
        await dock.journal.commit(Lane.LIVE, [], NOW, [known])
        await dock.journal.commit(Lane.LIVE, [Event(1, NOW, 5, BAD)], NOW + 1)
        await delivered(dock, loaded(tmp_path), Shelf())
        await dock.journal.commit(Lane.HISTORY, [Event(1, NOW, 6, UPDATE), Event(1, NOW, 6, DELETE)], NOW + 2)
        (tag,) = look(tmp_path, "t1", NOW).tags
    first, edited, deleted = tag.events
    assert tag.missing is None
    assert (first.seq, first.lane, first.read, first.quality) == (
        1,
        "live",
        "live, over a channel",
        "bad: PI marks it bad",
    )
    assert (first.arrived, first.is_at) == (ticks.render(NOW + 1), True)
    assert (first.asset, first.asset_by, first.rule) == ("Plant/Area1/R1", "context.assets", "units")
    assert msgspec.json.decode(first.batch)["id"] == "B-1"
    assert msgspec.json.decode(first.record)["quality"] == "bad"
    assert [event.change for event in (edited, deleted)] == ["edited in PI", "deleted in PI"]
    assert edited.read == "from PI's archive"
    verdicts = [event.sinks["lake"].verdict for event in (first, edited, deleted)]
    assert verdicts == [Verdict.DELIVERED, Verdict.WAITING, Verdict.WAITING]


async def test_held_events_say_until_when(tmp_path: Path) -> None:
    """They are on disk, have no place, and no sink was given them."""
    async with opened(tmp_path) as dock:
        dock.journal.hold({1})
        dock.journal.append([Event(1, NOW, 5)], NOW)
        await dock.journal.flush()
        (event,) = look(tmp_path, "T1", NOW).tags[0].events
    assert (event.seq, event.stored, event.record) == (None, "", msgspec.Raw(b"null"))
    assert event.held_until == ticks.render(NOW + 15 * ticks.PER_SECOND)
    assert event.sinks["lake"].verdict is Verdict.HELD


async def test_a_value_that_is_not_there_has_its_reason_and_neighbours(tmp_path: Path) -> None:
    """What is owed is told with the gap; what the daemon knows is told, too."""
    async with opened(tmp_path) as dock:
        await dock.journal.join([1], NOW - 100)
        await dock.journal.selections.keep("s", "digest", [1])
        await dock.journal.commit(Lane.LIVE, [Event(1, NOW, 5), Event(1, NOW + 9, 6)], NOW + 50)
        (tag,) = look(tmp_path, r"\\pi\t1", NOW + 3).tags
        assert tag.missing is not None
        assert (tag.missing.absence, tag.is_selected) == (Absence.NOT_THERE, True)
        assert [(event.value, event.is_at) for event in tag.events] == [(5, False), (6, False)]
        await dock.journal.open_gaps([NewGap(1, NOW + 2, None, "a channel lost")])
        known = Known({1: "403 Forbidden"}, {"s": "0 of 1 channels are open"}, {"lake": "no route"})
        found = look(tmp_path, "T1", NOW + 3, known)
        (tag,) = found.tags
        assert tag.missing is not None
        assert (tag.missing.absence, tag.refused) == (Absence.OWED, "403 Forbidden")
        assert found.daemon
        assert found.notes[-2:] == ["stream s: 0 of 1 channels are open", "sink lake: no route"]
        assert "no daemon was asked" in look(tmp_path, "T1", NOW + 3).notes[-1]
        (other,) = look(tmp_path, "T3", NOW).tags
        assert other.missing is not None
        assert (other.missing.absence, other.events) == (Absence.NOT_BEGUN, [])


async def test_what_a_backfill_has_read_is_no_time_before_the_beginning(tmp_path: Path) -> None:
    """What it is still to read is owed; what it does not reach was never read."""
    async with opened(tmp_path) as dock:
        await dock.journal.join([1], NOW)
        await dock.journal.selections.keep("s", "digest", [1])
        await dock.journal.commit(Lane.LIVE, [Event(1, NOW + 9, 6)], NOW + 50)
        backfills = dock.journal.backfills
        await backfills.order(WantedHistory(choice=Choice(start_ticks=NOW - 100, end_ticks=NOW - 50)), "backfill")
        (found,) = backfills.all
        await backfills.begin(found, [1], NOW - 50, [NewGap(1, NOW - 70, NOW - 50, found.reason)])
        said = [look(tmp_path, "T1", moment).tags[0].missing for moment in (NOW - 90, NOW - 60, NOW - 20)]
    assert [each and each.absence for each in said] == [Absence.NOT_THERE, Absence.OWED, Absence.NOT_BEGUN]


async def test_a_name_that_nothing_has_is_told_with_those_like_it(tmp_path: Path) -> None:
    """There is nothing to look for."""
    async with opened(tmp_path) as dock:
        await dock.journal.describe([msgspec.structs.replace(tags(1)[0], name="SINUSOID", path=r"\\PI\SINUSOID")])
        found = look(tmp_path, "SINUSOIDS", NOW)
    assert found.missing is not None
    assert (found.missing.absence, found.tags, found.nearest) == (Absence.NO_SUCH_TAG, [], ["SINUSOID"])
