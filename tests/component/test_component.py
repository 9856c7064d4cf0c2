"""The component as it is deployed: what the build made, installed and run by the scripts of its recipe."""

import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from component.cores import TARGET, Core, build
from component.recipes import problems
from greengrass.nucleus import TestNucleus, listening
from pibridge.simulator import Simulator, SimulatorSettings
from sinks.greengrass_core import records_of
from waiting import eventually

pytestmark = [pytest.mark.acceptance, pytest.mark.timeout(300)]

STOP_S = 5.0
"""After SIGTERM the classic nucleus waits so long, and then kills."""


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build it once."""
    return build(tmp_path_factory.mktemp("project"))


@pytest.fixture(scope="module")
def core(built: Path, tmp_path_factory: pytest.TempPathFactory) -> Core:
    """Deploy it onto a core, and install it there."""
    core = Core(built, tmp_path_factory.mktemp("core"))
    installed = core.install()
    assert installed.returncode == 0, installed.stderr
    return core


@pytest.fixture
async def simulator() -> AsyncIterator[Simulator]:
    """Run a PI Web API that lets everybody in."""
    async with Simulator(SimulatorSettings(channel_interval_s=0.1)) as running:
        yield running


def configuration(simulator: Simulator, site: str = "houston", **streams: str) -> dict[str, Any]:
    """Give what is deployed: some points, sent to IoT Core over the nucleus."""
    patterns = {"utilities": "U*", **streams}
    return {
        "site": site,
        "pi": {"url": simulator.url},
        "streams": {name: {"select": {"points": [rf"\\PISRV1\{each}"]}} for name, each in patterns.items()},
        "journal": {"max_size": "16MiB"},
        "sinks": {"cloud": {"type": "iot_core", "transport": "greengrass", "topic": "pi/{site}/{stream}"}},
        "status": None,
        "accessControl": {"aws.greengrass.ipc.mqttproxy": {}},
    }


def test_what_is_built_is_what_the_recipe_names(built: Path, core: Core) -> None:
    """The built recipe keeps the rules, and the one artifact beside it is the one that it names."""
    files = {path.name for path in (built / "artifacts" / "io.pibridge.Connector").glob("*/*")}
    assert files == {f"pibridge-{TARGET}.zip"}
    assert problems(core.recipe, files) == []


def test_installing_again_does_nothing(core: Core) -> None:
    """A nucleus installs at each of its starts: then it is quick, and what runs from there is not touched."""
    [folder] = core.work.glob("venv-*")
    before = (folder / ".installed").stat().st_mtime_ns, folder.stat().st_ino
    began = time.monotonic()
    again = core.install()
    assert again.returncode == 0, again.stderr
    assert time.monotonic() - began < 5.0
    assert ((folder / ".installed").stat().st_mtime_ns, folder.stat().st_ino) == before


@pytest.mark.parametrize("lite", [True, False], ids=["lite", "classic"])
async def test_it_runs_on_a_core(
    core: Core,
    simulator: Simulator,
    tmp_path_factory: pytest.TempPathFactory,
    lite: bool,  # noqa: FBT001 - two cases
) -> None:
    """It is configured by the nucleus, also by what came while that was gone, loses nothing, and stops in time."""
    async with listening(tmp_path_factory.mktemp("nucleus"), lite=lite) as nucleus:
        nucleus.deployed.configuration = configuration(simulator)
        async with core.running(nucleus.environment) as component:
            await eventually(lambda: nucleus.deployed.states == ["RUNNING"], 20)
            await eventually(lambda: topics(nucleus) == {"pi/houston/utilities"})
            nucleus.deployed.change(configuration(simulator, waves="SINUSOID*"), events=3)
            await eventually(lambda: topics(nucleus) == {"pi/houston/utilities", "pi/houston/waves"})
            nucleus.deployed.change(configuration(simulator, site="a b"))
            await eventually(lambda: component.log("configuration refused"))
            await nucleus.stop()
            await eventually(lambda: component.log("sink unavailable"))
            nucleus.deployed.configuration = configuration(simulator, site="york", waves="SINUSOID*")
            await nucleus.start()
            await eventually(lambda: "pi/york/utilities" in topics(nucleus), 30)
            await eventually(lambda: is_complete(nucleus), 30)
            assert [line["problem"].partition(":")[0] for line in component.log("configuration refused")] == ["site"]
            began = time.monotonic()
            assert await component.stop(STOP_S) == 0
            assert time.monotonic() - began < STOP_S
        assert nucleus.deployed.states == ["RUNNING"]
        assert nucleus.bad_frames == 0
        assert list(core.work.glob("pibridge-data/*"))


def topics(nucleus: TestNucleus) -> set[str]:
    """Give where messages went."""
    return {topic for topic, _ in nucleus.iot_core}


def is_complete(nucleus: TestNucleus) -> bool:
    """Tell whether every event up to the last one has arrived: each has a place, and no place is missing."""
    seqs = {record["seq"] for record in records_of(nucleus.iot_core)}
    return seqs == set(range(min(seqs), max(seqs) + 1))
