import asyncio
from pathlib import Path

import pytest

from journal.samples import NOW, events, opened
from pibridge.context.choice import Choice
from pibridge.errors import PIBridgeError
from pibridge.journal.journal import Journal
from pibridge.journal.letters import DeadLetter, Wanted
from pibridge.journal.reader import JournalReader
from pibridge.journal.replay import Replay, SealedPart, Sent, WantedReplay
from pibridge.model.event import Lane

ALL = WantedReplay(choice=Choice(), sinks=("lake",))
PART = SealedPart(1, 4, "2026-02-02")


async def ordered(journal: Journal, wanted: WantedReplay = ALL) -> Replay:
    """Journal nine events in three chunks, and put them on their way again."""
    for first in (0, 3, 6):
        await journal.commit(Lane.LIVE, events(3, first=first), NOW)
    await journal.replays.order(wanted)
    return journal.replays.all[-1]


async def test_it_is_on_disk_with_all_that_it_was_asked_with(tmp_path: Path) -> None:
    """A restart finds each sink's part of it, paused or not, with the bounds that were fixed and what was counted."""
    async with opened(tmp_path) as journal:
        wanted = WantedReplay(choice=Choice(tags=("T1",)), sinks=("lake", "cloud"), rate=5.0)
        found = await ordered(journal, wanted)
        assert [each.sink for each in journal.replays.all] == ["cloud", "lake"]
        assert (found.begin, found.upto, found.rate, found.choice.tags) == (0, 9, 5.0, ("T1",))
        await journal.replays.settle(found, 3, Sent(2, {"quality": 1}, 1), ())
        await journal.replays.seal(found, PART)
        assert await journal.replays.pause(found.id) == 2
        before = journal.replays.all
    async with opened(tmp_path) as journal:
        assert journal.replays.all == before
        again = before[-1]
        assert (again.seq, again.sent, again.withheld, again.gone) == (3, 2, {"quality": 1}, 1)
        assert again.sealed == PART
        assert await journal.replays.resume(again.id) == 2
        assert await journal.replays.next("lake") == journal.replays.all[-1]


async def test_it_means_what_is_there_when_it_is_asked_for(tmp_path: Path) -> None:
    """What comes later is delivered anyway; places before the first event of its time are not looked at."""
    async with opened(tmp_path) as journal:
        found = await ordered(journal, WantedReplay(choice=Choice(start_ticks=NOW + 4), sinks=("lake",)))
        await journal.commit(Lane.LIVE, events(3, first=9), NOW)
        assert (found.begin, found.upto) == (3, 9)
        assert list(await journal.replays.positions(found)) == [4, 7]
        nothing = WantedReplay(choice=Choice(end_ticks=NOW - 1), sinks=("lake",))
        await journal.replays.order(nothing)
        assert journal.replays.all[-1].state == "done"


async def test_the_end_ends_it(tmp_path: Path) -> None:
    """Settled up to its last place it is done; a part that was on its way when it was cancelled does not revive it."""
    async with opened(tmp_path) as journal:
        found = await ordered(journal)
        await journal.replays.settle(found, 9, Sent(9), ())
        assert [each.state for each in journal.replays.all] == ["done"]
        assert await journal.replays.cancel(found.id) == 0
        await journal.replays.order(ALL)
        other = journal.replays.all[-1]
        assert await journal.replays.cancel(other.id) == 1
        await journal.replays.settle(other, 9, Sent(9), ())
        assert journal.replays.all[-1].state == "cancelled"
        assert not journal.replays.is_running(other)


async def test_what_is_refused_is_a_dead_letter(tmp_path: Path) -> None:
    """Of the lane of its event, in the transaction that notes the progress."""
    async with opened(tmp_path) as journal:
        found = await ordered(journal)
        await journal.replays.settle(found, 3, Sent(2), [(Lane.HISTORY, DeadLetter(2, "no", b"{}", events(1)[0]))])
        assert journal.replays.all[-1].refused == 1
        assert journal.stat().dead_letters == 1
    reader = JournalReader.open(tmp_path)
    assert [(each.lane, each.letter.seq) for each in reader.dead_letters(Wanted(sink="lake"))] == [(Lane.HISTORY, 2)]
    reader.close()


async def test_a_sink_that_is_forgotten_gets_no_more(tmp_path: Path) -> None:
    """Its replays are cancelled, those of others go on."""
    async with opened(tmp_path) as journal:
        await ordered(journal, WantedReplay(choice=Choice(), sinks=("lake", "cloud")))
        await journal.forget_sink("lake")
        assert [(each.sink, each.state) for each in journal.replays.all] == [
            ("cloud", "running"),
            ("lake", "cancelled"),
        ]


async def test_one_that_nobody_knows_is_said(tmp_path: Path) -> None:
    """With what shows those there are."""
    async with opened(tmp_path) as journal:
        with pytest.raises(PIBridgeError, match="replay list"):
            await journal.replays.pause("19700101T000000")


async def test_old_ones_that_are_over_are_forgotten(tmp_path: Path) -> None:
    """A hundred are remembered, and all that still run."""
    async with opened(tmp_path) as journal:
        found = await ordered(journal)
        for _ in range(103):
            await journal.replays.order(WantedReplay(choice=Choice(end_ticks=0), sinks=("lake",)))
        assert len(journal.replays.all) == 1 + 101
        assert journal.replays.all[0] == found


async def test_a_halt_is_noticed_whenever_it_came(tmp_path: Path) -> None:
    """Who waits for it may begin to wait behind it: it was cancelled between two looks."""
    async with opened(tmp_path) as journal:
        found = await ordered(journal)
        waiting = asyncio.create_task(journal.replays.halted(found))
        await journal.replays.order(ALL)
        assert not waiting.done()
        await journal.replays.cancel(found.id)
        await asyncio.wait_for(waiting, 10)
        await asyncio.wait_for(journal.replays.halted(found), 10)
