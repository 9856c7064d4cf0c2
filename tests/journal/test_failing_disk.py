import json
import os
import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from journal.long import LONG
from journal.samples import opened, read_all, values

MOST_CASES = 10_000 if LONG else 5
HERE = Path(__file__).parent


@pytest.fixture(scope="module")
def shim(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give the library that makes the disk fail, freshly compiled."""
    compiler = shutil.which("gcc")
    if compiler is None or sys.platform != "linux":
        pytest.skip("a disk that fails is made with gcc on Linux")
    library = tmp_path_factory.mktemp("shim") / "failing_disk.so"
    source = HERE / "failing_disk.c"
    subprocess.run([compiler, "-O1", "-Wall", "-shared", "-fPIC", "-o", library, source, "-ldl"], check=True)
    return library


def results(shim: Path, *arguments: str) -> list[dict[str, Any]]:
    """Give what the process on the failing disk prints."""
    environment = {**os.environ, "LD_PRELOAD": str(shim), "PYTHONPATH": str(HERE.parent)}
    script = [sys.executable, str(HERE / "on_failing_disk.py"), *arguments]
    done = subprocess.run(script, env=environment, capture_output=True, check=True, text=True)
    return [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]


@pytest.mark.timeout(1800 if LONG else 120)
async def test_whichever_call_fails_nothing_acknowledged_is_lost(shim: Path, tmp_path: Path) -> None:
    """EIO ends the process, non-zero, and is never tried again; ENOSPC is a state that ends. What was told holds."""
    cases = results(shim, "fail", str(tmp_path), str(MOST_CASES))
    seen = Counter(case["case"] for case in cases)
    assert set(seen) == {"write EIO", "write EIO halfway", "sync EIO", "write ENOSPC", "write ENOSPC halfway"}
    assert all(count >= min(MOST_CASES, 5) for count in seen.values())
    for case in cases:
        is_full = "ENOSPC" in case["case"]
        assert case["code"] == (0 if is_full else 3), case
        async with opened(Path(case["folder"])) as journal:
            newest_seq = journal.stat().newest_seq
            assert case["acknowledged"] <= newest_seq <= case["acknowledged"] + 100, case
            found = [value for chunk in await read_all(journal, last=newest_seq) for value in values(chunk.events)]
            assert found == list(range(newest_seq)), case
            assert not await journal.damaged()
            assert len(await journal.gaps()) <= is_full


def test_a_slow_disk_does_not_hold_up_the_event_loop(shim: Path, tmp_path: Path) -> None:
    """With each sync 100 ms slower the loop is late by less than 50 ms, 99 times in 100."""
    (result,) = results(shim, "lag", str(tmp_path))
    assert result["commit_s"] >= 0.1, "the syncs were slow"
    assert result["appended"] > 10_000
    late_s = result["late_s"]
    assert late_s[int(0.99 * len(late_s))] < 0.05
