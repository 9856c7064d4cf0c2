import asyncio
import random
import signal
import sys
from pathlib import Path

import pytest

from journal.samples import NOW, Clock, events, names, opened, raw, read_all, tags, values
from pibridge.errors import JournalError
from pibridge.journal.chunks import Chunk
from pibridge.journal.gaps import NewGap
from pibridge.journal.journal import Journal
from pibridge.journal.settings import JournalSettings
from pibridge.model.event import Event, Lane

WRITE_FOR_EVER = """
import asyncio, sys
from pathlib import Path
from pibridge.journal.journal import Journal
from pibridge.journal.settings import JournalSettings
from pibridge.model.event import Event, Lane
from pibridge.model.tag import Mode, Tag

async def main():
    journal = await Journal.open(JournalSettings(path=Path(sys.argv[1]), flush=0.001))
    await journal.describe([Tag(stream="s", mode=Mode.REALTIME, name="T", path="T", web_id="W")])
    await journal.cursor("sink", Lane.LIVE)
    last = journal.stat().newest_seq
    while True:
        for count in (1, 700, 2500):
            journal.append([Event(1, seq, seq) for seq in range(last + 1, last + count + 1)], last)
            last += count
        await journal.flush()
        await journal.commit(Lane.HISTORY, [Event(1, seq, seq) for seq in range(last + 1, last + 101)], last)
        last += 100
        await journal.advance("sink", Lane.LIVE, last - 100)
        print(last, flush=True)

asyncio.run(main())
"""


async def kill_a_writer(path: Path, acknowledgements: int) -> int:
    """Run a writer until it has acknowledged some times, kill it at once; give the last position it acknowledged."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", WRITE_FOR_EVER, str(path), stdout=asyncio.subprocess.PIPE
    )
    assert process.stdout is not None
    for _ in range(acknowledgements):
        assert await process.stdout.readline()
    process.send_signal(signal.SIGKILL)
    out = await process.stdout.read()
    await process.wait()
    complete = out[: out.rfind(b"\n") + 1].split()
    return int(complete[-1]) if complete else 0


async def test_kill_9_loses_nothing_acknowledged(tmp_path: Path) -> None:
    """After each kill all acknowledged events are there, in order, and positions go on where they stood."""
    rng = random.Random(1)  # noqa: S311 - moments, no secrets
    for _ in range(4):
        acknowledged = await kill_a_writer(tmp_path, rng.randrange(1, 30))
        journal = await Journal.open(JournalSettings(path=tmp_path))
        newest_seq = journal.stat().newest_seq
        assert newest_seq >= acknowledged
        found: list[tuple[int, Event]] = []
        for lane in Lane:
            owed = (await journal.cursor("witness", lane)).seq
            while lag := journal.stat().lag["witness", lane]:
                chunk = await journal.next(lane, owed)
                found += enumerate(chunk.events, chunk.first_seq)
                owed = chunk.last_seq
                await journal.advance("witness", lane, owed)
                assert journal.stat().lag["witness", lane] == lag - len(chunk.events)
        await journal.forget_sink("witness")
        assert sorted(seq for seq, _ in found) == list(range(1, newest_seq + 1))
        assert all(event.value == seq for seq, event in found)
        assert (await journal.cursor("sink", Lane.LIVE)).seq <= newest_seq
        last_event = journal.last(1)
        assert last_event is not None
        assert last_event.ticks == newest_seq
        await journal.close()


async def test_appended_events_are_delivered_in_order(tmp_path: Path) -> None:
    """Many small appends become few chunks; every event once, in order, with its position."""
    async with opened(tmp_path) as journal:
        for first in range(0, 5000, 50):
            journal.append(events(50, first=first), NOW)
        chunks = await read_all(journal, last=5000)
        assert [value for chunk in chunks for value in values(chunk.events)] == list(range(5000))
        assert [chunk.first_seq for chunk in chunks] == [1 + chunk.events[0].value for chunk in chunks]
        assert len(chunks) <= 10


async def test_a_single_event_is_on_disk_after_the_flush_time(tmp_path: Path) -> None:
    """Nobody has to ask for it."""
    async with opened(tmp_path, flush=0.001) as journal:
        journal.append(events(1), NOW)
        assert await journal.next(Lane.LIVE, 0) == Chunk(Lane.LIVE, 1, NOW, events(1))


async def test_flush_makes_durable(tmp_path: Path) -> None:
    """What was appended before is in the file when it returns."""
    async with opened(tmp_path, flush=60) as journal:
        journal.append(events(3), NOW)
        await journal.flush()
        assert raw(tmp_path).execute("SELECT events FROM chunk").fetchall() == [(3,)]
        await journal.flush()


async def test_an_answer_writes_nothing(tmp_path: Path) -> None:
    """The writer may be asked for an answer as often as one likes: the files stay as they are."""

    def files() -> dict[Path, bytes]:
        return {path: path.read_bytes() for path in tmp_path.glob("journal.db*") if not path.name.endswith("-shm")}

    async with opened(tmp_path, flush=60) as journal:
        before = files()
        for _ in range(10):
            await journal.answer()
        assert files() == before


async def test_next_from_memory_and_from_disk_is_the_same(tmp_path: Path) -> None:
    """Whether a sink has caught up or not, it gets the same chunks."""
    async with opened(tmp_path) as journal:
        for first in range(0, 30_000, 1500):
            await journal.commit(Lane.LIVE, events(1500, first=first), NOW)
        from_memory = await read_all(journal, last=30_000)
    async with opened(tmp_path) as journal:
        assert await read_all(journal, last=30_000) == from_memory
        middle = await journal.next(Lane.LIVE, 777)
        assert (middle.first_seq, middle.last_seq) == (778, 1500)


async def test_next_waits_for_its_own_lane(tmp_path: Path) -> None:
    """History does not wake who waits for live events."""
    async with opened(tmp_path) as journal:
        waiting = asyncio.create_task(journal.next(Lane.LIVE, 0))
        await journal.commit(Lane.HISTORY, events(5), NOW)
        assert (await journal.next(Lane.HISTORY, 0)).last_seq == 5
        assert not waiting.done()
        journal.append(events(1), NOW)
        assert (await waiting).first_seq == 6


async def test_a_description_is_valid_from_the_next_event_on(tmp_path: Path) -> None:
    """Events appended before keep the old unit, also those still in memory, also after a restart."""
    async with opened(tmp_path, flush=60) as journal:
        journal.append(events(3), NOW)
        await journal.describe(tags(1, unit="K"))
        journal.append(events(3), NOW)
        await journal.flush()
        assert [journal.tag(1, seq).unit for seq in (1, 3, 4, 6)] == ["bar", "bar", "K", "K"]
    async with opened(tmp_path, tag_count=0) as journal:
        assert [journal.tag(1, seq).unit for seq in (1, 3, 4, 6)] == ["bar", "bar", "K", "K"]


async def test_very_many_tags(tmp_path: Path) -> None:
    """20,000 tags are described at once, and again for nothing."""
    async with opened(tmp_path) as journal:
        many = tags(20_000)
        assert await journal.describe(many) == list(range(1, 20_001))
        before = (tmp_path / "journal.db-wal").stat().st_mtime_ns
        assert await journal.describe(many) == list(range(1, 20_001))
        assert (tmp_path / "journal.db-wal").stat().st_mtime_ns == before


async def test_seen_finds_both_lanes_and_what_was_just_appended(tmp_path: Path) -> None:
    """Only the tags that were asked for, within the time, both ends included."""
    async with opened(tmp_path, flush=60) as journal:
        await journal.commit(Lane.HISTORY, events(10, tag=1), NOW)
        await journal.commit(Lane.HISTORY, events(10, tag=2), NOW)
        journal.append([Event(1, NOW + 20, "live"), Event(3, NOW + 3, "other")], NOW)
        found = await journal.seen([1, 2], NOW + 8, NOW + 20)
        assert [(event.tag, event.value) for event in found] == [(1, 8), (1, 9), (2, 8), (2, 9), (1, "live")]


async def test_damage_costs_one_chunk(tmp_path: Path) -> None:
    """A flipped byte: that chunk is set aside and told once, all others are delivered; its gaps are opened once."""
    async with opened(tmp_path) as journal:
        for first in (0, 10, 20):
            await journal.commit(Lane.LIVE, events(10, first=first), NOW)
    db = raw(tmp_path)
    with db.blob_open("main", "chunk", "payload", 11, True) as blob:  # noqa: FBT003 - apsw takes it by place only
        byte = blob.read(1)[0]
        blob.seek(0)
        blob.write(bytes([byte ^ 1]))
    db.close()
    async with opened(tmp_path) as journal:
        for _ in range(2):
            assert [chunk.first_seq for chunk in await read_all(journal, last=30)] == [1, 21]
        (damaged,) = await journal.damaged()
        assert (damaged.first_seq, damaged.last_seq) == (11, 20)
        assert (damaged.first_ticks, damaged.last_ticks) == (NOW + 10, NOW + 19)
        assert journal.stat().damaged_chunks == 1
        await journal.mend(damaged, [NewGap(1, NOW + 10, NOW + 19, "damaged")])
        assert await journal.damaged() == []
        assert len(await journal.gaps()) == 1


async def test_marks_survive_a_restart(tmp_path: Path) -> None:
    """How far something has got is known by its name; nobody else's mark changes with it."""
    async with opened(tmp_path) as journal:
        assert journal.mark("reread a") is None
        await journal.set_mark("reread a", 100)
        await journal.set_mark("reread b", 7)
        await journal.set_mark("reread a", 50)
        assert journal.mark("reread a") == 50
    async with opened(tmp_path) as journal:
        assert (journal.mark("reread a"), journal.mark("reread b"), journal.mark("reread c")) == (50, 7, None)


async def test_a_mark_is_durable_on_return(tmp_path: Path) -> None:
    """It is in the file, not only in memory."""
    async with opened(tmp_path, flush=60) as journal:
        await journal.set_mark("reread a", 100)
        assert raw(tmp_path).execute("SELECT name, ticks FROM mark").fetchall() == [("reread a", 100)]


async def test_a_tag_is_owed_from_the_earliest_time_it_joined(tmp_path: Path) -> None:
    """Joining again later changes nothing, joining earlier does; so it stays after a restart."""
    async with opened(tmp_path) as journal:
        await journal.join([1, 2], 100)
        await journal.join([1, 2, 3], 200)
        await journal.join([2], 50)
        assert journal.owed() == {1: 100, 2: 50, 3: 200}
    async with opened(tmp_path) as journal:
        assert [journal.joined(number) for number in (1, 2, 3)] == [100, 50, 200]


async def test_a_cancelled_commit_harms_nobody(tmp_path: Path) -> None:
    """What was on its way is stored or not; the journal goes on."""
    async with opened(tmp_path) as journal:
        task = asyncio.create_task(journal.commit(Lane.HISTORY, events(5), NOW))
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await journal.commit(Lane.HISTORY, events(5, first=5), NOW)
        assert journal.stat().newest_seq == 10
        assert values((await journal.next(Lane.HISTORY, 0)).events) == [0, 1, 2, 3, 4]


async def test_room_waits_for_the_disk(tmp_path: Path) -> None:
    """Who asks for room before each append keeps what is on its way bounded."""
    async with opened(tmp_path) as journal:
        await journal.room()
        big = [Event(1, NOW, "x" * 1000)] * 20_000
        for _ in range(5):
            journal.append(big, NOW)
            await journal.room()
            assert journal._traffic.bytes <= 16 << 20
        await journal.flush()
        assert journal.stat().events == 100_000


async def test_stat(tmp_path: Path) -> None:
    """An empty journal and one with something in it tell how they are."""
    async with opened(tmp_path, clock=Clock(), max_size="64MiB") as journal:
        empty = journal.stat()
        assert (empty.events, empty.oldest_seq, empty.newest_seq, empty.full) == (0, 1, 0, False)
        await journal.commit(Lane.LIVE, events(10), NOW)
        await journal.cursor("lake", Lane.LIVE)
        stat = journal.stat()
        assert (stat.events, stat.oldest_seq, stat.newest_seq, stat.max_bytes) == (10, 1, 10, 64 << 20)
        assert stat.lag == {("lake", Lane.LIVE): 10}
        assert empty.used_bytes <= stat.used_bytes < stat.max_bytes


async def test_closing_tells_who_waits(tmp_path: Path) -> None:
    """A closed journal gives nothing more, and its files are whole."""
    async with opened(tmp_path) as journal:
        journal.append(events(3), NOW)
        waiting = asyncio.create_task(journal.next(Lane.HISTORY, 0))
        await asyncio.sleep(0)
    with pytest.raises(JournalError, match="closed"):
        await waiting
    assert names(tmp_path) == ["journal.db", "lock", "reserve"]
    assert raw(tmp_path).execute("SELECT events FROM chunk").fetchall() == [(3,)]
