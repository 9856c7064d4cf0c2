import asyncio
import signal
import sys
from pathlib import Path

import pytest

from cli.processes import eventually


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
async def test_a_command_ends_well_although_its_shell_ignores_the_signal(
    tmp_path: Path, number: signal.Signals
) -> None:
    """A command in the background of a script is started with SIGINT ignored."""
    err = tmp_path / "stderr"
    script = (
        "import os, signal, sys; signal.signal(signal.SIGINT, signal.SIG_IGN); "
        "os.execv(sys.executable, [sys.executable, '-m', 'pibridge', 'simulate', '--port', '0'])"
    )
    with err.open("wb") as errors:
        process = await asyncio.create_subprocess_exec(sys.executable, "-c", script, stderr=errors)
    try:
        await eventually(lambda: "simulator listens" in err.read_text(), 15.0)
        process.send_signal(number)
        assert await asyncio.wait_for(process.wait(), 10) == 0
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    assert "Traceback" not in err.read_text()
