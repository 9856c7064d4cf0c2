"""A small daemon on a disk that fails: a process of its own, with `failing_disk.c` loaded before libc.

Each case runs in a fork, which costs less than a start. A case prints one line of JSON: its exit code, and up to which
position events were acknowledged.
"""

import asyncio
import ctypes
import errno
import json
import os
import sys
import time
from pathlib import Path

from msgspec import Struct
from msgspec.structs import replace

from journal.samples import NOW, events, noise, tags
from pibridge.errors import JournalError, JournalFullError
from pibridge.journal.gaps import NewGap
from pibridge.journal.journal import Journal
from pibridge.journal.settings import JournalSettings
from pibridge.model.event import Lane

WRITES, SYNCS = 1, 2
COMMITS = 12
_LOAD_S = 3.0
disk = ctypes.CDLL(None)


class Fault(Struct, frozen=True):
    """What fails from its `first` call on (0: nothing), and how; `half`: that call stores the first half."""

    what: int
    error: int
    half: bool = False
    first: int = 0

    @property
    def name(self) -> str:
        """Give it in words."""
        what = "write" if self.what == WRITES else "sync"
        return f"{what} {errno.errorcode[self.error]}{' halfway' * self.half}"


FAULTS = (
    Fault(WRITES, errno.EIO),
    Fault(WRITES, errno.EIO, half=True),
    Fault(SYNCS, errno.EIO),
    Fault(WRITES, errno.ENOSPC),
    Fault(WRITES, errno.ENOSPC, half=True),
)


async def work(folder: Path, report: int, fault: Fault) -> None:
    """Commit events; whatever is acknowledged is reported at once. On a full disk wait, then go on."""
    journal = await Journal.open(JournalSettings(path=folder))
    await journal.describe(tags(1))
    await journal.cursor("lake", Lane.LIVE)
    disk.fail_disk(fault.what, fault.first, fault.error, fault.half)
    acknowledged = 0
    while acknowledged < 100 * COMMITS:
        try:
            await journal.commit(Lane.LIVE, events(100, first=acknowledged), NOW)
            acknowledged += 100
            os.write(report, f"{acknowledged}\n".encode())
            await journal.advance("lake", Lane.LIVE, acknowledged - 50)
        except JournalFullError:
            disk.fail_disk(0, 0, 0, 0)
            while journal.stat().full:
                await journal.gaps()
            await journal.open_gaps([NewGap(1, NOW, None, "full")])
    await journal.close()
    if journal.failed.done():
        journal.failed.result()


def run(folder: Path, fault: Fault) -> tuple[int, int, int]:
    """Run a case in a fork; give its exit code, the last position it acknowledged, and how often the disk was asked."""
    reading, report = os.pipe()
    child = os.fork()
    if not child:
        code = 0
        try:
            asyncio.run(work(folder, report, fault))
            os.write(report, f"calls {disk.count_calls()}\n".encode())
        except JournalError:
            code = 3
        finally:
            os._exit(code)
    os.close(report)
    with os.fdopen(reading) as lines:
        said = lines.read().split("\n")
    calls = [int(line.removeprefix("calls ")) for line in said if line.startswith("calls")]
    acknowledged = [int(line) for line in said if line.isdigit()]
    _, status = os.waitpid(child, 0)
    return os.waitstatus_to_exitcode(status), max(acknowledged, default=0), max(calls, default=0)


def try_all(folder: Path, most: int) -> None:
    """Let the journal's first, second and so on write and sync fail in each way; at most so many of each."""
    for fault in FAULTS:
        _, _, calls = run(folder / fault.name / "0", fault)
        for first in range(1, calls + 1, max(1, calls // most)):
            place = folder / fault.name / str(first)
            code, acknowledged, _ = run(place, replace(fault, first=first))
            result = {"case": fault.name, "call": first, "of": calls, "code": code, "acknowledged": acknowledged}
            print(json.dumps({**result, "folder": str(place)}), flush=True)  # noqa: T201 - what the test reads


async def measure_lag(folder: Path) -> None:
    """Load the journal while each sync takes 100 ms longer; print how late the event loop was, in seconds."""
    journal = await Journal.open(JournalSettings(path=folder))
    await journal.describe(tags(1))
    disk.delay_syncs(100)
    late_s: list[float] = []
    loop = asyncio.get_running_loop()
    part = noise(300, value_bytes=8)
    end_s = loop.time() + _LOAD_S
    appended = 0
    while (now_s := loop.time()) < end_s:
        journal.append(part, NOW)
        appended += len(part)
        await journal.room()
        due_s = now_s + 0.005
        await asyncio.sleep(0.005)
        late_s.append(loop.time() - due_s)
    await journal.flush()
    start_s = time.perf_counter()
    await journal.commit(Lane.LIVE, part, NOW)
    commit_s = time.perf_counter() - start_s
    disk.delay_syncs(0)
    await journal.close()
    result = {"late_s": sorted(late_s), "commit_s": commit_s, "appended": appended}
    print(json.dumps(result))  # noqa: T201 - what the test reads


if __name__ == "__main__":
    if sys.argv[1] == "lag":
        asyncio.run(measure_lag(Path(sys.argv[2])))
    else:
        try_all(Path(sys.argv[2]), int(sys.argv[3]))
