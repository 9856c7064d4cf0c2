import asyncio
import json
import re
from functools import partial
from itertools import pairwise
from pathlib import Path

from structlog.testing import capture_logs

from delivery.shelves import Dock, Shelf, opened
from journal.samples import NOW, events, raw
from pibridge.context import filters
from pibridge.context.record import Record, json_record
from pibridge.context.settings import FilterSettings
from pibridge.journal.letters import Wanted
from pibridge.journal.reader import JournalReader
from pibridge.model import ticks
from pibridge.model.event import BAD, Event, Lane
from pibridge.sinks.contract import Bounds
from pibridge.sinks.file import FileSink
from pibridge.sinks.settings import FileSettings
from waiting import eventually, running

GOOD = filters.build(FilterSettings(quality=frozenset({"good"})))
LONG_S = 3600.0


def bad(count: int, *, first: int = 0) -> list[Event]:
    """Give events that a filter for good ones keeps back."""
    return [Event(2, NOW + i, i, BAD) for i in range(first, first + count)]


def file_sink(folder: Path, *, age_s: float = 0.05, roll_bytes: int = 1 << 20) -> FileSink:
    """Give a sink that writes files into a folder."""
    return FileSink(
        FileSettings.model_validate({"type": "file", "path": folder, "roll": {"age": age_s, "size": roll_bytes}})
    )


def finished(folder: Path) -> dict[str, list[int]]:
    """Give the places of the records in each file that has its name, by that name."""
    return {
        path.name: [json.loads(line)["seq"] for line in path.read_text().splitlines()]
        for path in folder.glob("dt=*/*.jsonl")
    }


async def ended(*tasks: asyncio.Task[None]) -> None:
    """Wait until pumps that were stopped have ended."""
    await asyncio.wait_for(asyncio.gather(*tasks), 10)


async def test_a_batch_is_complete_at_its_age(dock: Dock, tmp_path: Path) -> None:
    """Nothing more comes: the file gets its name all the same."""
    await dock.journal.commit(Lane.LIVE, events(7), NOW)
    async with running(dock.pump(file_sink(tmp_path / "out")).run()):
        await eventually(lambda: finished(tmp_path / "out") == {"live-1-7.jsonl": [1, 2, 3, 4, 5, 6, 7]})
        await eventually(lambda: dock.lag() == 0)
    counters = dock.counters.sink("lake")
    assert (counters.delivered, counters.batches, counters.state) == (7, 1, "delivering")
    assert counters.last_ticks == NOW + 6


async def test_a_batch_is_complete_at_its_size(dock: Dock, tmp_path: Path) -> None:
    """The sink has enough: the rest is another batch, and nothing is lost between them."""
    for first in range(0, 9000, 1000):
        await dock.journal.commit(Lane.LIVE, events(1000, first=first), NOW)
    async with running(dock.pump(file_sink(tmp_path / "out", age_s=LONG_S, roll_bytes=5000)).run()):
        await eventually(lambda: len(finished(tmp_path / "out")) >= 2)
        names = finished(tmp_path / "out")
    told = sorted(seq for seqs in names.values() for seq in seqs)
    assert told == list(range(1, len(told) + 1))
    assert all(len(seqs) % 1000 == 0 for seqs in names.values())


async def test_a_stop_completes_the_batch(dock: Dock, tmp_path: Path) -> None:
    """What is in the journal is drained and the file gets its name; no unfinished one is left."""
    out = tmp_path / "out"
    await dock.journal.commit(Lane.LIVE, events(7), NOW)
    async with running(dock.pump(file_sink(out, age_s=LONG_S)).run()) as tasks:
        await eventually(lambda: list(out.glob("dt=*/*.part")))
        await dock.journal.commit(Lane.LIVE, events(3, first=7), NOW)
        await dock.journal.commit(Lane.HISTORY, events(5), NOW)
        dock.stop.set(5)
        await ended(*tasks)
    assert finished(out) == {"live-1-10.jsonl": list(range(1, 11)), "history-11-15.jsonl": list(range(11, 16))}
    assert not list(out.glob("dt=*/*.part"))
    assert dock.lag() == 0


async def test_bounds_are_on_disk_before_anything_leaves_under_a_name(dock: Dock) -> None:
    """When the sink is told the bounds, another process finds them in the journal."""
    seen = []

    async def look(_: Bounds) -> None:
        reader = JournalReader.open(dock.folder)
        seen.append(reader.cursors()["lake", Lane.LIVE].sealed)
        reader.close()

    shelf = Shelf(before_keeping=look)
    await dock.journal.commit(Lane.LIVE, events(7), NOW)
    async with running(dock.pump(shelf).run()):
        await eventually(lambda: shelf.kept)
    (sealed,) = seen
    assert sealed is not None
    assert (sealed.first, sealed.last) == (1, 7)


async def test_a_batch_tried_again_is_the_same(dock: Dock) -> None:
    """The link breaks after the bounds are fixed: what has come since waits for the next batch."""
    shelf = Shelf(breaks=3)

    async def more(_: Bounds) -> None:
        await dock.journal.commit(Lane.LIVE, events(5), NOW)

    shelf.before_keeping = more
    await dock.journal.commit(Lane.LIVE, events(7), NOW)
    async with running(dock.pump(shelf).run()):
        await eventually(lambda: shelf.kept)
    assert shelf.fixed[:4] == [Bounds(Lane.LIVE, 1, 7, ticks.day(NOW))] * 4
    assert [record.seq for record in shelf.kept[shelf.fixed[0]]] == [1, 2, 3, 4, 5, 6, 7]
    assert dock.counters.sink("lake").retries == 3


async def test_a_batch_survives_a_crash(tmp_path: Path) -> None:
    """Killed between the fixing of its bounds and the confirmation, it has the same ones after a restart."""
    midnight = ticks.parse("2026-02-03T00:00:00Z")
    leaving = asyncio.Event()

    async def hang(_: Bounds) -> None:
        leaving.set()
        await asyncio.Event().wait()

    async with opened(tmp_path) as dock:
        await dock.journal.commit(Lane.LIVE, bad(3), NOW)
        await dock.journal.commit(Lane.LIVE, [Event(1, midnight + i, i) for i in range(-2, 5)], NOW)
        before = Shelf(before_keeping=hang)
        async with running(dock.pump(before, admits=GOOD).run()):
            await asyncio.wait_for(leaving.wait(), 10)
    async with opened(tmp_path) as dock:
        await dock.journal.commit(Lane.LIVE, events(5), NOW)
        after = Shelf()
        async with running(dock.pump(after, admits=GOOD).run()):
            await eventually(lambda: len(after.seqs()) == 12)
    assert before.fixed == after.fixed[:1] == [Bounds(Lane.LIVE, 4, 10, "2026-02-02")]
    assert [record.seq for record in after.kept[before.fixed[0]]] == [4, 5, 6, 7, 8, 9, 10]


async def test_a_sealed_batch_that_was_dropped_gives_way(tmp_path: Path) -> None:
    """A full journal may have given it up, or the disk: what follows is a batch with bounds of its own."""
    async with opened(tmp_path) as dock:
        await dock.journal.commit(Lane.LIVE, events(10), NOW)
        await dock.journal.commit(Lane.LIVE, events(10, first=10), NOW)
        await dock.journal.cursor("lake", Lane.LIVE)
        await dock.journal.seal("lake", Lane.LIVE, 1, 5)
    db = raw(tmp_path)
    db.execute("DELETE FROM chunk WHERE seq = 1")
    db.close()
    async with opened(tmp_path) as dock:
        shelf = Shelf()
        async with running(dock.pump(shelf).run()):
            await eventually(lambda: dock.lag() == 0)
    assert {(bounds.first, bounds.last): len(kept) for bounds, kept in shelf.kept.items()} == {(11, 20): 10}


async def test_a_sink_that_is_away_holds_up_nobody(dock: Dock) -> None:
    """The others have everything at once; when it is back it gets everything, in order, each once, and says so."""
    away, near = Shelf(is_away=True), Shelf()
    with capture_logs() as logs:
        await _is_away_and_back(dock, away, near)
    assert [(log["event"], log["sink"]) for log in logs] == [
        ("sink unavailable, its records wait in the journal", "away"),
        ("sink takes records again", "away"),
    ]


async def _is_away_and_back(dock: Dock, away: Shelf, near: Shelf) -> None:
    async with running(dock.pump(away, "away").run(), dock.pump(near, "near").run()):
        for first in range(0, 5000, 500):
            await dock.journal.commit(Lane.LIVE, events(500, first=first), NOW)
            await dock.journal.commit(Lane.HISTORY, events(10, first=first), NOW)
        await eventually(lambda: dock.lag("near") == 0)
        counters = dock.counters.sink("away")
        await eventually(lambda: counters.retries >= 3)
        assert (counters.state, counters.last_error) == ("unavailable", "nobody is there")
        assert away.kept == {}
        away.is_away = False
        await eventually(lambda: dock.lag("away") == 0)
        assert (counters.state, counters.last_error) == ("delivering", "")
    for lane, count in ((Lane.LIVE, 5000), (Lane.HISTORY, 100)):
        assert away.seqs(lane) == near.seqs(lane) == sorted(set(away.seqs(lane)))
        assert len(away.seqs(lane)) == count


def _has_tried_more_than(dock: Dock, retries: int) -> bool:
    return dock.counters.sink("lake").retries > retries


async def test_a_sink_that_goes_away_gets_the_rest_later(dock: Dock) -> None:
    """Nothing that was confirmed comes again, nothing that was not is left out."""
    shelf = Shelf()
    async with running(dock.pump(shelf).run()):
        for round_ in range(3):
            await dock.journal.commit(Lane.LIVE, events(100, first=100 * round_), NOW)
            await eventually(lambda: dock.lag() == 0)
            shelf.is_away = True
            await dock.journal.commit(Lane.LIVE, events(100, first=100 * round_), NOW)
            retries = dock.counters.sink("lake").retries
            await eventually(partial(_has_tried_more_than, dock, retries))
            shelf.is_away = False
        await eventually(lambda: dock.lag() == 0)
    assert shelf.seqs() == list(range(1, 601))
    assert dock.counters.sink("lake").delivered == 600


async def test_refused_records_become_dead_letters(dock: Dock) -> None:
    """With the reason and the line as it was to be sent; the others are delivered, and the cursor moves on."""
    shelf = Shelf(refuses=lambda record: "value too odd" if record.event.value % 4 == 1 else "")
    await dock.journal.commit(Lane.LIVE, events(8), NOW)
    async with running(dock.pump(shelf).run()):
        await eventually(lambda: dock.lag() == 0)
        await dock.journal.commit(Lane.LIVE, events(1), NOW)
        await eventually(lambda: 9 in shelf.seqs())
        counters = dock.counters.sink("lake")
        await eventually(lambda: counters.delivered == 7)
    assert shelf.seqs() == [1, 3, 4, 5, 7, 8, 9]
    assert (counters.refused, counters.delivered) == (2, 7)
    reader = JournalReader.open(dock.folder)
    letters = [kept.letter for kept in reader.dead_letters(Wanted(sink="lake"))]
    reader.close()
    assert [(letter.seq, letter.reason) for letter in letters] == [(2, "value too odd"), (6, "value too odd")]
    assert all(json.loads(letter.line)["seq"] == letter.seq for letter in letters)


async def test_a_sink_that_goes_on_refusing_is_one_line(dock: Dock) -> None:
    """The log says it once a minute, not for each batch, with the command that shows the rest."""
    counters = dock.counters.sink("lake")
    with capture_logs() as logs:
        async with running(dock.pump(Shelf(refuses=lambda _: "never")).run()):
            for count in range(1, 4):
                await dock.journal.commit(Lane.LIVE, events(1, first=count), NOW)
                await eventually(lambda count=count: counters.refused == count)  # type: ignore[misc]
    (told,) = [log for log in logs if log["log_level"] == "error"]
    assert (told["sink"], told["records"], told["reason"]) == ("lake", 1, "never")
    assert "pibridge dead-letters list --sink lake" in told["hint"]


async def test_a_dead_letter_is_the_line_that_was_to_be_sent(dock: Dock) -> None:
    """To the byte, so that it can be sent again."""
    lines: list[bytes] = []

    def never(record: Record) -> str:
        lines.append(json_record(record))
        return "never"

    await dock.journal.commit(Lane.HISTORY, events(3), NOW)
    async with running(dock.pump(Shelf(refuses=never)).run()):
        await eventually(lambda: dock.counters.sink("lake").refused == 3)
    reader = JournalReader.open(dock.folder)
    letters = [kept.letter.line for kept in reader.dead_letters(Wanted(sink="lake"))]
    reader.close()
    assert letters == lines


async def test_withheld_records_are_counted_and_passed_by(dock: Dock) -> None:
    """Nothing is admitted: within about a second the cursor moves past it, so that it holds up no retention."""
    shelf = Shelf()
    await dock.journal.commit(Lane.LIVE, bad(500), NOW)
    async with running(dock.pump(shelf, admits=GOOD).run()):
        await eventually(lambda: dock.lag() == 0, within_s=3)
        assert dock.counters.sink("lake").withheld == {"quality": 500}
        await dock.journal.commit(Lane.LIVE, [*bad(3), *events(2), *bad(3)], NOW)
        await eventually(lambda: dock.lag() == 0, within_s=3)
    assert shelf.seqs() == [504, 505]
    assert dock.counters.sink("lake").withheld == {"quality": 506}


async def test_withheld_records_are_counted_once(dock: Dock) -> None:
    """However often the sink's writes fail behind them."""
    shelf = Shelf()
    async with running(dock.pump(shelf, admits=GOOD).run()):
        await dock.journal.commit(Lane.LIVE, bad(100), NOW)
        await eventually(lambda: dock.lag() == 0, within_s=3)
        shelf.breaks = 3
        await dock.journal.commit(Lane.LIVE, [*bad(5), *events(5), *bad(5)], NOW)
        await eventually(lambda: dock.lag() == 0, within_s=3)
    assert shelf.seqs() == list(range(106, 111))
    assert dock.counters.sink("lake").withheld == {"quality": 110}


async def test_a_stop_takes_the_backlog_along(dock: Dock) -> None:
    """What is in the journal is delivered before the pump ends."""
    for first in range(0, 20_000, 1000):
        await dock.journal.commit(Lane.LIVE, events(1000, first=first), NOW)
    shelf = Shelf(roll_records=1500)
    dock.stop.set(30)
    async with running(dock.pump(shelf).run()) as tasks:
        await ended(*tasks)
    assert shelf.seqs() == list(range(1, 20_001))
    assert shelf.is_closed


async def test_a_stop_ends_though_a_backlog_remains(dock: Dock) -> None:
    """After the deadline nothing new is begun; what was begun is completed, the rest stays owed on disk."""
    for first in range(0, 5000, 100):
        await dock.journal.commit(Lane.LIVE, events(100, first=first), NOW)

    async def overdue(_: Bounds) -> None:
        dock.stop.set(0)

    shelf = Shelf(roll_records=200, before_keeping=overdue)
    async with running(dock.pump(shelf).run()) as tasks:
        await ended(*tasks)
    assert shelf.seqs() == list(range(1, 4001))
    assert dock.lag() == 1000


async def test_a_stop_does_not_wait_for_a_sink_that_is_away(dock: Dock) -> None:
    """One more try, then its records wait in the journal."""
    await dock.journal.commit(Lane.LIVE, events(10), NOW)
    shelf = Shelf()
    async with running(dock.pump(shelf).run()) as tasks:
        await eventually(lambda: dock.lag() == 0)
        shelf.is_away = True
        await dock.journal.commit(Lane.LIVE, events(10), NOW)
        await eventually(lambda: dock.counters.sink("lake").retries > 0)
        dock.stop.set(60)
        await ended(*tasks)
    assert dock.lag() == 10
    assert shelf.is_closed


async def test_lanes_have_files_of_their_own(dock: Dock, tmp_path: Path) -> None:
    """Ranges of one lane never overlap, every record is told once, and both lanes come in order."""
    out = tmp_path / "out"
    async with running(dock.pump(file_sink(out, age_s=0.02, roll_bytes=3000)).run()) as tasks:
        for first in range(0, 300, 10):
            await dock.journal.commit(Lane.LIVE, events(10, first=first), NOW)
            await dock.journal.commit(Lane.HISTORY, events(7, first=first), NOW)
        await eventually(lambda: dock.lag() == 0)
        dock.stop.set(5)
        await ended(*tasks)
    told = finished(out)
    for lane, count in ((Lane.LIVE, 300), (Lane.HISTORY, 210)):
        ranges = sorted(
            (int(first), int(last), name)
            for name in told
            for first, last in re.findall(rf"^{lane}-(\d+)-(\d+)\.", name)
        )
        assert len(ranges) > 3
        assert all(before[1] < after[0] for before, after in pairwise(ranges))
        assert all(told[name][0] == first and told[name][-1] == last for first, last, name in ranges)
        seqs = [seq for _, _, name in ranges for seq in told[name]]
        assert seqs == sorted(set(seqs))
        assert len(seqs) == count
