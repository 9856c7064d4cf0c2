import asyncio
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from journal.samples import NOW, Clock, events, noise, opened, raw
from pibridge.errors import JournalError
from pibridge.journal import pages
from pibridge.journal.gaps import NewGap
from pibridge.journal.letters import DeadLetter
from pibridge.journal.verify import Area, verify
from pibridge.model.event import Event, Lane
from waiting import eventually

AREAS = [
    "pages", "structure", "chunks", "positions", "held events", "tags", "cursors", "gaps", "dead letters",
    "newest events",
]  # fmt: skip


async def make(folder: Path) -> None:
    """Leave a journal with something of everything in it."""
    async with opened(folder) as journal:
        for lane in Lane:
            await journal.cursor("lake", lane)
        for first in range(0, 500, 50):
            await journal.commit(Lane.LIVE, events(50, first=first), NOW)
            await journal.commit(Lane.HISTORY, events(20, tag=2, first=first), NOW)
        await journal.open_gaps([NewGap(3, NOW, None, "lost")])
        await journal.advance("lake", Lane.LIVE, 50, [DeadLetter(3, "too long", b"{}", Event(1, NOW, 1))])
        await journal.seal("lake", Lane.LIVE, 71, 120)
        journal.hold({3})
        journal.append([Event(3, NOW, 1)], NOW)
        await journal.flush()


def faults(folder: Path) -> dict[str, list[str]]:
    """Give what is wrong, by area."""
    return {area.name: area.faults for area in verify(folder) if area.faults}


async def test_a_whole_journal_has_no_faults(tmp_path: Path) -> None:
    """Every part is looked at, and said to be."""
    await make(tmp_path)
    areas = {area.name: area for area in verify(tmp_path)}
    assert list(areas) == AREAS
    assert not [area for area in areas.values() if area.faults or area.left]
    looked_at = {name: areas[name].looked_at for name in AREAS[2:]}
    assert looked_at == {
        "chunks": 20, "positions": 700, "held events": 1, "tags": 3, "cursors": 2, "gaps": 1, "dead letters": 1,
        "newest events": 1,
    }  # fmt: skip


@pytest.mark.skipif(not pages.guard(), reason="this apsw was built without page checksums")
async def test_a_flipped_bit_is_found_wherever_it_lies(tmp_path: Path) -> None:
    """In a page of any kind; what is meant to be read from there is named, too."""
    await make(tmp_path)
    file = tmp_path / "journal.db"
    whole = file.read_bytes()
    unopened = []
    for page in range(1, len(whole) // 4096):
        flipped = bytearray(whole)
        flipped[page * 4096 + 1000] ^= 4
        file.write_bytes(flipped)
        try:
            assert faults(tmp_path)["pages"] == [f"page {page + 1} is not what was written"]
        except JournalError as error:
            unopened.append(str(error))
    assert len(unopened) < 3  # pages of the schema, without which nothing can be opened
    assert all("damaged" in error for error in unopened)


@pytest.mark.parametrize(
    ("damage", "area", "said"),
    [
        ("UPDATE chunk SET payload = zeroblob(50) WHERE seq = 71", "chunks", "events 71 to 120 of live: the checksum"),
        ("DELETE FROM chunk WHERE seq = 141", "positions", "50 events of live are missing between 120 and 211"),
        ("DELETE FROM chunk WHERE seq = 681", "positions", "20 events of history are missing behind 630"),
        ("UPDATE chunk SET seq = 60 WHERE seq = 71", "positions", "the chunks 51 and 60 overlap"),
        ("UPDATE tally SET next_seq = 705", "positions", "4 positions behind 51 belong to no lane"),
        ("DELETE FROM tag WHERE number = 2", "tags", "events have the tag 2, which is not described"),
        ("DELETE FROM tag WHERE number = 2", "tags", "tag 2 is not described"),
        ("UPDATE tag SET description = x'00' WHERE number = 1", "tags", "the description of tag 1 since 0: "),
        ("UPDATE cursor SET seq = 5000 WHERE lane = 'live'", "cursors", "lake, live: at 5000, but the journal ends"),
        ("UPDATE cursor SET passed = 900", "cursors", "lake, live: 900 events passed of 500 ever stored"),
        (
            "UPDATE cursor SET sealed_first = 3 WHERE lane = 'live'",
            "cursors",
            "a batch from 3 to 120, the cursor at 50",
        ),
        ("UPDATE gap SET tag = 77", "gaps", "gap 1 is of tag 77, which is not described"),
        ("UPDATE held SET payload = zeroblob(9)", "held events", "held events 1: the checksum differs"),
        ("UPDATE dead_letter SET event = x'c1'", "dead letters", "dead letter 1: "),
        ("UPDATE newest SET crc = 1", "newest events", "a page of the newest events is damaged"),
    ],
)
async def test_each_kind_of_damage_has_a_name(tmp_path: Path, damage: str, area: str, said: str) -> None:
    """Also what page checksums cannot know: rows that are missing, or say what cannot be."""
    await make(tmp_path)
    db = raw(tmp_path)
    db.execute(damage)
    db.close()
    assert any(said in line for line in faults(tmp_path)[area]), faults(tmp_path)


async def test_what_was_removed_is_no_fault(tmp_path: Path) -> None:
    """Retention takes the oldest of each lane, of one lane more than of the other."""
    clock = Clock()
    async with opened(tmp_path, clock=clock, retain=0, max_size=16 << 20) as journal:
        for lane in Lane:
            await journal.cursor("lake", lane)
        for seed in range(5):
            await journal.commit(Lane.LIVE, noise(500, seed=seed), NOW)
            await journal.commit(Lane.HISTORY, noise(500, seed=seed), NOW)
        await journal.advance("lake", Lane.LIVE, 3500)
        clock.now_s += 1000
        await eventually(lambda: journal.stat().events <= 3000)
    assert faults(tmp_path) == {}


@settings(max_examples=30)
@given(rounds=st.lists(st.tuples(st.sampled_from(list(Lane)), st.integers(1, 40)), min_size=1, max_size=30))
async def test_beside_a_writer_there_are_no_faults(
    tmp_path_factory: pytest.TempPathFactory, rounds: list[tuple[Lane, int]]
) -> None:
    """What is stored and removed meanwhile is neither missing nor too much."""
    folder, clock = tmp_path_factory.mktemp("journal"), Clock()
    async with opened(folder, clock=clock, retain=0) as journal:
        for lane in Lane:
            await journal.cursor("lake", lane)
        areas: list[Area] = []

        async def look() -> None:
            areas.extend(await asyncio.to_thread(lambda: list(verify(folder))))

        looking = asyncio.create_task(look())
        for lane, count in rounds:
            await journal.commit(lane, events(count), NOW)
            await journal.advance("lake", lane, journal.stat().newest_seq)
            clock.now_s += 1000
        await looking
        assert not [area for area in areas if area.faults]
