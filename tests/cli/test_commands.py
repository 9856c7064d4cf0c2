import subprocess
import sys

import pytest
from typer.testing import CliRunner

from pibridge.cli import app

CALL = "import sys; from pibridge.cli import main; sys.argv[1:] = [{!r}]"
TELL = "import atexit, sys; atexit.register(lambda: print(*sys.modules))"


@pytest.mark.parametrize(
    ("argument", "needless"),
    [("--version", ["aiohttp", "structlog"]), ("schema", ["aiohttp", "pibridge.simulator"])],
)
def test_a_command_loads_what_it_needs(argument: str, needless: list[str]) -> None:
    """On a small board every library costs seconds and megabytes."""
    code = f"{TELL}; {CALL.format(argument)}; main()"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = set(done.stdout.splitlines()[-1].split())
    assert "pibridge.cli" in loaded
    assert not loaded.intersection(needless)


def test_the_daemon_is_loaded_without_the_simulator() -> None:
    """A plant to play with has no place on a plant's machine."""
    code = "import sys, pibridge.cli.run; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "pibridge.simulator" not in done.stdout.split()


def test_a_slip_of_the_pen_is_understood() -> None:
    """An unknown command is told with the one that it may be; the help has all, with what they do."""
    runner = CliRunner()
    assert "Did you mean 'journal'" in runner.invoke(app, ["journla"]).output.replace("\n", " ")
    shown = runner.invoke(app, ["--help"]).output
    for name in ("run", "dead-letters", "reread", "sitewise"):
        assert f" {name} " in shown
