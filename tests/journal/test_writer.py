import asyncio
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import apsw
import pytest

from journal.bad_disk import bad_disk
from journal.samples import NOW, NOW_S, Clock, events, noise, opened, read_all, tags, values
from pibridge.errors import JournalError, JournalFullError
from pibridge.journal import chunks, cursors, opening
from pibridge.journal.gaps import NewGap
from pibridge.journal.jobs import Call, Settled, Store
from pibridge.journal.journal import Journal
from pibridge.journal.quota import Quota
from pibridge.journal.settings import JournalSettings
from pibridge.journal.writer import Writer
from pibridge.model.event import Lane


async def test_what_waits_is_committed_together(tmp_path: Path) -> None:
    """Many callers at once cost few fsyncs."""
    with bad_disk() as disk:
        async with opened(tmp_path) as journal:
            await journal.cursor("lake", Lane.LIVE)
            disk.arm("sync", 1_000_000, apsw.IOError)
            await asyncio.gather(
                *(journal.commit(Lane.LIVE, events(1), NOW) for _ in range(200)),
                *(journal.advance("lake", Lane.LIVE, seq) for seq in range(200)),
            )
            assert 1_000_000 - disk.fail_in <= 20
            assert journal.stat().events == 200


FAULTS = [("sync", 1), ("sync", 2), ("sync", 5), ("write", 1), ("write", 4), ("write", 40)]


@pytest.mark.parametrize(("what", "number"), FAULTS)
async def test_a_failing_disk_ends_it_and_loses_nothing_acknowledged(tmp_path: Path, what: str, number: int) -> None:
    """The error is told to all and never tried again; what was acknowledged is there on the way up."""
    acknowledged = 0

    async def commit_for_ever(journal: Journal) -> None:
        nonlocal acknowledged
        while True:
            await journal.commit(Lane.LIVE, events(100, first=acknowledged), NOW)
            acknowledged += 100

    with bad_disk() as disk:
        journal = await Journal.open(JournalSettings(path=tmp_path))
        await journal.describe(tags(1))
        disk.arm(what, number, apsw.IOError, for_good=True)
        with pytest.raises(JournalError, match="could not be written"):
            await commit_for_ever(journal)
        with pytest.raises(JournalError, match="could not be written"):
            await journal.failed
        failures = disk.failures
        for attempt in (journal.flush(), journal.commit(Lane.LIVE, events(1), NOW), journal.next(Lane.LIVE, 10_000)):
            with pytest.raises(JournalError):
                await attempt
        with pytest.raises(JournalError):
            journal.append(events(1), NOW)
        await journal.close()
        assert disk.failures == failures
    async with opened(tmp_path) as journal:
        stored = journal.stat().newest_seq
        assert stored in {acknowledged, acknowledged + 100}, "the commit that failed is there as a whole or not at all"
        found = [value for chunk in await read_all(journal, last=stored) for value in values(chunk.events)]
        assert found == list(range(stored))


@pytest.mark.parametrize("number", [1, 2, 3, 5, 8, 13, 200])
async def test_a_full_disk_refuses_and_goes_on(tmp_path: Path, number: int) -> None:
    """Without restart: callers are told, live events wait, and when there is room all is stored, in order."""
    taken = 0

    async def append_for_ever(journal: Journal) -> None:
        nonlocal taken
        while True:
            journal.append(events(1000, first=taken), NOW)
            taken += 1000
            await journal.flush()

    with bad_disk() as disk:
        async with opened(tmp_path) as journal:
            disk.arm("write", number, apsw.FullError, for_good=True)
            with pytest.raises(JournalFullError):
                await append_for_ever(journal)
            with pytest.raises(JournalFullError):
                await journal.commit(Lane.HISTORY, events(1), NOW)
            disk.disarm()
            await journal.open_gaps([NewGap(1, NOW, None, "full")])
            while journal.stat().full:
                await journal.gaps()
            journal.append(events(1000, first=taken), NOW)
            await journal.flush()
            found = [value for chunk in await read_all(journal, last=taken + 1000) for value in values(chunk.events)]
            assert found == list(range(taken + 1000))
            assert not journal.failed.done()


async def test_events_that_found_no_room_are_not_remembered(tmp_path: Path) -> None:
    """After a stop in that state the newest event of a tag is the newest that is on disk: the gap begins there."""
    with bad_disk() as disk:
        async with opened(tmp_path) as journal:
            await journal.commit(Lane.LIVE, events(10), NOW)
            disk.arm("write", 1, apsw.FullError, for_good=True)
            journal.append(events(1000, first=10), NOW)
            with pytest.raises(JournalFullError):
                await journal.flush()
    async with opened(tmp_path) as journal:
        last = journal.last(1)
        assert last is not None
        assert last.ticks == NOW + 9


async def test_a_wrong_call_is_told_to_its_caller_alone(tmp_path: Path) -> None:
    """What others asked for in the same commit is done."""
    async with opened(tmp_path) as journal:
        results = await asyncio.gather(
            journal.commit(Lane.LIVE, events(1), NOW),
            journal.open_gaps([NewGap(1, "no time", None, "x")]),  # type: ignore[arg-type]
            journal.commit(Lane.LIVE, events(1), NOW),
            return_exceptions=True,
        )
        assert [isinstance(result, Exception) for result in results] == [False, True, False]
        assert journal.stat().events == 2


async def test_a_reader_that_stays_cannot_make_it_exceed(tmp_path: Path) -> None:
    """Another process that keeps reading an old state stops the writing at the limit, not beyond; then it goes on."""

    async def commit_for_ever(journal: Journal) -> None:
        while True:
            await journal.commit(Lane.LIVE, noise(700), NOW)

    clock = Clock()
    async with opened(tmp_path, clock=clock, max_size="16MiB") as journal:
        await journal.commit(Lane.LIVE, events(1), NOW)
        journal._writer._db.set_busy_timeout(10)
        reader = apsw.Connection(str(tmp_path / "journal.db"), flags=apsw.SQLITE_OPEN_READONLY)
        reader.execute("BEGIN; SELECT * FROM chunk")
        with pytest.raises(JournalFullError):
            await commit_for_ever(journal)
        assert (tmp_path / "journal.db-wal").stat().st_size <= 3 << 20
        reader.close()
        while journal.stat().full:
            await journal.gaps()
        await journal.commit(Lane.LIVE, noise(700), NOW)


FULL_DISK = """
import asyncio, sys
from pathlib import Path
from pibridge.errors import JournalFullError
from pibridge.journal import chunks, cursors, opening
from pibridge.journal.gaps import NewGap
from pibridge.journal.jobs import Call, Settled, Store
from pibridge.journal.journal import Journal
from pibridge.journal.quota import Quota
from pibridge.journal.settings import JournalSettings
from pibridge.journal.writer import Writer
from pibridge.model.event import Lane
sys.path.append(sys.argv[2])
from journal.samples import NOW, noise, tags

async def main(disk):
    other = disk / "other"
    other.write_bytes(bytes(4 << 20))
    journal = await Journal.open(JournalSettings(path=disk / "journal", flush=0.001))
    await journal.describe(tags(1))
    taken = 0
    try:
        while True:
            journal.append(noise(1000, seed=taken), NOW)
            taken += 1000
            await journal.flush()
    except JournalFullError:
        pass
    for tag in range(20):
        await journal.open_gaps([NewGap(tag, NOW, None, "full")])
    other.unlink()
    while journal.stat().full:
        await journal.gaps()
    journal.append(noise(1000, seed=taken), NOW)
    taken += 1000
    await journal.flush()
    seq = 0
    while seq < taken:
        chunk = await journal.next(Lane.LIVE, seq)
        assert chunk.first_seq == seq + 1
        seq = chunk.last_seq
    assert len(await journal.gaps()) == 20
    assert journal.stat().events == taken > 20_000, taken
    await journal.close()
    print("nothing lost")

asyncio.run(main(Path(sys.argv[1])))
"""


def test_a_really_full_disk_is_survived_without_restart(tmp_path: Path) -> None:
    """On a file system without a free byte gaps are still written; given room, all that was taken is there."""
    unshare = shutil.which("unshare")
    mount = f"mount -t tmpfs -o size=12m tmpfs {tmp_path}"
    if unshare is None or subprocess.run([unshare, "-Urm", "sh", "-c", mount], check=False).returncode:
        pytest.skip("this system does not let us mount a small disk")
    shell = [unshare, "-Urm", "sh", "-c", f'{mount} && exec "$@"', "sh"]
    script = [sys.executable, "-c", FULL_DISK, str(tmp_path), str(Path(__file__).parent.parent)]
    done = subprocess.run([*shell, *script], capture_output=True, check=False, text=True, timeout=60)
    assert done.stdout.endswith("nothing lost\n"), done.stdout + done.stderr


def written(folder: Path, jobs: Sequence[Store | Call], max_bytes: int = 1 << 30) -> tuple[Writer, Settled]:
    """Have these jobs done, as many together as go into one commit; give the writer, and what it answered."""
    parts = opening.load(JournalSettings(path=folder, max_size=max_bytes), lambda: NOW_S)
    settled = Settled()
    failures: list[JournalError] = []
    writer = Writer(
        parts.db,
        quota=parts.quota,
        reserve=parts.reserve,
        retention=parts.retention,
        now=lambda: NOW_S,
        tags=lambda: 1,
        settle=settled.add,
        fail=failures.append,
    )
    for job in jobs:
        writer.submit(job)
    writer.start()
    writer.stop()
    writer.join()
    for reader in (parts.lookup, parts.shelf):
        reader.close()
    assert not failures
    return writer, settled


async def test_a_job_sees_what_is_stored_with_it(tmp_path: Path) -> None:
    """Though the chunks of one commit are written together."""
    answer = asyncio.get_running_loop().create_future()
    call = Call(lambda ledger: chunks.oldest(ledger.db), answer)
    _, settled = written(tmp_path, [Store(Lane.LIVE, events(10), NOW), call, Store(Lane.LIVE, events(10), NOW)])
    assert settled.answers == [(answer, 1)]


async def test_what_is_stored_together_stays_within_the_limit_together(tmp_path: Path) -> None:
    """Each of many chunks would still fit by itself: cursors and gaps keep the room behind them."""
    max_bytes = 16 << 20
    owing = Call(
        lambda ledger: cursors.create(ledger, ("lake", Lane.LIVE), "retained"),
        asyncio.get_running_loop().create_future(),
    )
    stores = [Store(Lane.LIVE, noise(100, value_bytes=300), NOW) for _ in range(600)]
    writer, settled = written(tmp_path, [owing, *stores], max_bytes)
    limit = Quota(max_bytes).data_bytes(1)
    assert writer.full
    assert len(settled.stored) < len(stores)
    assert 0.95 * limit < writer.used_bytes <= limit
