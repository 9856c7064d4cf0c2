import asyncio
import json
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from audit.benches import BULK, at, audit, findings, into_files, joined, read
from inspection.scenes import loaded
from intake.lines import QUIET, SECOND, Line, opened, path, plant_settings
from intake.readers import points, reading
from pibridge.audit import auditor as auditor_module
from pibridge.audit.journaled import Journaled
from pibridge.context.choice import Choice
from pibridge.intake import backfilling
from pibridge.journal.backfill import WantedHistory
from pibridge.journal.gaps import CloseGap, NewGap
from pibridge.journal.reader import JournalReader
from pibridge.model import ticks
from pibridge.model.event import Event, Lane
from pibridge.model.tag import Mode
from waiting import eventually, running

SAMPLED = {"mode": "interpolated", "interval": "10s"}
STEP_S = 20


def _is_more(line: Line, known_seq: int) -> bool:
    return line.journal.stat().newest_seq > known_seq


async def passes(line: Line, steps: int) -> None:
    """Let time pass, step by step, so that all is read as it comes."""
    for _ in range(steps):
        line.clock.advance(STEP_S)
        await eventually(partial(_is_more, line, line.journal.stat().newest_seq))
    await line.tell_time()


@pytest.mark.parametrize(
    "settings",
    [{}, {"mode": "recorded", "via": "poll", "interval": "50ms"}, {"mode": "recorded", "via": "updates"}],
    ids=["channels", "recorded by polls", "recorded by updates"],
)
async def test_nothing_is_found_where_nothing_was_lost(compressed: Line, settings: dict[str, Any]) -> None:
    """History, live values in disorder, values that compression discarded: all of it has its explanation."""
    line = compressed
    stream = points(*BULK, "SINUSOID", QUIET, backfill="10m", **settings)
    async with running(reading(line, s=stream).run()):
        await eventually(lambda: line.journal.stat().newest_seq > 100)
        await passes(line, 12)
        await eventually(line.owes_nothing)
        await line.journal.flush()
        begun = await audit(line, -850, -700)
        found = await audit(line, -800, -130)
    assert (findings(found), found.notes, found.count.unexplained) == ([], [], 0)
    assert (found.count.tags, found.count.unread, found.count.not_compared) == (5, 0, 0)
    assert found.count.archived > 300
    assert (found.count.only_here > 0) is (not settings)
    assert found.count.journaled - found.count.only_here == found.count.archived
    # What was before the tags were owed is nobody's.
    assert (findings(begun), begun.mend) == ([], found.mend)
    assert not found.mend


async def test_what_is_sampled_is_counted_by_its_instants(line: Line) -> None:
    """Each that the stream owes is there; one that lacks is missing, and one of another interval is only noted."""
    told = loaded(line.folder, streams={"s": {"select": {"points": [path("SINUSOID")]}, **SAMPLED}})
    async with running(reading(line, s=points("SINUSOID", backfill="10m", **SAMPLED)).run()):
        await eventually(line.owes_nothing)
        await eventually(lambda: line.journal.stat().newest_seq > 50)
        found = await audit(line, -500, -130, told=told)
    assert (findings(found), found.notes) == ([], [])
    assert found.count.archived == found.count.journaled == 37
    (number,) = await joined(line, "SINUSOID", mode=Mode.INTERPOLATED)
    other = loaded(line.folder, streams={"s": {"select": {"points": [path("SINUSOID")]}, **SAMPLED, "interval": "7s"}})
    found = await audit(line, -500, -130, told=other)
    assert (findings(found), len(found.notes)) == ([], 1)
    assert "other times than its stream says now" in found.notes[0]
    assert number == 1


async def test_a_sampled_instant_that_lacks_is_missing(line: Line) -> None:
    """It is found by the grid, without PI."""
    told = loaded(line.folder, streams={"s": {"select": {"points": [path("SINUSOID")]}, **SAMPLED}})
    (number,) = await joined(line, "SINUSOID", mode=Mode.INTERPOLATED)
    first = -(-at(line, -600) // (10 * SECOND)) * 10 * SECOND
    moments = range(first, line.clock.ticks, 10 * SECOND)
    lost = moments[7]
    await line.journal.commit(Lane.LIVE, [Event(number, each, 1) for each in moments if each != lost], 0)
    await line.journal.commit(Lane.LIVE, [Event(number, line.clock.ticks + 1, 1)], line.clock.ticks + 1)
    found = await audit(line, told=loaded(line.folder, streams=told.configuration.model_dump(mode="json")["streams"]))
    assert findings(found) == [("missing", "SINUSOID", ticks.render(lost))]
    assert found.mend.spans == {number: (lost, lost)}


async def test_a_held_event_is_there(line: Line) -> None:
    """It is on disk, and waits for its batch."""
    (number,) = await joined(line, QUIET)
    line.write(-300, 1.0)
    line.journal.hold({number})
    line.journal.append([Event(number, at(line, -300), 1.0)], line.clock.ticks)
    await line.journal.flush()
    assert len(JournalReader.open(line.folder).held()) == 1
    found = await audit(line)
    assert (findings(found), found.count.journaled) == ([], 1)


async def test_what_the_journal_lacks_is_missing_and_named(line: Line) -> None:
    """Also at the borders of the parts in which it is looked at, and values of one time."""
    (number,) = await joined(line, QUIET, since_s=-1500)
    border = -(-at(line, -1400) // (600 * SECOND)) * 600 * SECOND
    start_s = (border - line.clock.ticks) / SECOND
    times = [start_s, start_s + 600 - 1e-7, start_s + 600, start_s + 600 + 1e-7, start_s + 700]
    for second in times:
        line.write(second, 1.0)
        line.write(second, 2.0)
    events = await read(line, number, QUIET, since_s=-1500, but=(1, 2, 4, 5))
    await line.journal.commit(Lane.LIVE, [Event(number, line.clock.ticks, 0)], line.clock.ticks)
    found = await audit(line, start_s, -120)
    lost = [events[index] for index in (1, 2, 4, 5)]
    assert [(each.what, each.ts, each.pi) for each in found.findings] == [
        ("missing", ticks.render(event.ticks), event.value) for event in lost
    ]
    assert (found.count.missing, found.count.archived, found.count.journaled) == (4, 10, 6)
    assert found.mend.spans == {number: (lost[0].ticks, lost[-1].ticks)}


async def test_what_a_backfill_has_read_is_compared(line: Line, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where it does not reach up to when the tag joined; what lies between is nobody's."""
    monkeypatch.setattr(backfilling, "_LOOK_S", 0.02)
    for second in (-2600, -2500, -1500):
        line.write(second, 1.0)
    async with running(reading(line, s=points(QUIET)).run()):
        await eventually(lambda: line.journal.joined(1) is not None)
        wanted = WantedHistory(choice=Choice(start_ticks=at(line, -3000), end_ticks=at(line, -2000)))
        await line.journal.backfills.order(wanted, "backfill")
        await eventually(lambda: line.journal.backfills.all[-1].state == "done")
    fine = await audit(line, -3500, -1000)
    assert (findings(fine), fine.count.archived, fine.count.journaled) == ([], 2, 2)
    # Now that nobody reads them, edits are found by the audit alone.
    for second in (-2500, -1500):
        line.simulator.plant.replace(QUIET, at(line, second), 2.0)
    assert findings(await audit(line, -3500, -1000, is_read=True)) == [("edited", QUIET, ticks.render(at(line, -2500)))]


async def test_what_a_cancelled_backfill_left_out_is_not_missing(line: Line) -> None:
    """Nor what one that is paused is still to read, nor one that nobody has begun."""
    (number,) = await joined(line, QUIET, since_s=-300)
    for second in (-500, -10):
        line.write(second, 1.0)
    await read(line, number, QUIET, since_s=-300)
    backfills = line.journal.backfills
    start, end = at(line, -600), at(line, -301)
    wanted = WantedHistory(choice=Choice(start_ticks=start, end_ticks=end))
    backfill_id = await backfills.order(wanted, "backfill")
    assert findings(await audit(line)) == []
    (found,) = backfills.all
    await backfills.begin(found, [number], end, [NewGap(number, start, end, found.reason)])
    await backfills.pause(backfill_id)
    assert findings(await audit(line)) == []
    await backfills.cancel(backfill_id)
    assert findings(await audit(line)) == []


async def test_an_edit_is_named_with_both_values(line: Line) -> None:
    """PI has another one in its place."""
    (number,) = await joined(line, QUIET)
    for second in (-400, -300, -10):
        line.write(second, 1.0)
    await read(line, number, QUIET)
    line.simulator.plant.replace(QUIET, at(line, -300), 2.0)
    found = await audit(line)
    (one,) = found.findings
    assert (one.what, one.ts, one.pi, one.journal) == ("edited", ticks.render(at(line, -300)), 2.0, 1.0)
    assert found.mend.spans == {number: (at(line, -300),) * 2}


@pytest.mark.parametrize("kind", ["recorded", "read from the archive", "not compressed"])
async def test_a_deletion_is_known_at_once_where_the_archive_must_have_had_it(tmp_path: Path, kind: str) -> None:
    """Of mode recorded, of what was read from there, of points that PI does not compress."""
    name = QUIET if kind == "not compressed" else BULK[0]
    async with opened(tmp_path, plant_settings(compression=True)) as line:
        (number,) = await joined(line, name, mode=Mode.RECORDED if kind == "recorded" else Mode.REALTIME)
        if name == QUIET:
            for second in (-500, -400, -300, -10):
                line.write(second, 1.0)
        lane = Lane.LIVE if kind == "not compressed" else Lane.HISTORY
        events = await read(line, number, name, lane=lane)
        gone = events[1]
        assert findings(await audit(line)) == []
        line.simulator.plant.delete(name, gone.ticks)
        found = await audit(line)
    assert findings(found) == [("deleted", name, ticks.render(gone.ticks))]
    assert [(event.ticks, event.value) for event in found.mend.deletions] == [(gone.ticks, None)]
    assert (found.count.deleted, found.count.only_here) == (1, 0)


async def test_a_line_that_was_deleted_from_a_file_is_absent(line: Line) -> None:
    """The sink has acknowledged it; only who reads files finds it."""
    told = loaded(line.folder)
    (number,) = await joined(line, QUIET)
    for second in (-400, -300, -200, -10):
        line.write(second, float(second))
    await read(line, number, QUIET)
    await into_files(line, told)
    whole = await audit(line, told=told, at_rest=True)
    lake = whole.count.sinks["lake"]
    assert (findings(whole), lake.absent, lake.looked_at_rest, dict(lake.verdicts)) == ([], 0, True, {"delivered": 3})
    (file,) = (line.folder / "out").glob("dt=*/*.jsonl")
    records = [json.loads(text) for text in file.read_text("utf-8").splitlines()]
    lost = next(record for record in records if record["value"] == -300.0)
    file.write_text("".join(f"{json.dumps(each)}\n" for each in records if each is not lost), encoding="utf-8")
    assert findings(await audit(line, told=told)) == []
    found = await audit(line, told=told, at_rest=True)
    assert findings(found) == [("absent", QUIET, lost["ts"])]
    assert (found.findings[0].seq, found.findings[0].sink) == (lost["seq"], "lake")
    assert found.mend.absent == {"lake": {lost["seq"]: at(line, -300)}}


async def test_what_is_owed_is_not_missing(line: Line) -> None:
    """It lies in a gap, or behind the newest event of its tag: whoever reads on begins there."""
    quiet, bulk = await joined(line, QUIET, BULK[0])
    for second in (-500, -400, -300, -200, -100):
        line.write(second, 1.0)
    await line.journal.commit(Lane.LIVE, [Event(quiet, at(line, -500), 1.0)], at(line, -500))
    await line.journal.commit(Lane.LIVE, [Event(quiet, at(line, -300), 1.0)], at(line, -300))
    await line.journal.open_gaps([NewGap(quiet, at(line, -450), at(line, -350), "a channel lost")])
    found = await audit(line)
    archived = line.simulator.plant.archive(BULK[0], at(line, -600), at(line, -120) - 1, line.clock.ticks)
    assert (findings(found), found.count.owed) == ([], 2 + len(archived))
    assert not found.mend
    assert bulk == 2


async def test_a_gap_that_is_paid_meanwhile_owes(line: Line, monkeypatch: pytest.MonkeyPatch) -> None:
    """Between the look at the events and that at the gaps: what was not there yet is not missing."""
    (number,) = await joined(line, QUIET)
    for second in (-400, -10):
        line.write(second, 1.0)
    await read(line, number, QUIET, but=(0,))
    await line.journal.open_gaps([NewGap(number, at(line, -450), at(line, -350), "a channel lost")])
    (gap,) = await line.journal.gaps()
    loop, reading_of = asyncio.get_running_loop(), Journaled.read

    def read_and_pay(journaled: Journaled, *asked: Any) -> Any:
        found = reading_of(journaled, *asked)
        paid = line.journal.commit(Lane.HISTORY, [Event(number, at(line, -400), 1.0)], 0, [CloseGap(gap.id)])
        asyncio.run_coroutine_threadsafe(paid, loop).result()
        return found

    monkeypatch.setattr(Journaled, "read", read_and_pay)
    found = await audit(line)
    assert (findings(found), found.count.owed) == ([], 1)


async def test_what_a_running_daemon_left_out_is_missing(line: Line) -> None:
    """What is some minutes old and behind the newest event of its tag should have been read; what is younger may be."""
    (quiet,) = await joined(line, QUIET)
    for second in (-500, -400, -200):
        line.write(second, 1.0)
    await line.journal.commit(Lane.LIVE, [Event(quiet, at(line, -500), 1.0)], at(line, -500))
    found = await audit(line, is_read=True)
    assert findings(found) == [("missing", QUIET, ticks.render(at(line, -400)))]
    assert found.count.owed == 1
    assert found.mend.spans == {quiet: (at(line, -400), at(line, -400))}


async def test_a_tag_that_pi_refuses_is_noted(line: Line) -> None:
    """The others are compared; it counts once, and what was known of it stays known."""
    quiet, _ = await joined(line, QUIET, BULK[0], since_s=-1500)
    for second in (-300, -10):
        line.write(second, 1.0)
    await read(line, quiet, QUIET, since_s=-1500)
    fine = await audit(line, -1500)
    line.simulator.faults.add(f"stream-error@tag={QUIET}")
    found = await audit(line, -1500, earlier=fine.cells)
    assert (findings(found), found.count.unread, len(found.notes)) == ([], 1, 1)
    assert found.notes[0].startswith(f"{QUIET}: PI does not give its archive: ")
    assert found.cells[quiet] == fine.cells[quiet]


async def test_one_point_in_two_modes_and_streams_is_two_tags(compressed: Line) -> None:
    """PI is asked once for it; each is compared by its own mode."""
    line, name = compressed, BULK[0]
    recorded = points(name, mode="recorded", via="poll", backfill="10m")
    async with running(reading(line, a=points(name, backfill="10m"), b=recorded).run()):
        await eventually(lambda: line.journal.stat().newest_seq > 100)
        await eventually(line.owes_nothing)
        found = await audit(line)
    assert (found.count.tags, findings(found), found.notes) == (2, [], [])


async def test_many_tags_are_compared_group_by_group(line: Line, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever fits into memory at once: the sums are the same."""
    numbers = await joined(line, *BULK)
    for number, name in zip(numbers, BULK, strict=True):
        await read(line, number, name, but=(5,))
    whole = await audit(line)
    monkeypatch.setattr(auditor_module, "_EVENTS_AT_ONCE", 10)
    parts = await audit(line)
    assert (parts.count, sorted(findings(parts)), parts.mend.spans) == (
        whole.count,
        sorted(findings(whole)),
        whole.mend.spans,
    )
    assert parts.count.missing == 3
