"""An audit that has the ledger of an earlier one: what it tells, and when it cannot."""

from typing import Any

import pytest

from audit.benches import at, audit, findings, joined, read
from inspection.scenes import loaded
from intake.lines import QUIET, SECOND, Line
from pibridge.audit import auditor as auditor_module
from pibridge.audit.auditor import Auditor
from pibridge.audit.ledger import HOUR_TICKS, Page, page_fact
from pibridge.context.choice import Choice
from pibridge.journal.reader import JournalReader
from pibridge.model import ticks
from pibridge.model.event import DELETE, UPDATE, Event, Lane
from pibridge.simulator.samples import Sample


async def test_a_deletion_among_discarded_values_is_known_by_an_earlier_look(compressed: Line) -> None:
    """What the archive had then and has no more is deleted; what it never had was discarded."""
    line, name = compressed, "SINUSOID"
    (number,) = await joined(line, name, since_s=-1500)
    events = await read(line, number, name, since_s=-1500)
    first = await audit(line, -1500, -120)
    assert findings(first) == []
    assert first.count.only_here > 0
    plant, now = line.simulator.plant, line.clock.ticks
    kept = {sample.ticks for sample in plant.archive(name, at(line, -1500), at(line, -130), now)}
    (gone,) = [event for event in events if event.ticks in kept][1:2]
    plant.delete(name, gone.ticks)
    assert findings(await audit(line, -1500, -120)) == []
    again = await audit(line, -1500, -120, earlier=first.cells)
    assert findings(again) == [("deleted", name, ticks.render(gone.ticks))]
    assert again.count.only_here == first.count.only_here
    # It is told; from then on the archive is as it should be.
    await line.journal.commit(Lane.HISTORY, again.mend.deletions, now)
    last = await audit(line, -1500, -120, earlier=again.cells)
    assert (findings(last), last.cells[number].both) == ([], again.cells[number].both)


async def test_an_hour_of_which_a_part_could_not_be_read_finds_nothing_later(
    line: Line, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The ledger keeps of a tag a whole hour or nothing."""
    monkeypatch.setattr(auditor_module, "_SLICE_TICKS", 60 * SECOND)
    (number,) = await joined(line, QUIET)
    for second in range(-590, -130, 10):
        line.write(second, 1.0)
    await read(line, number, QUIET)
    for count in (1, 3):
        fault = line.simulator.faults.add(f"stream-error@tag={QUIET},count={count}")
        partly = await audit(line)
        line.simulator.faults.remove(fault.number)
        assert (partly.count.unread, partly.cells, findings(partly)) == (1, {}, [])
    assert findings(await audit(line, earlier=partly.cells)) == []


async def test_what_a_tag_reached_back_for_since_is_no_change(line: Line) -> None:
    """It joined in the middle, and a backfill has reached further: the earlier look was at less."""
    (number,) = await joined(line, QUIET, since_s=-300)
    for second in (-500, -400, -250, -200, -10):
        line.write(second, 1.0)
    await read(line, number, QUIET, since_s=-300)
    first = await audit(line)
    assert first.count.archived == 2
    await line.journal.join([number], at(line, -600))
    past = [Event(number, at(line, second), 1.0) for second in (-500, -400)]
    await line.journal.commit(Lane.HISTORY, past, line.clock.ticks)
    again = await audit(line, earlier=first.cells)
    assert (findings(again), again.count.archived) == ([], 4)
    line.simulator.plant.delete(QUIET, at(line, -250))
    assert findings(await audit(line, earlier=again.cells)) == [("deleted", QUIET, ticks.render(at(line, -250)))]


async def test_what_was_told_between_two_audits_is_no_finding(line: Line) -> None:
    """A late value, an edit and a deletion that came by the normal road; what was not told beside them is named."""
    (number,) = await joined(line, QUIET)
    for second in (-500, -400, -300, -250, -200, -10):
        line.write(second, 1.0)
    await read(line, number, QUIET)
    first = await audit(line)
    plant, then = line.simulator.plant, line.clock.ticks
    line.clock.advance(60)
    await line.tell_time()
    late, edited, deleted, untold = (then + each * SECOND for each in (-450, -400, -300, -250))
    plant.insert(QUIET, Sample(late, 5.0))
    plant.replace(QUIET, edited, 2.0)
    plant.delete(QUIET, deleted)
    told = [Event(number, late, 5.0), Event(number, edited, 2.0, UPDATE), Event(number, deleted, None, DELETE)]
    await line.journal.commit(Lane.HISTORY, told, line.clock.ticks)
    span = -660, -180
    again = await audit(line, *span, earlier=first.cells)
    assert (findings(again), again.count.unexplained) == ([], 0)
    plant.delete(QUIET, untold)
    assert findings(await audit(line, *span, earlier=first.cells)) == [("deleted", QUIET, ticks.render(untold))]
    await line.journal.commit(Lane.HISTORY, [Event(number, untold, None, DELETE)], line.clock.ticks)
    assert findings(await audit(line, *span, earlier=first.cells)) == [], "it was told; the ledger is as before"


async def test_time_that_retention_has_trimmed_is_compared_by_the_ledger(
    line: Line, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Equal: nothing; changed: that is all that can be told; unknown: it is not compared."""
    (number,) = await joined(line, QUIET)
    for second in (-500, -400, -10):
        line.write(second, 1.0)
    await read(line, number, QUIET)
    first = await audit(line)
    tally = JournalReader.tally
    monkeypatch.setattr(JournalReader, "tally", lambda reader: _trimmed(tally(reader), line.clock.ticks))
    unknown = await audit(line)
    assert (findings(unknown), unknown.count.not_compared, unknown.count.unexplained) == ([], 1, 0)
    same = await audit(line, earlier=first.cells)
    assert (findings(same), same.count.not_compared, same.cells) == ([], 0, first.cells)
    line.simulator.plant.replace(QUIET, at(line, -400), 2.0)
    changed = await audit(line, earlier=first.cells)
    assert findings(changed) == [("changed", QUIET, ticks.render(at(line, -600)))]
    assert (changed.count.changed, bool(changed.mend)) == (1, False)


def _trimmed(counts: Any, moment: int) -> Any:
    counts.trimmed_ticks = moment
    return counts


async def test_the_ledger_is_asked_for_whole_hours(line: Line) -> None:
    """Of a part of one it has nothing."""
    (number,) = await joined(line, QUIET, since_s=-8000)
    hour = at(line, -7000) // HOUR_TICKS * HOUR_TICKS
    line.write((hour - line.clock.ticks) / SECOND + 5, 1.0)
    await read(line, number, QUIET, since_s=-8000)
    async with Auditor.open(loaded(line.folder), line.client, is_read=False) as auditor:
        assert auditor.tags(Choice(tags=("X*",))) == []
        found = await auditor.audit([number], hour, hour + HOUR_TICKS - 1, {})
        await line.journal.commit(Lane.LIVE, [], 0, [page_fact(hour, Page(cells=found.cells))])
        assert await auditor.earlier(hour, hour + HOUR_TICKS - 1) == found.cells
        assert await auditor.earlier(hour, hour + HOUR_TICKS - 2) == {}
        assert await auditor.earlier(hour + HOUR_TICKS, hour + 2 * HOUR_TICKS - 1) == {}
