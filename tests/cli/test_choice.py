from pathlib import Path

from cli.processes import pibridge, tree, written
from pibridge.simulator import Simulator


async def test_without_a_configuration_it_says_how_to_name_one(tmp_path: Path) -> None:
    """A command that needs a configuration and has none ends with 2 and one line."""
    ended = await pibridge(tmp_path, "check")
    assert (ended.code, ended.err) == (2, "no configuration; say which: --config FILE\n")


async def test_it_may_stand_before_or_behind_the_command(tmp_path: Path, simulator: Simulator) -> None:
    """`pibridge --config FILE check` and `pibridge check --config FILE` are the same; the one behind wins."""
    name = written(tmp_path, tree(simulator))
    before = await pibridge(tmp_path, "--config", name, "check")
    behind = await pibridge(tmp_path, "--config", "nothing.yaml", "check", "--config", name)
    assert before.code == behind.code == 0
    assert before.out == behind.out


async def test_a_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    """A configuration that cannot be read is one line with its name."""
    ended = await pibridge(tmp_path, "run", "-c", "nothing.yaml")
    assert ended.code == 2
    assert ended.err.startswith("nothing.yaml: cannot read the configuration: No such file")
    assert len(ended.err.splitlines()) == 1
