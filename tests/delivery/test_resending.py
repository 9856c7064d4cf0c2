import asyncio
import json
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

from context.plants import surroundings
from delivery.shelves import EVERYTHING, Dock, Shelf, opened
from journal.samples import NOW, events, raw, tags
from pibridge.context import filters
from pibridge.context.record import Record, context_of, json_record
from pibridge.context.settings import AssetMapping, FilterSettings
from pibridge.delivery.resending import Resent, bounds_of, next_part, remade
from pibridge.errors import JournalError
from pibridge.journal.letters import DeadLetter, Part, Wanted
from pibridge.journal.reader import JournalReader
from pibridge.model import ticks
from pibridge.model.event import Lane
from pibridge.sinks.contract import Batch, Bounds, Receipt, Sink
from pibridge.sinks.file import FileSink
from pibridge.sinks.settings import FileSettings
from waiting import eventually, running

LAKE = Wanted(sink="lake")


def odd(record: Record) -> str:
    """Refuse every second value."""
    return "odd value" if record.event.value % 2 else ""


def kept(dock: Dock) -> list[DeadLetter]:
    """Give the dead letters on disk."""
    reader = JournalReader.open(dock.folder)
    letters = [each.letter for each in reader.dead_letters(LAKE)]
    reader.close()
    return letters


@pytest.fixture
async def refused(dock: Dock) -> Dock:
    """Give a journal of which the sink has refused 2, 4, 6 and 8 in one lane, 11, 13 and 15 in the other."""
    await dock.journal.commit(Lane.LIVE, events(9), NOW)
    await dock.journal.commit(Lane.HISTORY, events(6), NOW)
    async with running(dock.pump(Shelf(refuses=odd)).run()):
        await eventually(lambda: dock.lag() == 0 and dock.counters.sink("lake").refused == 7)
    return dock


async def test_it_is_sent_again_when_asked_for(refused: Dock) -> None:
    """Under its own `seq` and lane, in order; the dead letter is gone, and what comes new is delivered beside it."""
    shelf = Shelf()
    async with running(refused.pump(shelf).run()):
        assert await refused.journal.letters.resend(LAKE) == 7
        await eventually(lambda: len(shelf.seqs()) + len(shelf.seqs(Lane.HISTORY)) == 7)
        await refused.journal.commit(Lane.LIVE, events(1), NOW)
        await eventually(lambda: refused.counters.sink("lake").delivered == 8 + 8)
    assert shelf.seqs() == [2, 4, 6, 8, 16]
    assert shelf.seqs(Lane.HISTORY) == [11, 13, 15]
    assert kept(refused) == []


async def test_refused_again_it_is_a_dead_letter_again(refused: Dock) -> None:
    """With the new reason and the number of tries; the others of its batch are delivered."""
    shelf = Shelf(refuses=lambda record: "still too odd" if record.seq in {4, 8} else "")
    async with running(refused.pump(shelf).run()):
        for tries in (2, 3):
            await refused.journal.letters.resend(LAKE)
            await eventually(lambda: [each.tries for each in kept(refused)] == [tries] * 2)  # noqa: B023 - looked at now
        await eventually(lambda: refused.counters.sink("lake").refused == 7 + 4)
    assert shelf.seqs() == [2, 6]
    assert [(each.seq, each.reason) for each in kept(refused)] == [(4, "still too odd"), (8, "still too odd")]


async def test_a_sink_that_is_away_is_tried_until_it_is_back(refused: Dock) -> None:
    """Nothing is lost meanwhile, and each try has the same bounds."""
    shelf = Shelf(breaks=3)
    async with running(refused.pump(shelf).run()):
        await refused.journal.letters.resend(Wanted(sink="lake", seqs=(2, 6)))
        await eventually(lambda: shelf.seqs() == [2, 6])
    assert shelf.fixed == [Bounds(Lane.LIVE, 2, 6, ticks.day(NOW))] * 4
    assert refused.counters.sink("lake").retries == 3


async def test_it_survives_a_crash_before_the_confirmation(tmp_path: Path) -> None:
    """Sent, not confirmed: the next start sends the same batch again."""
    leaving = asyncio.Event()

    async def hang(_: Bounds) -> None:
        leaving.set()
        await asyncio.Event().wait()

    async with opened(tmp_path) as dock:
        await dock.journal.commit(Lane.LIVE, events(5), NOW)
        async with running(dock.pump(Shelf(refuses=odd)).run()):
            await eventually(lambda: len(kept(dock)) == 2)
        before = Shelf(before_keeping=hang)
        async with running(dock.pump(before).run()):
            await dock.journal.letters.resend(LAKE)
            await asyncio.wait_for(leaving.wait(), 10)
        assert before.kept == {}
    async with opened(tmp_path) as dock:
        after = Shelf()
        async with running(dock.pump(after).run()):
            await eventually(lambda: after.seqs() == [2, 4])
        assert after.fixed == before.fixed


async def test_a_stop_leaves_the_rest_for_the_next_start(refused: Dock) -> None:
    """A sink that is away does not hold up the stop; what was asked for is done later."""
    shelf = Shelf(is_away=True)
    async with running(refused.pump(shelf).run()) as tasks:
        await refused.journal.letters.resend(LAKE)
        refused.stop.set(0)
        await asyncio.wait_for(asyncio.gather(*tasks), 10)
    assert (await refused.journal.letters.next("lake")).letters
    assert kept(refused) == []


async def test_what_cannot_be_read_holds_up_nothing_else(tmp_path: Path) -> None:
    """Damage in what was to be sent again is logged; what is new is delivered."""
    async with opened(tmp_path) as dock:
        await dock.journal.commit(Lane.LIVE, events(5), NOW)
        async with running(dock.pump(Shelf(refuses=odd)).run()):
            await eventually(lambda: len(kept(dock)) == 2)
        await dock.journal.letters.resend(LAKE)
    db = raw(tmp_path)
    db.execute("UPDATE resend SET packed = x'00'")
    db.close()
    async with opened(tmp_path) as dock:
        shelf = Shelf()
        async with running(dock.pump(shelf).run()):
            with pytest.raises(JournalError, match="damaged"):
                await dock.journal.letters.next("lake")
            await dock.journal.commit(Lane.LIVE, events(1), NOW)
            await eventually(lambda: shelf.seqs() == [6])


async def test_the_filter_is_the_one_of_now(refused: Dock) -> None:
    """What it keeps back is counted under its key and sent no more."""
    other = filters.build(FilterSettings(tags=frozenset({"T2"})))
    async with running(refused.pump(Shelf(), admits=other).run()):
        await refused.journal.letters.resend(LAKE)
        await eventually(lambda: refused.counters.sink("lake").withheld["tags"] == 7)
    assert kept(refused) == []


async def test_the_record_is_made_anew(refused: Dock) -> None:
    """With the context of now: a mapping that was added since tells the asset."""
    (letter, *_) = kept(refused)
    assert letter.event is not None
    assert json.loads(letter.line)["value"] == letter.event.value
    mapped = replace(refused, around=surroundings(AssetMapping(points=r"\\PI\T1", asset="Plant/P1")))
    (record,), _ = remade(Part(1, "lake", Lane.LIVE, [letter]), mapped.stamp(), EVERYTHING)
    assert (record.seq, record.event, record.context.lane) == (letter.seq, letter.event, Lane.LIVE)
    assert json.loads(json_record(record))["asset"] == {"path": "Plant/P1"}


async def test_writes_of_one_lane_do_not_overlap(refused: Dock) -> None:
    """A live batch is open while letters are sent again: the sink sees one call of a lane at a time."""

    class Watched(Shelf):
        busy = 0
        most = 0

        async def write(self, batch: Batch) -> Receipt:
            if batch.lane is not Lane.LIVE:
                return await super().write(batch)
            self.busy += 1
            self.most = max(self.most, self.busy)
            try:
                return await super().write(batch)
            finally:
                self.busy -= 1

    shelf = Watched(max_age_s=0.1)
    async with running(refused.pump(shelf).run()):
        await refused.journal.commit(Lane.LIVE, events(2), NOW)
        await eventually(lambda: shelf.busy)
        await refused.journal.letters.resend(LAKE)
        await eventually(lambda: set(shelf.seqs()) == {2, 4, 6, 8, 16, 17})
    assert shelf.most == 1


async def test_a_file_sink_writes_a_file_of_its_own(refused: Dock, tmp_path: Path) -> None:
    """A sink with names takes the batch like any other: one object under the bounds, none left unfinished."""
    out = tmp_path / "out"
    sink: Sink = FileSink(FileSettings.model_validate({"type": "file", "path": out}))
    async with running(refused.pump(sink).run()):
        await refused.journal.letters.resend(Wanted(sink="lake", seqs=(2, 4)))
        await eventually(lambda: [path.name for path in out.glob("dt=*/*.jsonl")] == ["live-2-4.jsonl"])
    assert not list(out.glob("dt=*/*.part"))


async def test_a_batch_is_given_once_whole() -> None:
    """It comes sealed, with the bounds of its records."""
    context = context_of("houston", tags(1)[0], None, Lane.LIVE)
    part = [Record(seq, event, context) for seq, event in enumerate(events(3), 5)]
    batch = Resent(bounds_of(Lane.LIVE, part), part, Counter())
    assert batch.sealed == await batch.seal() == Bounds(Lane.LIVE, 5, 7, ticks.day(NOW))
    assert [records async for records in batch] == [part]


async def test_a_stop_ends_the_waiting(dock: Dock) -> None:
    """Nothing is to be sent again: whoever waits for it learns of the stop."""
    waiting = asyncio.ensure_future(next_part(dock.journal, "lake", dock.stop))
    dock.stop.set(5)
    assert await asyncio.wait_for(waiting, 10) is None
