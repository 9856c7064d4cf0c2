import asyncio
from pathlib import Path

from journal.samples import NOW, Clock, events, opened
from pibridge.journal.journal import Journal
from pibridge.journal.letters import Count, DeadLetter, Wanted
from pibridge.journal.reader import JournalReader
from pibridge.model.event import Event, Lane
from waiting import eventually

LAKE = Wanted(sink="lake")


async def refuse(journal: Journal, sink: str = "lake", *, count: int = 3, lane: Lane = Lane.LIVE) -> None:
    """Journal events of which a sink refuses every one."""
    first = journal.stat().newest_seq + 1
    await journal.commit(lane, events(count), NOW)
    await journal.cursor(sink, lane)
    refused = [
        DeadLetter(seq, "no", b'{"seq":%d}' % seq, Event(1, NOW + seq, seq)) for seq in range(first, first + count)
    ]
    await journal.advance(sink, lane, first + count - 1, refused)


def kept(folder: Path, sink: str = "lake") -> list[tuple[int, int]]:
    """Give the positions of the dead letters on disk, with how often each was refused."""
    reader = JournalReader.open(folder)
    found = [(each.letter.seq, each.letter.tries) for each in reader.dead_letters(Wanted(sink=sink))]
    reader.close()
    return found


async def test_dead_letters_are_kept_with_the_cursor(tmp_path: Path) -> None:
    """What was refused is counted, and another process can read it."""
    async with opened(tmp_path) as journal:
        await refuse(journal, count=300)
        assert journal.stat().dead_letters == 300
    assert [seq for seq, _ in kept(tmp_path)] == list(range(1, 301))


async def test_what_is_dropped_is_gone(tmp_path: Path) -> None:
    """Those that are meant, whatever their number; the others stay, and the count of refusals remembers all."""
    async with opened(tmp_path) as journal:
        await refuse(journal, count=2500)
        await refuse(journal, "cloud")
        assert await journal.letters.drop(Wanted(sink="lake", upto=2400)) == 2400
        assert await journal.letters.drop(Wanted(sink="lake", seqs=(2401, 7))) == 1
        assert journal.stat().dead_letters == 2503
    assert [seq for seq, _ in kept(tmp_path)] == list(range(2402, 2501))
    assert len(kept(tmp_path, "cloud")) == 3


async def test_what_is_to_be_sent_again_waits_across_a_restart(tmp_path: Path) -> None:
    """It is no dead letter any more, and the same part comes until it is settled; then the next."""
    async with opened(tmp_path) as journal:
        await refuse(journal)
        await refuse(journal, lane=Lane.HISTORY)
        assert await journal.letters.resend(LAKE) == 6
        first = await journal.letters.next("lake")
    assert kept(tmp_path) == []
    async with opened(tmp_path) as journal:
        assert await journal.letters.next("lake") == first
        await journal.letters.settle(first, ())
        second = await journal.letters.next("lake")
        assert {first.lane, second.lane} == set(Lane)
        assert sorted(each.seq for each in first.letters + second.letters) == [1, 2, 3, 4, 5, 6]
        await journal.letters.settle(second, ())
    async with opened(tmp_path) as journal:
        assert journal.stat().letters == {}


async def test_who_waits_for_a_part_gets_it(tmp_path: Path) -> None:
    """A pump that waits is woken when something is put on its way, and by nothing of another sink."""
    async with opened(tmp_path) as journal:
        await refuse(journal)
        await refuse(journal, "cloud")
        waiting = asyncio.ensure_future(journal.letters.next("lake"))
        await journal.letters.resend(Wanted(sink="cloud"))
        assert (await journal.letters.next("cloud")).sink == "cloud"
        assert not waiting.done()
        await journal.letters.resend(LAKE)
        assert (await asyncio.wait_for(waiting, 10)).sink == "lake"


async def test_what_is_refused_again_is_a_dead_letter_again(tmp_path: Path) -> None:
    """With the new reason and one try more, in the same commit that settles the rest."""
    async with opened(tmp_path) as journal:
        await refuse(journal)
        await journal.letters.resend(LAKE)
        part = await journal.letters.next("lake")
        await journal.letters.settle(part, [DeadLetter(2, "still no", b"{}", part.letters[1].event, 2)])
        assert journal.stat().dead_letters == 4
    assert kept(tmp_path) == [(2, 2)]


async def test_what_an_earlier_format_kept_stays(tmp_path: Path) -> None:
    """A letter without its event is not sent again; it can be dropped."""
    async with opened(tmp_path) as journal:
        await journal.cursor("lake", Lane.LIVE)
        await journal.advance("lake", Lane.LIVE, 1, [DeadLetter(1, "no", b"{}")])
        assert await journal.letters.resend(LAKE) == 0
        assert await journal.letters.drop(LAKE) == 1


async def test_a_forgotten_sink_has_nothing_on_its_way(tmp_path: Path) -> None:
    """What was to be sent to it is kept as dead letters; a new sink of that name is not surprised by it."""
    async with opened(tmp_path) as journal:
        await refuse(journal, count=1500)
        await journal.letters.resend(LAKE)
        await journal.forget_sink("lake")
        assert journal.stat().dead_letters == 1500
    assert [(seq, tries) for seq, tries in kept(tmp_path)] == [(seq, 1) for seq in range(1, 1501)]
    async with opened(tmp_path) as journal:
        assert journal.stat().letters == {"lake": Count(1500, "no")}


async def test_the_stat_counts_each_sink(tmp_path: Path) -> None:
    """Within about a second, beside everything else."""
    clock = Clock()
    async with opened(tmp_path, clock=clock) as journal:
        await refuse(journal)
        await journal.letters.resend(Wanted(sink="lake", seqs=(1,)))

        async def counted() -> bool:
            clock.now_s += 1
            await journal.gaps()
            return journal.stat().letters == {"lake": Count(2, "no", 1)}

        await eventually(counted)
