import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median

import apsw
import pytest
from msgspec import Struct

from journal.long import LONG
from journal.samples import NOW, NOW_S, Clock, noise, opened
from journal.samples import tags as sample_tags
from pibridge.journal import chunks, opening, schema, tags, tally
from pibridge.journal.codec import Packer
from pibridge.journal.settings import JournalSettings
from pibridge.journal.tags import Description
from pibridge.journal.tally import Ledger
from pibridge.model.event import Lane

EVENTS = 100_000_000 if LONG else 2_000_000
CHUNK_EVENTS = 1000
FEW_EVENTS = 60_000
GIGABYTES = 64 << 30


class Backlogs(Struct, frozen=True):
    """Two journals that differ in how much is owed alone."""

    small: Path
    large: Path


@pytest.fixture(scope="module")
def backlogs(tmp_path_factory: pytest.TempPathFactory) -> Backlogs:
    """Give them."""
    made = Backlogs(tmp_path_factory.mktemp("small"), tmp_path_factory.mktemp("large"))
    fill(made.small, FEW_EVENTS)
    fill(made.large, EVENTS)
    return made


def fill(folder: Path, count: int) -> None:
    """Make a journal that owes so many events, in both lanes; the newest events of its tags were just noted."""
    db = schema.open_for_writing(folder, "normal")
    (packed,) = Packer().pack(noise(CHUNK_EVENTS, value_bytes=8))
    ledger = Ledger(db, tally.load(db), NOW_S)
    with db:
        tags.insert(db, [Description(1, 0, sample_tags(1)[0])])
        for number in range(count // CHUNK_EVENTS):
            rows = chunks.Rows(ledger)
            rows.add(Lane.LIVE if number % 4 else Lane.HISTORY, packed, NOW)
            rows.write()
        ledger.tally.newest_seq = count - 5 * CHUNK_EVENTS
        tally.save(db, ledger.tally)
        for lane in Lane:
            db.execute("INSERT INTO cursor (sink, lane, seq, passed) VALUES ('lake', ?, 0, 0)", (lane.value,))
    db.close()


def load(folder: Path) -> opening.Parts:
    """Open a journal as the daemon does."""
    return opening.load(JournalSettings(path=folder, max_size=GIGABYTES), Clock())


def close(parts: opening.Parts) -> None:
    """Let go of it."""
    for part in (parts.lookup, parts.shelf, parts.db):
        part.close()


@contextmanager
def work() -> Iterator[list[int]]:
    """Count the steps of SQLite's machine that statements take meanwhile, on all connections that are opened."""
    steps: list[int] = []

    def watch(db: apsw.Connection) -> None:
        db.trace_v2(
            apsw.SQLITE_TRACE_PROFILE, lambda event: steps.append(event["stmt_status"]["SQLITE_STMTSTATUS_VM_STEP"])
        )

    apsw.connection_hooks.append(watch)
    try:
        yield steps
    finally:
        apsw.connection_hooks.remove(watch)


def steps_to_open(folder: Path) -> int:
    """Give how much SQLite does until the first chunks are at hand."""
    with work() as steps:
        parts = load(folder)
        assert parts.shelf.read(Lane.LIVE, 0)
        assert parts.shelf.read(Lane.HISTORY, 0)
        close(parts)
    assert len(steps) > 20, "it was watched"
    return sum(steps)


def seconds_to_open(folder: Path) -> float:
    """Give how long that takes."""
    start_s = time.perf_counter()
    parts = load(folder)
    parts.shelf.read(Lane.LIVE, 0)
    taken_s = time.perf_counter() - start_s
    close(parts)
    return taken_s


def test_opening_does_the_same_work_however_much_is_owed(backlogs: Backlogs) -> None:
    """A hundred times the backlog costs SQLite not one step more, up to the depth of its trees."""
    assert steps_to_open(backlogs.large) <= 1.02 * steps_to_open(backlogs.small)


def test_opening_takes_the_same_time_however_much_is_owed(backlogs: Backlogs) -> None:
    """Up to the first chunk, too."""
    taken_s = [(seconds_to_open(backlogs.small), seconds_to_open(backlogs.large)) for _ in range(7)]
    assert median(large for _, large in taken_s) <= 3 * median(small for small, _ in taken_s)


MEMORY = """
import asyncio, psutil, sys
from pathlib import Path
from pibridge.journal.journal import Journal
from pibridge.journal.settings import JournalSettings
from pibridge.model.event import Lane

async def main():
    journal = await Journal.open(JournalSettings(path=Path(sys.argv[1]), max_size=64 << 30))
    for lane in Lane:
        seq = 0
        for _ in range(int(sys.argv[2])):
            seq = (await journal.next(lane, seq)).last_seq
            await journal.advance("lake", lane, seq)
    print(psutil.Process().memory_info().rss)
    await journal.close()

asyncio.run(main())
"""


def memory_bytes(folder: Path, count: int) -> int:
    """Give the memory of a daemon that has delivered so many chunks of each lane."""
    script = [sys.executable, "-c", MEMORY, str(folder), str(count)]
    return int(subprocess.run(script, capture_output=True, check=True, text=True, timeout=60).stdout)


def test_memory_does_not_grow_with_the_backlog(backlogs: Backlogs) -> None:
    """Opened and drained for a while, a large one takes no more than five megabytes beyond a small one."""
    count = FEW_EVENTS // CHUNK_EVENTS // 4
    assert memory_bytes(backlogs.large, count) - memory_bytes(backlogs.small, count) <= 5 << 20
    assert memory_bytes(backlogs.large, 200) - memory_bytes(backlogs.large, count) <= 10 << 20


async def test_commits_cost_the_same_on_a_backlog(backlogs: Backlogs) -> None:
    """Writing, moving cursors, retention and numbers for the status page do not look at what is owed."""

    async def day(folder: Path) -> int:
        with work() as steps:
            clock = Clock()
            async with opened(folder, clock=clock, max_size=GIGABYTES, tag_count=1) as journal:
                for number in range(20):
                    clock.now_s += 2
                    await journal.commit(Lane.LIVE, noise(10, seed=number), NOW)
                    await journal.advance("lake", Lane.LIVE, number)
                    journal.stat()
        return sum(steps)

    small = await day(backlogs.small)
    assert await day(backlogs.large) <= 1.1 * small
