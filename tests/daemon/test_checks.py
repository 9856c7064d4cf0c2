from pathlib import Path

import pytest

from daemon.brewery import reading
from pibridge.config.settings import Configuration
from pibridge.daemon.checks import Finding, checks
from pibridge.model import ticks
from pibridge.simulator import Simulator, SimulatorSettings
from pibridge.simulator.plant import wall_clock


async def findings(configuration: Configuration) -> dict[str, list[Finding]]:
    """Give all findings by what they are about."""
    found: dict[str, list[Finding]] = {}
    async for finding in checks(configuration):
        found.setdefault(finding.about, []).append(finding)
    return found


async def test_each_part_is_looked_at(simulator: Simulator, tmp_path: Path) -> None:
    """Configuration, PI, each stream, a channel and each sink are findings, all fine."""
    found = await findings(reading(simulator, tmp_path))
    assert list(found) == ["configuration", "pi", "streams.utilities", "channel", "sinks.local"]
    assert {finding.level for each in found.values() for finding in each} == {"fine"}
    assert simulator.channels == 0


async def test_a_channel_that_does_not_open_is_wrong(simulator: Simulator, tmp_path: Path) -> None:
    """WebSockets that something on the way refuses are found, though everything else is fine."""
    simulator.faults.add("status=403@path=streamsets/channel")
    (channel,) = (await findings(reading(simulator, tmp_path)))["channel"]
    assert channel.level == "wrong"
    assert "403" in channel.found
    assert channel.hint


async def test_a_channel_that_takes_no_tokens_names_the_way_out(tmp_path: Path) -> None:
    """Bearer tokens that PI refuses on channels are told with what to write; via updates no channel is asked for."""
    settings = SimulatorSettings(tokens={"abc": "connector"}, bearer_on_channels=False)
    async with Simulator(settings) as simulator:
        pi = {"url": simulator.url, "auth": {"method": "bearer", "token": "abc"}}
        (channel,) = (await findings(reading(simulator, tmp_path, pi=pi)))["channel"]
        select = {"points": [r"\\PISRV1\U*"]}
        streams = {"utilities": {"select": select, "via": "updates"}}
        found = await findings(reading(simulator, tmp_path, pi=pi, streams=streams))
    assert channel.level == "wrong"
    assert "via: updates" in channel.hint
    assert "channel" not in found
    assert {finding.level for each in found.values() for finding in each} == {"fine"}


async def test_a_sink_is_looked_at_though_pi_is_wrong(simulator: Simulator, tmp_path: Path) -> None:
    """What is wrong with PI hides nothing about the sinks."""
    await simulator.kill()
    found = await findings(reading(simulator, tmp_path))
    assert found["pi"][0].level == "wrong"
    assert found["sinks.local"][0].level == "fine"


@pytest.mark.parametrize(("apart_s", "told"), [(30, False), (3600, True), (-3600, True)])
async def test_clocks_that_differ_are_a_doubt(tmp_path: Path, apart_s: int, told: bool) -> None:  # noqa: FBT001 - a case
    """More than a minute between PI's clock and ours is told with what to do; less is not."""
    clock = lambda: wall_clock() + apart_s * ticks.PER_SECOND  # noqa: E731 - a clock that is wrong
    async with Simulator(clock=clock) as simulator:
        found = await findings(reading(simulator, tmp_path))
    assert ("clock" in found) is told
    if told:
        (finding,) = found["clock"]
        assert finding.level == "doubt"
        assert "3600 s" in finding.found or "3599 s" in finding.found or "3601 s" in finding.found
        assert "NTP" in finding.hint


async def test_a_certificate_that_is_not_checked_is_a_doubt(simulator: Simulator, tmp_path: Path) -> None:
    """`tls.verify: false` is told at each check."""
    pi = {"url": simulator.url, "allow_insecure": True, "tls": {"verify": False}}
    (finding,) = (await findings(reading(simulator, tmp_path, pi=pi)))["pi.tls.verify"]
    assert finding.level == "doubt"


async def test_a_shard_says_what_it_has(simulator: Simulator, tmp_path: Path) -> None:
    """Of the tags of a stream, how many; a stream of which it has none, and frames that another one tells, are fine."""
    streams = {
        "utilities": {"select": {"points": [r"\\PISRV1\U*"]}},
        "one": {"select": {"points": [r"\\PISRV1\SINUSOID"]}},
        "batches": {"select": {"event_frames": {"database": r"\\AF1\Plant"}}},
    }
    told = []
    for index in range(2):
        found = await findings(reading(simulator, tmp_path, streams=streams, shard={"index": index, "of": 2}))
        assert {finding.level for each in found.values() for finding in each} == {"fine"}
        assert f"shard {index} of 2" in found["streams.utilities"][-1].found
        told += [found[f"streams.{name}"][-1].found for name in ("one", "batches")]
    assert sum("other shards read them" in said for said in told) == 1
    assert sum("another shard tells these event frames" in said for said in told) == 1
