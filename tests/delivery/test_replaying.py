import asyncio
import itertools
import json
import random
from dataclasses import replace
from pathlib import Path

import pytest

from context.plants import surroundings
from delivery.shelves import Dock, Shelf, opened
from journal.samples import NOW, events, raw, tags
from pibridge.context import filters
from pibridge.context.choice import Choice
from pibridge.context.record import Record, json_record
from pibridge.context.settings import AssetMapping, FilterSettings
from pibridge.delivery import replaying
from pibridge.journal.journal import Journal
from pibridge.journal.letters import Wanted
from pibridge.journal.reader import JournalReader
from pibridge.journal.replay import Replay, WantedReplay
from pibridge.model.event import Lane
from pibridge.sinks.contract import Bounds
from pibridge.sinks.file import FileSink
from pibridge.sinks.settings import FileSettings
from waiting import eventually, running


def wanted(rate: float = 1e6, **choice: object) -> WantedReplay:
    """Give what is asked for."""
    return WantedReplay(choice=Choice(**choice), sinks=("lake",), rate=rate)  # type: ignore[arg-type]


async def told(dock: Dock) -> None:
    """Have nine live events and six of history delivered, of three tags."""
    await dock.journal.commit(Lane.LIVE, [*events(3), *events(3, tag=2, first=3), *events(3, tag=3, first=6)], NOW)
    await dock.journal.commit(Lane.HISTORY, events(6, first=20), NOW)
    async with running(dock.pump(Shelf()).run()):
        await eventually(lambda: dock.lag() == 0)


def of(journal: Journal) -> Replay:
    """Give the newest replay."""
    return journal.replays.all[-1]


def again(shelf: Shelf) -> list[int]:
    """Give the places of what was sent again."""
    return [record.seq for bounds, records in shelf.kept.items() if bounds.replay for record in records]


async def test_it_is_sent_again_marked_and_under_its_own_seq(dock: Dock) -> None:
    """With its lane, and the id of the replay in each record and in the bounds of each batch."""
    await told(dock)
    shelf = Shelf()
    async with running(dock.pump(shelf).run()):
        replay_id = await dock.journal.replays.order(wanted(start_ticks=NOW + 2, end_ticks=NOW + 20))
        await eventually(lambda: of(dock.journal).state == "done")
    assert again(shelf) == [3, 4, 5, 6, 7, 8, 9, 10]
    (bounds,) = shelf.kept
    assert (bounds.lane, bounds.replay, bounds.first, bounds.last) == (Lane.HISTORY, replay_id, 3, 15)
    lines = [json.loads(json_record(record)) for record in shelf.kept[bounds]]
    assert {line["replay"] for line in lines} == {replay_id}
    assert [line["lane"] for line in lines] == ["live"] * 7 + ["history"]
    assert (of(dock.journal).sent, of(dock.journal).refused, of(dock.journal).withheld) == (8, 0, {})


async def test_context_and_filter_are_those_of_now(dock: Dock) -> None:
    """What a tag was mapped onto since reaches its old events, its old unit stays; what is kept back is counted."""
    await told(dock)
    first, *others = tags(3)
    await dock.journal.describe([*tags(1, unit="psi"), *others])
    around = surroundings(AssetMapping(points=first.path, asset="Plant/R1"))
    shelf = Shelf()
    admits = filters.build(FilterSettings(assets=frozenset({"Plant/**"})))
    async with running(replace(dock, around=around).pump(shelf, admits=admits).run()):
        await dock.journal.replays.order(wanted(lanes=(Lane.LIVE,)))
        await eventually(lambda: of(dock.journal).state == "done")
    (records,) = shelf.kept.values()
    assert [record.context.asset.path for record in records if record.context.asset] == ["Plant/R1"] * 3
    assert {record.context.tag.unit for record in records} == {"bar"}
    assert (of(dock.journal).sent, of(dock.journal).withheld) == (3, {"assets": 6})


@pytest.mark.parametrize("seed", range(6))
async def test_the_parts_together_are_what_was_asked_for(
    dock: Dock, monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    """However the events lie in chunks and lanes and however large parts may be: each once, in order, none besides."""
    rng = random.Random(seed)  # noqa: S311 - the same cases every time
    monkeypatch.setattr(replaying, "_MOST_RECORDS", rng.choice([1, 2, 5, 40]))
    monkeypatch.setattr(replaying, "_MOST_CHUNKS", rng.choice([1, 3, 100]))
    journaled = []
    for _ in range(rng.randrange(1, 12)):
        lane = rng.choice(list(Lane))
        some = [events(1, tag=rng.randrange(1, 4), first=rng.randrange(40))[0] for _ in range(rng.randrange(1, 9))]
        await dock.journal.commit(lane, some, NOW)
        journaled += [(lane, event) for event in some]
    start, end = sorted((rng.randrange(40), rng.randrange(40)))
    shelf = Shelf()
    # Only what is sent again is looked at: nothing is delivered beside it.
    for lane in Lane:
        await dock.journal.cursor("lake", lane, start="now")
    async with running(dock.pump(shelf).run()):
        await dock.journal.replays.order(wanted(start_ticks=NOW + start, end_ticks=NOW + end, tags=("T1", "T3")))
        await eventually(lambda: of(dock.journal).state == "done")
    assert again(shelf) == [
        seq for seq, (_, event) in enumerate(journaled, 1) if start <= event.ticks - NOW <= end and event.tag in {1, 3}
    ]
    ranges = sorted((bounds.first, bounds.last) for bounds in shelf.kept)
    assert all(last < first for (_, last), (first, _) in itertools.pairwise(ranges))


async def test_a_crash_before_the_confirmation_repeats_the_same_part(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Under the same bounds, though parts have another size since; what was confirmed is not sent again."""
    monkeypatch.setattr(replaying, "_MOST_RECORDS", 4)
    leaving = asyncio.Event()

    async def hang(bounds: Bounds) -> None:
        if bounds.first == 5:
            leaving.set()
            await asyncio.Event().wait()

    before = Shelf(before_keeping=hang)
    async with opened(tmp_path) as dock:
        await told(dock)
        async with running(dock.pump(before).run()):
            await dock.journal.replays.order(wanted())
            await asyncio.wait_for(leaving.wait(), 10)
        assert again(before) == [1, 2, 3, 4]
    monkeypatch.setattr(replaying, "_MOST_RECORDS", 100)
    after = Shelf()
    async with opened(tmp_path) as dock, running(dock.pump(after).run()):
        await eventually(lambda: of(dock.journal).state == "done")
    assert again(after) == list(range(5, 16))
    assert after.fixed[0] == before.fixed[-1]
    assert [bounds.first for bounds in after.fixed] == [5, 9]


async def test_paused_it_waits_and_resumed_it_goes_on(dock: Dock, monkeypatch: pytest.MonkeyPatch) -> None:
    """Between two parts; cancelled it ends for good."""
    monkeypatch.setattr(replaying, "_MOST_RECORDS", 1)
    await told(dock)
    shelf, replays = Shelf(), dock.journal.replays
    gate = asyncio.Semaphore(3)

    async def one_by_one(bounds: Bounds) -> None:
        if bounds.replay:
            await gate.acquire()

    shelf.before_keeping = one_by_one
    async with running(dock.pump(shelf).run()):
        replay_id = await replays.order(wanted())
        await eventually(lambda: len(shelf.fixed) == 4)
        await replays.pause(replay_id)
        gate.release()
        await eventually(lambda: of(dock.journal).sent == 4)
        other = await replays.order(wanted(start_ticks=NOW + 25))
        gate.release()
        await eventually(lambda: of(dock.journal).state == "done")
        assert again(shelf) == [1, 2, 3, 4, 15]
        await replays.resume(replay_id)
        for _ in range(2):
            gate.release()
        await eventually(lambda: again(shelf) == [1, 2, 3, 4, 15, 5, 6])
        await eventually(lambda: len(shelf.fixed) == 8)
        await replays.cancel(replay_id)
        gate.release()
        await eventually(lambda: again(shelf) == [1, 2, 3, 4, 15, 5, 6, 7])
        assert other != replay_id
        assert [each.state for each in replays.all] == ["cancelled", "done"]


async def test_what_went_before_its_turn_is_counted(tmp_path: Path) -> None:
    """In chunks: retention does not wait for a replay, and nobody is told that all was sent."""
    async with opened(tmp_path) as dock:
        await told(dock)
        await dock.journal.replays.order(wanted())
    db = raw(tmp_path)
    db.execute("DELETE FROM chunk WHERE lane = 'live'")
    db.close()
    shelf = Shelf()
    async with opened(tmp_path) as dock, running(dock.pump(shelf).run()):
        await eventually(lambda: of(dock.journal).state == "done")
        assert (of(dock.journal).gone, of(dock.journal).left, of(dock.journal).sent) == (1, 0, 6)
    assert again(shelf) == list(range(10, 16))


async def test_a_slow_replay_holds_up_no_other(dock: Dock) -> None:
    """The pace of one is its own, also when it was cancelled."""
    await told(dock)
    shelf, replays = Shelf(), dock.journal.replays
    async with running(dock.pump(shelf).run()):
        slow = await replays.order(wanted(rate=1e-3))
        await eventually(lambda: of(dock.journal).sent == 1)
        await replays.order(wanted())
        await replays.cancel(slow)
        await eventually(lambda: of(dock.journal).state == "done")
    assert again(shelf) == [1, *range(1, 16)]


async def test_live_events_do_not_wait_for_it(dock: Dock) -> None:
    """A sink that takes for ever over a part of it takes live batches meanwhile."""
    await told(dock)
    hanging = asyncio.Event()

    async def hang(bounds: Bounds) -> None:
        if bounds.replay:
            hanging.set()
            await asyncio.Event().wait()

    shelf = Shelf(before_keeping=hang)
    async with running(dock.pump(shelf).run()):
        await dock.journal.replays.order(wanted())
        await asyncio.wait_for(hanging.wait(), 10)
        for first in range(3):
            await dock.journal.commit(Lane.LIVE, events(1, first=50 + first), NOW)
            await eventually(lambda: len(shelf.seqs()) == first + 1)  # noqa: B023 - looked at now
    assert shelf.seqs() == [16, 17, 18]


async def test_it_goes_no_faster_than_asked(dock: Dock) -> None:
    """At one event in a thousand seconds the first part is one event, and the second is not sent soon."""
    await told(dock)
    shelf = Shelf()
    async with running(dock.pump(shelf).run()):
        await dock.journal.replays.order(wanted(rate=1e-3))
        await eventually(lambda: of(dock.journal).sent == 1)
        await dock.journal.commit(Lane.LIVE, events(1, first=50), NOW)
        await eventually(lambda: shelf.seqs() == [16])
    assert again(shelf) == [1]


async def test_what_is_refused_is_a_dead_letter(dock: Dock) -> None:
    """With its own lane; the others of its part are delivered."""
    await told(dock)

    def odd(record: Record) -> str:
        return "odd" if record.seq in {2, 12} else ""

    shelf = Shelf(refuses=odd)
    async with running(dock.pump(shelf).run()):
        await dock.journal.replays.order(wanted())
        await eventually(lambda: of(dock.journal).state == "done")
    assert (of(dock.journal).sent, of(dock.journal).refused) == (13, 2)
    reader = JournalReader.open(dock.folder)
    kept = [(each.lane, each.letter.seq) for each in reader.dead_letters(Wanted(sink="lake"))]
    reader.close()
    assert kept == [(Lane.LIVE, 2), (Lane.HISTORY, 12)]


async def test_a_sink_that_is_away_is_tried_until_it_is_back(dock: Dock) -> None:
    """Nothing is lost, and each try has the same bounds."""
    await told(dock)
    shelf = Shelf(breaks=3)
    async with running(dock.pump(shelf).run()):
        await dock.journal.replays.order(wanted())
        await eventually(lambda: of(dock.journal).state == "done")
    assert again(shelf) == list(range(1, 16))
    assert len(set(shelf.fixed)) == 1
    assert len(shelf.fixed) == 4


async def test_files_of_a_replay_stand_beside_the_originals(dock: Dock, tmp_path: Path) -> None:
    """Under a name of their own, however they are called otherwise."""
    await told(dock)
    out = tmp_path / "out"
    sink = FileSink(FileSettings.model_validate({"type": "file", "path": out, "roll": {"age": "20ms"}}))
    async with running(dock.pump(sink).run()):
        replay_id = await dock.journal.replays.order(wanted())
        await eventually(lambda: of(dock.journal).state == "done")
    (file,) = out.glob("dt=*/*")
    assert file.name == f"replay-{replay_id}-1-15.jsonl"
    assert [json.loads(line)["seq"] for line in file.read_text().splitlines()] == list(range(1, 16))
