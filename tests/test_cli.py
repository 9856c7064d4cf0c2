"""The `pibridge` command as a whole: what it does without a command, and how it says what is wrong."""

from pathlib import Path

import pytest

from cli.processes import pibridge, tree, written
from pibridge import __version__
from pibridge.simulator import Simulator


@pytest.fixture
async def simulator() -> Simulator:
    """Make a PI Web API that is not started: where nothing may be asked, its address is enough."""
    return Simulator()


async def test_without_a_command_it_helps(tmp_path: Path) -> None:
    """`pibridge` alone shows the commands, and ends well."""
    ended = await pibridge(tmp_path)
    assert ended.code == 0
    for command in ("run", "demo", "check", "tags", "schema", "simulate"):
        assert f" {command} " in ended.out


async def test_it_knows_its_version(tmp_path: Path) -> None:
    """`pibridge --version` prints the version and nothing else."""
    ended = await pibridge(tmp_path, "--version")
    assert (ended.code, ended.out, ended.err) == (0, f"{__version__}\n", "")


@pytest.mark.parametrize("command", ["run", "check", "tags"])
async def test_wrong_configuration_is_told_line_by_line(tmp_path: Path, command: str) -> None:
    """Each problem is one line on stderr with key path and fix, the exit code is 2, and PI is not asked."""
    async with Simulator() as simulator:
        wrong = tree(simulator, sinks={"lake": {"type": "s3", "buckett": "acme"}}, site="no site")
        ended = await pibridge(tmp_path, command, "--config", written(tmp_path, wrong))
        assert simulator.requests == 0
    assert ended.code == 2
    assert ended.out == ""
    lines = ended.err.splitlines()
    assert [line.partition(": ")[0] for line in lines] == ["site", "sinks.lake.buckett", "sinks.lake.bucket"]
    assert "did you mean bucket?" in ended.err
    assert "Traceback" not in ended.err


async def test_an_unknown_option_is_no_traceback(tmp_path: Path) -> None:
    """A mistyped option is told with exit code 2."""
    ended = await pibridge(tmp_path, "run", "--confg", "x")
    assert ended.code == 2
    assert "--confg" in ended.err
    assert "Traceback" not in ended.err


async def test_a_quoted_secret_is_not_shown(tmp_path: Path, simulator: Simulator) -> None:
    """Where a problem quotes what a reference stood for, the reference is shown in its place."""
    wrong = tree(simulator, site="${env:PI_PASSWORD}", log={"level": "${env:PI_PASSWORD}"})
    environment = {"PI_PASSWORD": "hush hush!"}
    ended = await pibridge(tmp_path, "run", "-c", written(tmp_path, wrong), environment=environment)
    assert ended.code == 2
    assert "hush" not in ended.err
