import json
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from context.plants import TEMPERATURE, surroundings
from context.rules import DATABASE, frame
from delivery.shelves import Dock, Shelf, opened
from journal.samples import NOW, raw, tags
from pibridge.context import filters
from pibridge.context.record import Record
from pibridge.context.settings import FilterSettings
from pibridge.context.surroundings import Surroundings
from pibridge.journal.delivered import facts_of
from pibridge.journal.gaps import CloseGap, NewGap
from pibridge.journal.letters import Wanted
from pibridge.model import ticks
from pibridge.model.event import BAD, Event, Lane
from pibridge.model.frame import Frame
from waiting import eventually, running

SECOND = ticks.PER_SECOND
RULE = {"assets": "Plant/Area1/*", "event_frames": {"database": DATABASE, "template": "Unit Batch"}}
START, END = NOW, NOW + 60 * SECOND
NUMBER = 4


def unit_batch(end: int = ticks.FOREVER, name: str = "B-1") -> Frame:
    """Give the batch on R1."""
    return frame("f1", START, end, name=name)


def around(*known: Frame) -> Surroundings:
    """Give what is known of batches."""
    made = surroundings(batches={"area1": RULE}, hold=0)
    made.timeline.take_frames(DATABASE, known, [])
    made.readings.note(DATABASE.upper(), 0, ticks.FOREVER)
    return made


@pytest.fixture
async def dock(tmp_path: Path) -> AsyncIterator[Dock]:
    """Give an empty journal that knows a tag of R1, on which a batch runs."""
    async with opened(tmp_path / "journal") as dock:
        assert await dock.journal.describe([*tags(3), TEMPERATURE]) == [1, 2, 3, NUMBER]
        await dock.journal.join([NUMBER], START - SECOND)
        dock.around = around(unit_batch())
        dock.now = END
        yield dock


def said(*seconds: float, status: int = 0) -> list[Event]:
    """Give values of the tag, so many seconds after the start of the batch."""
    return [Event(NUMBER, START + ticks.from_seconds(second), second, status) for second in seconds]


def end(dock: Dock, frame: Frame | None = None) -> None:
    """Let the batch end, and some time pass."""
    dock.around.timeline.take_frames(DATABASE, [frame or unit_batch(END)], [])
    dock.now = END + 60 * SECOND


def told(shelf: Shelf) -> list[Any]:
    """Give the manifests that the sink was ever given."""
    return [json.loads(content) for kept in shelf.manifests.values() for content in kept]


async def test_a_batch_that_has_ended_is_told_once(dock: Dock) -> None:
    """Not while it runs, and not again while nothing changes."""
    shelf = Shelf()
    async with running(dock.pump(shelf).run()):
        await dock.journal.commit(Lane.LIVE, said(1, 2), NOW)
        await eventually(lambda: dock.lag() == 0)
        assert told(shelf) == []
        end(dock)
        await eventually(lambda: shelf.manifests)
        await dock.journal.commit(Lane.LIVE, [Event(1, NOW, 0)], NOW)
        await eventually(lambda: dock.lag() == 0)
    assert shelf.manifests.keys() == {"_batches/B-1/manifest-1.json"}
    (manifest,) = told(shelf)
    assert (manifest["complete"], manifest["records"], manifest["batch"]["end"]) == (True, 2, ticks.render(END))


async def test_what_comes_late_is_added(dock: Dock) -> None:
    """The manifest takes its own place, with the records of both lanes."""
    shelf = Shelf()
    end(dock)
    async with running(dock.pump(shelf).run()):
        await dock.journal.commit(Lane.LIVE, said(1, 2), NOW)
        await eventually(lambda: shelf.manifests)
        await dock.journal.commit(Lane.HISTORY, said(3, 4, 5), NOW)
        await eventually(lambda: told(shelf)[-1]["records"] == 5)
    assert shelf.manifests.keys() == {"_batches/B-1/manifest-1.json"}


async def test_a_restart_goes_on_counting(tmp_path: Path) -> None:
    """Totals are kept with the cursors; what was told is not told again."""
    shelf = Shelf()
    for seconds, records in (((1, 2), 2), ((3, 4), 4), ((), 4)):
        async with opened(tmp_path) as dock:
            await dock.journal.describe([*tags(3), TEMPERATURE])
            await dock.journal.join([NUMBER], START)
            dock.around = around(unit_batch(END))
            dock.now = END + 60 * SECOND
            await dock.journal.commit(Lane.LIVE, said(*seconds), NOW)
            async with running(dock.pump(shelf).run()):
                await eventually(lambda: dock.lag() == 0)
                await eventually(partial(_says, shelf, records))
    assert [manifest["records"] for manifest in told(shelf)] == [2, 4]


def _says(shelf: Shelf, records: int) -> bool:
    return [records] == [manifest["records"] for manifest in told(shelf)][-1:]


async def test_a_write_that_is_tried_again_counts_once(dock: Dock) -> None:
    """Nothing is counted before the cursor moves."""
    shelf = Shelf(breaks=3)
    end(dock)
    await dock.journal.commit(Lane.LIVE, said(1, 2, 3), NOW)
    async with running(dock.pump(shelf).run()):
        await eventually(lambda: shelf.manifests)
    assert [manifest["records"] for manifest in told(shelf)] == [3]


async def test_a_sink_that_takes_no_manifest_is_told_later(dock: Dock) -> None:
    """Delivery goes on meanwhile, as far as the sink lets it."""
    shelf = Shelf()
    async with running(dock.pump(shelf).run()):
        await dock.journal.commit(Lane.LIVE, said(1), NOW)
        await eventually(lambda: dock.lag() == 0)
        shelf.is_away = True
        end(dock)
        await dock.journal.commit(Lane.LIVE, said(2), NOW)
        await eventually(lambda: dock.counters.sink("lake").retries > 1)
        shelf.is_away = False
        await eventually(lambda: told(shelf) and told(shelf)[-1]["records"] == 2)


async def test_what_was_kept_back_is_said_by_key(dock: Dock) -> None:
    """By the filter, and by the deadband; that does not make the batch incomplete."""
    shelf = Shelf()
    end(dock)
    good = filters.build(FilterSettings(quality=frozenset({"good"})))
    await dock.journal.commit(Lane.LIVE, [*said(1, 2, 3), *said(4, status=BAD), *said(50)], NOW)
    async with running(dock.pump(shelf, admits=good, thins=FilterSettings.model_validate({"deadband": 10})).run()):
        await eventually(lambda: shelf.manifests)
    (manifest,) = told(shelf)
    assert (manifest["records"], manifest["withheld"]) == (2, {"deadband": 2, "quality": 1})
    assert manifest["complete"]


def odd(record: Record) -> str:
    """Refuse every second value."""
    return "odd value" if record.event.value % 2 else ""


async def test_dead_letters_are_missed_until_they_are_sent_again(dock: Dock) -> None:
    """Then the batch is complete."""
    shelf = Shelf(refuses=odd)
    end(dock)
    await dock.journal.commit(Lane.LIVE, said(1, 2, 3, 4), NOW)
    async with running(dock.pump(shelf).run()):
        await eventually(lambda: shelf.manifests)
        (manifest,) = told(shelf)
        assert (manifest["records"], manifest["refused"], manifest["complete"]) == (2, 2, False)
        shelf.refuses = lambda _: ""
        await dock.journal.letters.resend(Wanted(sink="lake"))
        await eventually(lambda: told(shelf)[-1]["complete"])
    assert (told(shelf)[-1]["records"], told(shelf)[-1]["refused"]) == (4, 0)


async def test_dead_letters_leave_the_batch_that_they_had(dock: Dock) -> None:
    """Sent again they may be in another one, which was refused nothing; or in none that the filter lets pass."""
    shelf = Shelf(refuses=lambda _: "no")
    end(dock)
    await dock.journal.commit(Lane.LIVE, said(1, 2), NOW)
    shelf.refuses = odd
    async with running(dock.pump(shelf).run()):
        await eventually(lambda: shelf.manifests)
    assert told(shelf)[-1]["refused"] == 1
    dock.around = around(unit_batch(END, "B-2"))
    again = Shelf()
    async with running(dock.pump(again).run()):
        await dock.journal.letters.resend(Wanted(sink="lake"))
        await eventually(lambda: len(again.manifests) == 1)
        dock.now += 60 * SECOND
        await eventually(lambda: len(again.manifests) == 2)
    refused = {manifest["batch"]["id"]: manifest["refused"] for manifest in told(again)}
    assert refused == {"B-1": 0, "B-2": 0}


async def test_what_pi_owes_makes_it_incomplete_until_it_is_paid(dock: Dock) -> None:
    """A gap within the batch is named, also of a tag of which nothing came."""
    level = tags(5)[4]
    other = type(level)(**{**{f: getattr(TEMPERATURE, f) for f in TEMPERATURE.__struct_fields__}, "path": "other"})
    assert await dock.journal.describe([other]) == [5]
    await dock.journal.open_gaps([NewGap(5, START + SECOND, START + 3 * SECOND, "lost"), NewGap(4, 0, START, "old")])
    shelf = Shelf()
    end(dock)
    await dock.journal.commit(Lane.LIVE, said(1, 2), NOW)
    async with running(dock.pump(shelf).run()):
        await eventually(lambda: shelf.manifests)
        (missing,) = told(shelf)[0]["missing"]
        assert missing["path"] == "other"
        assert (missing["from"], missing["to"]) == (ticks.render(START + SECOND), ticks.render(START + 3 * SECOND))
        gap = next(gap for gap in await dock.journal.gaps() if gap.tag == 5)
        await dock.journal.commit(Lane.HISTORY, [], NOW, [CloseGap(gap.id)])
        await eventually(lambda: told(shelf)[-1]["complete"])


async def test_what_was_before_the_first_start_is_missing(dock: Dock) -> None:
    """A batch that had begun before a tag was read is not complete."""
    await dock.journal.describe([*tags(3), TEMPERATURE])
    dock.around.timeline.take_frames(DATABASE, [frame("f1", START - 9 * SECOND, END, name="B-1")], [])
    dock.now = END + 60 * SECOND
    shelf = Shelf()
    await dock.journal.commit(Lane.LIVE, said(1), NOW)
    async with running(dock.pump(shelf).run()):
        await eventually(lambda: shelf.manifests)
    (missing,) = told(shelf)[0]["missing"]
    assert (missing["from"], missing["to"]) == (ticks.render(START - 9 * SECOND), ticks.render(START - SECOND))


async def test_a_batch_that_was_renamed_is_withdrawn(dock: Dock) -> None:
    """What came under the old name says so; what comes under the new one has its own manifest."""
    shelf = Shelf()
    async with running(dock.pump(shelf).run()):
        await dock.journal.commit(Lane.LIVE, said(1), NOW)
        await eventually(lambda: dock.lag() == 0)
        end(dock, unit_batch(END, "B-2"))
        await dock.journal.commit(Lane.LIVE, said(2), NOW)
        await eventually(lambda: len(shelf.manifests) == 2)
    states = {manifest["batch"]["id"]: manifest["state"] for manifest in told(shelf)}
    assert states == {"B-1": "withdrawn", "B-2": "ended"}


async def test_a_sink_that_is_forgotten_leaves_no_totals(dock: Dock) -> None:
    """One of the same name starts anew."""
    end(dock)
    await dock.journal.commit(Lane.LIVE, said(1), NOW)
    shelf = Shelf()
    async with running(dock.pump(shelf).run()):
        await eventually(lambda: shelf.manifests)
    assert await dock.journal.facts(facts_of("lake"))
    await dock.journal.forget_sink("lake")
    assert await dock.journal.facts(facts_of("lake")) == []


async def test_old_batches_are_forgotten(dock: Dock) -> None:
    """A week after the last change; what comes then has a manifest of its own that adds to the first."""
    shelf = Shelf()
    end(dock)
    async with running(dock.pump(shelf).run()):
        await dock.journal.commit(Lane.LIVE, said(1), NOW)
        await eventually(lambda: shelf.manifests)
        dock.now += 8 * 86_400 * SECOND
        await eventually(lambda: _nothing(dock))
        await dock.journal.commit(Lane.LIVE, said(2), NOW)
        await eventually(lambda: len(shelf.manifests) == 2)
    assert [manifest["records"] for manifest in told(shelf)] == [1, 1]


async def test_totals_that_cannot_be_read_are_said(dock: Dock) -> None:
    """The batch is counted anew."""
    with raw(dock.folder) as database:
        database.execute("INSERT INTO fact VALUES (?, 'B-1/f1', x'00')", (facts_of("lake"),))
    shelf = Shelf()
    end(dock)
    await dock.journal.commit(Lane.LIVE, said(1), NOW)
    async with running(dock.pump(shelf).run()):
        await eventually(lambda: shelf.manifests)


async def _nothing(dock: Dock) -> bool:
    return await dock.journal.facts(facts_of("lake")) == []
