import asyncio
import json
import socket
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from cli.processes import eventually, records, tree
from daemon.plant_file import points, sink
from greengrass.nucleus import TestNucleus
from pibridge.daemon.component import run_component
from pibridge.errors import ConfigurationError, PIBridgeError
from pibridge.simulator import Simulator

ACCESS = {"aws.greengrass.ipc.pubsub": {"io.pibridge.Connector:pubsub:1": {"operations": ["*"], "resources": ["pi/*"]}}}


def deployed(simulator: Simulator, folder: Path, **changes: Any) -> dict[str, Any]:
    """Give a component's configuration: the brewery's utilities into `out`."""
    return tree(
        simulator,
        journal={"path": str(folder / "journal"), "max_size": "16MiB"},
        **{"sinks": {"local": sink(folder / "out")}, "accessControl": ACCESS, **changes},
    )


class Log:
    """What the daemon has said on standard error."""

    def __init__(self, capsys: pytest.CaptureFixture[str]) -> None:
        self._capsys = capsys
        self._lines: list[dict[str, Any]] = []

    def lines(self, event: str) -> list[dict[str, Any]]:
        """Give its lines so far whose event begins like this."""
        self._lines += [json.loads(line) for line in self._capsys.readouterr().err.splitlines()]
        return [line for line in self._lines if line["event"].startswith(event)]


@pytest.fixture
def log(capsys: pytest.CaptureFixture[str]) -> Log:
    """Read the log."""
    return Log(capsys)


@asynccontextmanager
async def component(environment: Mapping[str, str]) -> AsyncIterator["asyncio.Task[None]"]:
    """Run the component; it is stopped at the end, and what it dies of is raised."""
    stop = asyncio.Event()
    task = asyncio.create_task(run_component(environment, stop, asyncio.Event()))
    try:
        yield task
    finally:
        stop.set()
        await task


async def test_it_runs_what_is_deployed(nucleus: TestNucleus, simulator: Simulator, tmp_path: Path) -> None:
    """It delivers by the configuration of the nucleus, says RUNNING once it does, and says nothing at its end."""
    nucleus.deployed.configuration = deployed(simulator, tmp_path)
    async with component(nucleus.environment):
        assert nucleus.deployed.states == []
        await eventually(lambda: nucleus.deployed.states == ["RUNNING"])
        await eventually(lambda: records(tmp_path / "out"))
    assert nucleus.deployed.states == ["RUNNING"]


async def test_it_follows_deployments(nucleus: TestNucleus, simulator: Simulator, tmp_path: Path, log: Log) -> None:
    """A new stream flows without a restart; a wrong configuration is refused with reasons, and the old one runs on."""
    nucleus.deployed.configuration = deployed(simulator, tmp_path)
    streams = {"utilities": points("U*"), "waves": points("SINUSOID*")}
    async with component(nucleus.environment):
        await eventually(lambda: records(tmp_path / "out"))
        nucleus.deployed.change(deployed(simulator, tmp_path, streams=streams), events=3)
        await eventually(lambda: any(record["stream"] == "waves" for record in records(tmp_path / "out")))
        nucleus.deployed.change(deployed(simulator, tmp_path, streams={}, sitee="x"))
        await eventually(lambda: log.lines("configuration refused"))
        nucleus.deployed.change(deployed(simulator, tmp_path))
        await eventually(lambda: len(log.lines("configuration changed")) == 2)
    assert log.lines("configuration changed")[1]["streams_removed"] == ["waves"]
    refused = [line["problem"] for line in log.lines("configuration refused")]
    assert refused == ["sitee: unknown key; did you mean site?", "streams: too few entries; write at least 1"]
    assert simulator.channels == 0


async def test_a_wrong_configuration_is_an_error(nucleus: TestNucleus, simulator: Simulator, tmp_path: Path) -> None:
    """It does not start, the nucleus is told, and every problem is raised."""
    nucleus.deployed.configuration = deployed(simulator, tmp_path, sitee="x")
    with pytest.raises(ConfigurationError, match="sitee: unknown key"):
        async with component(nucleus.environment) as running:
            await asyncio.wait([running])
    assert nucleus.deployed.states == ["ERRORED"]


async def test_a_part_that_cannot_start_is_an_error(nucleus: TestNucleus, simulator: Simulator, tmp_path: Path) -> None:
    """A journal that is no folder ends it, and the nucleus is told."""
    (tmp_path / "journal").write_text("no folder", encoding="utf-8")
    nucleus.deployed.configuration = deployed(simulator, tmp_path)
    with pytest.raises(PIBridgeError):
        async with component(nucleus.environment) as running:
            await asyncio.wait([running])
    assert nucleus.deployed.states == ["ERRORED"]


async def test_it_waits_for_what_does_not_answer(
    nucleus: TestNucleus, simulator: Simulator, tmp_path: Path, log: Log, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While the nucleus is not there it neither ends nor fills the log; then it starts."""
    monkeypatch.setattr("pibridge.daemon.component._AGAIN_S", 0.05)  # a part of a test is the pause between tries
    nucleus.deployed.configuration = deployed(simulator, tmp_path)
    await nucleus.stop()
    async with component(nucleus.environment) as running:
        await eventually(lambda: log.lines("configuration cannot be read yet"))
        assert not running.done()
        await nucleus.start()
        await eventually(lambda: nucleus.deployed.states == ["RUNNING"])
    assert len(log.lines("configuration cannot be read yet")) == 1


async def test_it_can_be_stopped_while_it_waits(nucleus: TestNucleus, log: Log) -> None:
    """A component that has not found its configuration yet ends when it is asked to."""
    await nucleus.stop()
    async with asyncio.timeout(5), component(nucleus.environment):
        await eventually(lambda: log.lines("configuration cannot be read yet"))


async def test_it_can_be_stopped_while_the_nucleus_is_silent(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Nor does a nucleus that takes the connection and never answers hold up a stop."""
    silent = TestNucleus(tmp_path_factory.mktemp("core"))
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(silent.path))
        listener.listen()
        listener.setblocking(False)  # noqa: FBT003 - of the standard library
        async with asyncio.timeout(5), component(silent.environment):
            connection, _ = await asyncio.get_running_loop().sock_accept(listener)
        connection.close()


async def test_elsewhere_it_says_what_is_missing() -> None:
    """Without a nucleus the error names the option and another way."""
    with pytest.raises(ConfigurationError, match=r"^--greengrass: works only inside .*; .* or use --config FILE"):
        await run_component({}, asyncio.Event(), asyncio.Event())
