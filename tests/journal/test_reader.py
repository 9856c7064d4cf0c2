import asyncio
import sys
from pathlib import Path

import pytest

from journal.samples import NOW, events, opened, raw
from pibridge.errors import JournalError
from pibridge.journal.chunks import Chunk, Damaged
from pibridge.journal.gaps import NewGap
from pibridge.journal.reader import JournalReader
from pibridge.model.event import Lane

COUNT = """
import sys
from pathlib import Path
from pibridge.journal.reader import JournalReader
from pibridge.model.event import Lane
reader = JournalReader.open(Path(sys.argv[1]))
values = [event.value for chunk in reader.chunks(Lane.LIVE) for event in chunk.events]
assert values == list(range(len(values))), "not in order"
print(len(values), reader.tags().number("realtime:\\\\\\\\PI\\\\T1"), len(reader.gaps()), len(reader.cursors()))
"""


async def test_another_process_reads_while_we_write(tmp_path: Path) -> None:
    """It sees a prefix of what was committed, in order, and disturbs nobody."""
    async with opened(tmp_path) as journal:
        await journal.cursor("lake", Lane.LIVE)
        await journal.open_gaps([NewGap(1, 1, None, "down")])
        await journal.commit(Lane.LIVE, events(5000), NOW)
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-c", COUNT, str(tmp_path), stdout=asyncio.subprocess.PIPE
        )
        done = asyncio.create_task(process.communicate())
        first = 5000
        while not done.done():
            await journal.commit(Lane.LIVE, events(500, first=first), NOW)
            first += 500
        out, _ = await done
        count, *rest = map(int, out.split())
        assert 5000 <= count <= first
        assert rest == [1, 1, 1]
        assert journal.stat().events == first


async def test_a_closed_journal_can_be_read(tmp_path: Path) -> None:
    """No daemon needs to run."""
    async with opened(tmp_path) as journal:
        await journal.commit(Lane.HISTORY, events(10), NOW)
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", COUNT, str(tmp_path), stdout=asyncio.subprocess.PIPE
    )
    out, _ = await process.communicate()
    assert out.split() == [b"0", b"1", b"0", b"0"]
    reader = JournalReader.open(tmp_path)
    assert list(reader.chunks(Lane.HISTORY)) == [Chunk(Lane.HISTORY, 1, NOW, events(10))]
    assert reader.tally().next_seq == 11
    reader.close()


async def test_reading_from_a_position(tmp_path: Path) -> None:
    """The first chunk begins right behind the position; lanes do not mix."""
    async with opened(tmp_path) as journal:
        await journal.commit(Lane.LIVE, events(10), NOW)
        await journal.commit(Lane.HISTORY, events(10, tag=2), NOW)
        await journal.commit(Lane.LIVE, events(10, first=10), NOW)
    reader = JournalReader.open(tmp_path)
    found = [chunk for chunk in reader.read(Lane.LIVE, 7) if isinstance(chunk, Chunk)]
    assert [(chunk.first_seq, chunk.last_seq) for chunk in found] == [(8, 10), (21, 30)]
    assert reader.read(Lane.LIVE, 30) == []
    assert len(reader.read(Lane.LIVE, 0, limit=1)) == 1
    reader.close()


async def test_damage_is_told_and_the_rest_read(tmp_path: Path) -> None:
    """One damaged chunk costs that chunk."""
    async with opened(tmp_path) as journal:
        for first in (0, 10, 20):
            await journal.commit(Lane.LIVE, events(10, first=first), NOW)
    db = raw(tmp_path)
    db.execute("UPDATE chunk SET payload = zeroblob(length(payload)) WHERE seq = 11")
    db.close()
    reader = JournalReader.open(tmp_path)
    found = list(reader.chunks(Lane.LIVE))
    assert [type(item) for item in found] == [Chunk, Damaged, Chunk]
    assert found[1].last_seq == 20
    assert reader.seen([1], NOW, NOW + 99) == [*events(10), *events(10, first=20)]
    reader.close()


def test_no_journal(tmp_path: Path) -> None:
    """Where there is none, that is said."""
    with pytest.raises(JournalError, match="no journal"):
        JournalReader.open(tmp_path)


async def test_it_reads_backwards(tmp_path: Path) -> None:
    """The newest events first, as many chunks as wanted; what is damaged is left out."""
    async with opened(tmp_path) as journal:
        for first in (0, 100, 200):
            await journal.commit(Lane.LIVE, events(10, first=first), NOW)
        reader = JournalReader.open(tmp_path)
        assert [chunk.events[0].value for chunk in reader.backwards(0, 9)] == [200, 100, 0]
        assert [chunk.events[0].value for chunk in reader.backwards(NOW + 105, 1)] == [200]
        reader.close()


async def test_it_tells_what_is_oldest_and_what_is_held(tmp_path: Path) -> None:
    """Without reading the events."""
    async with opened(tmp_path) as journal:
        reader = JournalReader.open(tmp_path)
        assert (reader.oldest(), reader.held_events()) == (None, 0)
        journal.hold([2])
        journal.append([*events(3), *events(2, tag=2)], NOW)
        await journal.flush()
        assert (reader.oldest(), reader.held_events()) == (1, 2)
        reader.close()


async def test_chunks_are_gone_through_in_both_directions(tmp_path: Path) -> None:
    """Of both lanes together, some at a time; and one is read by its place."""
    async with opened(tmp_path) as journal:
        for lane in (Lane.LIVE, Lane.HISTORY, Lane.LIVE):
            await journal.commit(lane, events(10), NOW)
        reader = JournalReader.open(tmp_path)
        assert (reader.behind(0, 2), reader.behind(11), reader.behind(21)) == ([1, 11], [21], [])
        assert (reader.before(31), reader.before(21, 1)) == ([21, 11, 1], [11])
        chunk = reader.chunk(11)
        assert isinstance(chunk, Chunk)
        assert (chunk.lane, chunk.last_seq) == (Lane.HISTORY, 20)
        assert reader.chunk(12) is None
        assert list(reader.spanning(NOW + 9, NOW + 99)) == [1, 11, 21]
        assert reader.stored_s(15) == reader.stored_s(11) > 0
        reader.close()


async def test_the_newest_of_each_tag_is_known_at_any_time(tmp_path: Path) -> None:
    """As the journal itself knows it: what its pages say, what came since, what is held, and of tags that are new."""
    async with opened(tmp_path) as journal:
        await journal.commit(Lane.LIVE, events(3), NOW)
    async with opened(tmp_path) as journal:
        journal.hold({3})
        await journal.commit(Lane.HISTORY, events(2, tag=2), NOW + 7)
        journal.append(events(1, tag=3, first=9), NOW + 8)
        await journal.flush()
        reader = JournalReader.open(tmp_path)
        newest = reader.newest()
        reader.close()
        assert [newest.last(number) for number in range(5)] == [journal.last(number) for number in range(5)]
        assert [last and last.ticks for number in (1, 2, 3, 4) for last in (newest.last(number),)] == [
            NOW + 2,
            NOW + 1,
            NOW + 9,
            None,
        ]
