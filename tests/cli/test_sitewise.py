import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from cli.processes import pibridge, tree, written
from pibridge.simulator import Simulator
from sinks.sitewise.double import Double, sitewise

KEYS = {
    "AWS_ACCESS_KEY_ID": "AKIATESTTESTTESTTEST",
    "AWS_SECRET_ACCESS_KEY": "not-to-be-shown",
    "AWS_REGION": "eu-west-1",
}
STREAMS = {"reactors": {"select": {"element": r"\\AF1\Plant\Area1\R1", "attributes": ["Temperature", "State"]}}}


@pytest.fixture
async def double() -> AsyncIterator[Double]:
    """Run SiteWise's double."""
    async with sitewise(0.0, busy=0) as double:
        yield double


@pytest.fixture
def config(tmp_path: Path, simulator: Simulator, double: Double) -> str:
    """One reactor, for SiteWise."""
    sinks = {"cloud": {"type": "sitewise", "endpoint_url": double.url}}
    return written(tmp_path, tree(simulator, streams=STREAMS, sinks=sinks))


async def test_a_dry_run_prints_the_plan_and_does_nothing(tmp_path: Path, config: str, double: Double) -> None:
    """`sitewise sync --dry-run`: what would be made, a line each."""
    ended = await pibridge(tmp_path, "sitewise", "sync", "-c", config, "--dry-run", environment=KEYS)
    assert ended.code == 0, ended.err
    assert ended.out.splitlines() == [
        "create  model Reactor (Plant): 2 properties",
        "create  asset Plant/Area1/R1: 2 aliases",
    ]
    assert "2 to do, 0 as wanted, 0 problems" in ended.err
    assert double.account.changes == []


async def test_the_second_run_changes_nothing(tmp_path: Path, config: str, double: Double) -> None:
    """`--yes` does it without asking; again, all is as wanted; `--json` tells each step."""
    first = await pibridge(tmp_path, "sitewise", "sync", "-c", config, "--yes", environment=KEYS)
    assert first.code == 0, first.err
    assert "done: asset Plant/Area1/R1" in first.err
    assert sorted(double.account.streams) == [
        "/brewery/Plant/Area1/R1/State",
        "/brewery/Plant/Area1/R1/Temperature",
    ]
    changes = len(double.account.changes)
    again = await pibridge(tmp_path, "sitewise", "sync", "-c", config, "--yes", "--json", environment=KEYS)
    assert again.code == 0, again.err
    assert [json.loads(line)["action"] for line in again.out.splitlines()] == ["unchanged", "unchanged"]
    assert "0 to do, 2 as wanted, 0 problems" in again.err
    assert len(double.account.changes) == changes


async def test_without_an_answer_nothing_is_done(tmp_path: Path, config: str, double: Double) -> None:
    """Who does not say yes gets exit code 1."""
    ended = await pibridge(tmp_path, "sitewise", "sync", "-c", config, environment=KEYS)
    assert ended.code == 1
    assert "Do it?" in ended.err
    assert double.account.changes == []
