import asyncio
import json
import signal
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from cli.processes import Ended, eventually, pibridge, records, started
from pibridge.simulator import Simulator, SimulatorSettings

PASSWORD = {"PI_PASSWORD": "right-horse"}


BATCH_S = 21_600.0
"""Frames of a week are counted: a batch takes so long that they are not many."""


@pytest.fixture
async def simulator() -> AsyncIterator[Simulator]:
    """Give a plant that anybody may read."""
    async with Simulator(SimulatorSettings(cycle_s=BATCH_S, bulk_points=5)) as running:
        yield running


@pytest.fixture
async def guarded() -> AsyncIterator[Simulator]:
    """Give a plant that wants a login."""
    settings = SimulatorSettings(users={r"CORP\svc": "right-horse"}, cycle_s=BATCH_S, channel_interval_s=0.1)
    async with Simulator(settings) as running:
        yield running


async def discover(folder: Path, *options: str, **environment: str) -> Ended:
    """Run the command."""
    return await pibridge(folder, "discover", *options, environment=environment, within_s=100)


async def test_what_there_is_is_listed(tmp_path: Path, simulator: Simulator) -> None:
    """Servers, databases and templates with counts; without choices nothing is written."""
    ended = await discover(tmp_path, "--url", simulator.url)
    assert ended.code == 0
    points = sum(each.server.name == "PISRV1" for each in simulator.plant.points.values())
    assert f"data server PISRV1 (connected): {points} points" in ended.out
    assert "    element template Reactor (derived from Vessel): 4 elements" in ended.out
    assert "    event frame template Unit Batch" in ended.out
    assert "nothing chosen" not in ended.err


async def test_json_says_the_same(tmp_path: Path, simulator: Simulator) -> None:
    """One object for programs."""
    ended = await discover(tmp_path, "--url", simulator.url, "--json")
    found = json.loads(ended.out)
    assert found["points"][0]["server"] == "PISRV1"
    assert found["assets"][0]["databases"][0]["path"] == r"\\AF1\Plant"


async def test_what_it_writes_is_accepted_and_runs(tmp_path: Path, guarded: Simulator) -> None:
    """From nothing but an address to records: discover, check, run; the password is in no file and no output."""
    login = ("--url", guarded.url, "--user", r"CORP\svc")
    choices = (
        "--points",
        r"\\PISRV1\SINUSOID",
        "--points",
        r"\\PISRV1\U*",
        "--template",
        "Reactor",
        "--site",
        "houston",
    )
    found = await discover(tmp_path, *login, *choices, "--output", "plant.yaml", **PASSWORD)
    assert found.code == 0, found.err
    assert "next: pibridge check --config plant.yaml" in found.err
    text = (tmp_path / "plant.yaml").read_text("utf-8")
    assert "${env:PI_PASSWORD}" in text
    assert "right-horse" not in text + found.out + found.err
    check = await pibridge(tmp_path, "check", "-c", "plant.yaml", environment=PASSWORD)
    assert check.code == 0, check.out
    assert "ok    streams.reactor: " in check.out
    assert "WRONG" not in check.out
    async with started(tmp_path, "run", "-c", "plant.yaml", environment=PASSWORD) as daemon:
        await daemon.says("channel open")
        await eventually(lambda: list((tmp_path / "out").glob("dt=*/*")))
        await asyncio.to_thread(daemon.signal, signal.SIGTERM)
        assert (await daemon.ended(30)).code == 0
    written = records(tmp_path / "out")
    assert {record["site"] for record in written} == {"houston"}
    assert "SINUSOID" in {record.get("tag") for record in written}


async def test_pi_may_be_named_by_a_configuration(tmp_path: Path, guarded: Simulator) -> None:
    """Its part `pi` is enough; a password that stands in it is not written again."""
    auth = {"method": "basic", "username": r"CORP\svc", "password": "right-horse"}
    (tmp_path / "pi.json").write_text(json.dumps({"pi": {"url": guarded.url, "auth": auth}}), encoding="utf-8")
    ended = await discover(tmp_path, "--config", "pi.json", "--points", r"\\PISRV1\U*")
    assert ended.code == 0, ended.err
    assert "password: ${env:PI_PASSWORD}" in ended.out
    assert "right-horse" not in ended.out


async def test_a_file_that_is_there_stays(tmp_path: Path, simulator: Simulator) -> None:
    """Nobody's configuration is overwritten."""
    (tmp_path / "plant.yaml").write_text("mine", encoding="utf-8")
    ended = await discover(tmp_path, "--url", simulator.url, "--points", r"\\PISRV1\U*", "--output", "plant.yaml")
    assert (ended.code, "is there already" in ended.err) == (2, True)
    assert (tmp_path / "plant.yaml").read_text("utf-8") == "mine"


async def test_wrong_choices_and_no_address_are_told(tmp_path: Path, simulator: Simulator) -> None:
    """With what there is, and exit code 2; a wrong address is explained before PI is asked."""
    ended = await discover(tmp_path, "--url", simulator.url, "--template", "Reaktor")
    assert (ended.code, "there are " in ended.err) == (2, True)
    assert (await discover(tmp_path)).code == 2
    ended = await discover(tmp_path, "--url", "pi.example.com")
    assert (ended.code, "pi.url: " in ended.err) == (2, True)
