import random
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import apsw
import pytest
from msgspec import Struct

from journal.crashes import Files, restore
from journal.long import LONG
from journal.samples import NOW, Clock, events, noise, opened
from pibridge.errors import JournalError
from pibridge.journal import opening, pages, schema
from pibridge.journal.chunks import Chunk
from pibridge.journal.gaps import NewGap
from pibridge.journal.settings import JournalSettings
from pibridge.model.event import Event, Lane

CHUNKS = 60
FLIPS_A_REGION = 1000 if LONG else 25

pytestmark = pytest.mark.skipif(not pages.guard(), reason="this apsw was built without page checksums")


class Seen(Struct):
    """What is read from a journal. `damaged`: bounds of the chunks that were set aside. `rest`: the small tables."""

    events: dict[int, tuple[Lane, Event]]
    damaged: list[tuple[int, int]]
    rest: tuple[Any, ...]


def look(folder: Path) -> Seen:
    """Read all that is in a journal, as the daemon does. Raises JournalError."""
    parts = opening.load(JournalSettings(path=folder), Clock())
    seen = Seen({}, [], ())
    try:
        for lane in Lane:
            for item in parts.lookup.chunks(lane):
                if isinstance(item, Chunk):
                    seen.events |= {item.first_seq + i: (lane, event) for i, event in enumerate(item.events)}
                else:
                    seen.damaged.append((item.first_seq, item.last_seq))
        tags = [parts.tags.latest(number) for number in range(1, 41)]
        seen.rest = (parts.cursors, parts.lookup.gaps(), parts.lookup.tally(), tags, parts.newest.last(1))
        return seen
    finally:
        for part in (parts.lookup, parts.shelf):
            part.close()
        parts.db.config(apsw.SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1)  # it is about to be replaced
        parts.db.close()


async def make(folder: Path, *, is_clean: bool = True) -> Files:
    """Give the files of a journal with everything in it; not clean: as they were before it was closed."""
    async with opened(folder, tag_count=40) as journal:
        for lane in Lane:
            await journal.cursor("lake", lane)
        await journal.open_gaps([NewGap(tag, NOW, None, "down") for tag in range(30)])
        for number in range(CHUNKS):
            lane = Lane.LIVE if number % 3 else Lane.HISTORY
            await journal.commit(lane, noise(12 if number % 10 else 80, seed=number), NOW)
        await journal.advance("lake", Lane.LIVE, 100)
        unclean = contents(folder)
    return contents(folder) if is_clean else unclean


def contents(folder: Path) -> Files:
    """Give the files that outlive the power: all but the shared index of the log."""
    return {file.name: file.read_bytes() for file in folder.glob("journal.db*") if not file.name.endswith("-shm")}


def regions(folder: Path) -> dict[str, list[int]]:
    """Give the pages of each kind, by what they hold."""
    found: dict[str, list[int]] = defaultdict(list)
    db = apsw.Connection(str(folder / schema.FILE_NAME))
    for name, kind, number in db.execute("SELECT name, pagetype, pageno FROM dbstat"):
        found[f"{name} {kind}"].append(number)
    count: int = db.pragma("page_count")
    db.close()
    known = {number for numbers in found.values() for number in numbers}
    found["map of pages"] = [number for number in range(1, count + 1) if number not in known]
    return found


def flips(content: bytes, numbers: list[int], rng: random.Random) -> Iterator[bytes]:
    """Give the file with one bit changed in one of these pages: half of them near the page's beginning."""
    for number in range(FLIPS_A_REGION):
        page = rng.choice(numbers)
        offset = (page - 1) * schema.PAGE_BYTES + rng.randrange(schema.PAGE_BYTES if number % 2 else 40)
        yield content[:offset] + bytes([content[offset] ^ 1 << rng.randrange(8)]) + content[offset + 1 :]


@pytest.mark.timeout(1800 if LONG else 120)
async def test_a_flipped_bit_costs_its_page_or_is_stated(tmp_path: Path) -> None:
    """In a payload it costs that chunk, in a page of chunks those that begin there; elsewhere it is an error."""
    files = await make(tmp_path)
    whole = look(tmp_path)
    chunk_rows = apsw.Connection(str(tmp_path / schema.FILE_NAME))
    most = max(chunk_rows.execute("SELECT ncell FROM dbstat WHERE name = 'chunk' AND pagetype = 'leaf'"))[0]
    chunk_rows.close()
    costs = {"chunk overflow": 1, "chunk leaf": most, "chunk internal": CHUNKS}
    stated = set()
    kinds = regions(tmp_path)
    assert {*costs, "sqlite_schema leaf", "chunk_lane leaf", "cursor leaf", "map of pages"} <= kinds.keys()
    for kind, numbers in kinds.items():
        for content in flips(files[schema.FILE_NAME], numbers, random.Random(kind)):  # noqa: S311 - the same bits always
            restore(tmp_path, {schema.FILE_NAME: content})
            try:
                found = look(tmp_path)
            except JournalError:
                stated.add(kind)
                continue
            lost = whole.events.keys() - found.events.keys()
            assert found.events.items() <= whole.events.items(), f"{kind}: what was never written"
            assert lost == {seq for first, last in found.damaged for seq in range(first, last + 1)}, kind
            assert len(found.damaged) <= costs.get(kind, 0), kind
            assert found.rest == whole.rest, f"{kind}: what is wrong was taken for right"
    assert not stated & costs.keys(), "damaged chunks never keep the others from being read"
    assert {"sqlite_schema leaf", "cursor leaf", "tally leaf", "gap leaf", "tag leaf"} <= stated


async def test_a_flipped_bit_in_the_log_gives_an_earlier_state(tmp_path: Path) -> None:
    """After an unclean stop, what was committed before it is there, whole; never a new journal, never a wrong event."""
    files = await make(tmp_path, is_clean=False)
    restore(tmp_path, files)
    whole = look(tmp_path)
    log = f"{schema.FILE_NAME}-wal"
    numbers = list(range(1, len(files[log]) // schema.PAGE_BYTES + 1))
    lengths = set()
    for content in flips(files[log], numbers, random.Random(log)):  # noqa: S311 - the same bits always
        restore(tmp_path, {**files, log: content})
        found = look(tmp_path)
        assert not found.damaged
        assert found.events == {seq: whole.events[seq] for seq in range(1, len(found.events) + 1)}
        lengths.add(len(found.events))
    assert len(lengths) > 5
    restore(tmp_path, {**files, log: b"\0" + files[log][1:]})
    assert look(tmp_path).events == {}
    with apsw.Connection(str(tmp_path / schema.FILE_NAME)) as db:
        assert db.pragma("application_id") == schema.APPLICATION_ID


async def test_what_cannot_be_read_holds_up_nobody(tmp_path: Path) -> None:
    """The daemon delivers the others, moves cursors past it, trims around it, takes new events; and tells the loss."""
    files = await make(tmp_path)
    whole = look(tmp_path)
    kinds = regions(tmp_path)
    for kind in ("chunk leaf", "chunk overflow"):
        # The last page of the tree is where new chunks go.
        for content in list(flips(files[schema.FILE_NAME], kinds[kind][:-2], random.Random(kind)))[:8]:  # noqa: S311 - as above
            restore(tmp_path, {schema.FILE_NAME: content})
            clock = Clock()
            delivered: dict[int, tuple[Lane, Event]] = {}
            async with opened(tmp_path, tag_count=40, retain="1s", clock=clock) as journal:
                newest_seq = journal.stat().newest_seq
                for lane in Lane:
                    await journal.commit(lane, events(1), NOW)
                    seq = (await journal.cursor("reader", lane)).seq
                    while seq <= newest_seq:
                        chunk = await journal.next(lane, seq)
                        delivered |= {chunk.first_seq + i: (lane, event) for i, event in enumerate(chunk.events)}
                        seq = chunk.last_seq
                        await journal.advance("reader", lane, seq)
                    assert journal.stat().lag["reader", lane] == 0
                    await journal.advance("lake", lane, seq)
                lost = await journal.damaged()
                clock.now_s += 1000
                await journal.commit(Lane.LIVE, events(1), NOW)
                await journal.commit(Lane.LIVE, events(1), NOW)
                assert not journal.failed.done()
                assert journal.stat().oldest_seq > 1 or lost[0].first_seq == 1
                assert journal.stat().events < len(whole.events) / 2, "the others were trimmed"
            gone = whole.events.keys() - delivered.keys()
            assert gone == {seq for item in lost for seq in range(item.first_seq, item.last_seq + 1)}
            assert gone
