"""From nothing to the first event: what importing the daemon takes, and a whole start."""

import subprocess
import sys
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Final

from plant import Feed
from processes import daemon, feeder
from road import far_sides
from setups import configuration

_TIMES: Final = 3


def startup(folder: Path) -> dict[str, float]:
    """Import, and start with a hundred tags; give the figures."""
    bare_s = min(_python_s("pass") for _ in range(_TIMES))
    imported_s = min(_python_s("import pibridge.daemon.run") for _ in range(_TIMES))
    with ExitStack() as parts:
        feed = Feed(initial=True)
        pi = parts.enter_context(feeder(folder, feed))
        settings = configuration(folder, pi, far_sides(parts, folder, ["plain"]))
        begun = time.time()
        process = parts.enter_context(daemon(folder, settings, "--until", str(feed.tags)))
        process.wait(60)
    heard = next(when for when, _, newest, _ in process.notes["samples"] if newest)
    return {
        "import / bare Python": imported_s / bare_s,
        "import s": imported_s - bare_s,
        "start to first event s": heard - begun,
    }


def _python_s(code: str) -> float:
    begun = time.perf_counter()
    subprocess.run([sys.executable, "-c", code], check=True)
    return time.perf_counter() - begun
