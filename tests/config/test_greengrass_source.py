import asyncio
import json
from pathlib import Path

import pytest

from config.trees import small
from greengrass.nucleus import TestNucleus
from pibridge.config.greengrass_source import GreengrassSource
from pibridge.config.load import parsed
from pibridge.config.source import signature
from pibridge.config.watch import Watch
from pibridge.errors import ConfigurationError, UnavailableError
from pibridge.greengrass.component import component_of
from pibridge.greengrass.deployment import Deployment
from waiting import eventually

ACCESS = {"aws.greengrass.ipc.mqttproxy": {"io.pibridge.Connector:mqttproxy:1": {"resources": ["pi/*"]}}}


def source_of(nucleus: TestNucleus) -> GreengrassSource:
    """Give what a component that is started now reads."""
    return GreengrassSource(Deployment(component_of("cloud", nucleus.environment)))


async def test_what_is_deployed_is_the_configuration(nucleus: TestNucleus) -> None:
    """The tree beside accessControl counts, whether numbers and booleans are themselves, whole floats, or texts."""
    tree = small(pi__limits={"concurrent_requests": 8.0}, pi__allow_insecure=True, version=1)
    nucleus.deployed.configuration = {**tree, "accessControl": ACCESS}
    source = source_of(nucleus)
    text, version = await asyncio.to_thread(source.read)
    configuration = parsed(source.name, text)
    assert (configuration.site, configuration.pi.limits.concurrent_requests) == ("houston", 8)
    assert configuration.pi.allow_insecure
    assert version == await asyncio.to_thread(source.version)


@pytest.mark.parametrize("configuration", [None, {"accessControl": ACCESS}])
async def test_nothing_deployed_is_told(nucleus: TestNucleus, configuration: dict[str, object] | None) -> None:
    """A component without a configuration says what the least is."""
    nucleus.deployed.configuration = configuration
    source = source_of(nucleus)
    text, _ = await asyncio.to_thread(source.read)
    with pytest.raises(ConfigurationError, match="site: missing"):
        parsed(source.name, text)


async def test_what_is_deployed_is_followed(nucleus: TestNucleus) -> None:
    """A change of several keys is one change, told when it has come to rest; then all is read anew."""
    nucleus.deployed.configuration = small()
    watch = Watch(source_of(nucleus))
    await asyncio.to_thread(watch.load)
    assert not await asyncio.to_thread(watch.look, 5.0)
    nucleus.deployed.change(small(site="leeds"), events=5)
    now_s = 10.0

    async def told() -> bool:
        nonlocal now_s
        now_s += 0.1
        return await asyncio.to_thread(watch.look, now_s)

    await eventually(told)
    before = nucleus.deployed.configurations_read
    assert (await asyncio.to_thread(watch.load)).configuration.site == "leeds"
    assert nucleus.deployed.configurations_read == before + 1
    assert not await asyncio.to_thread(watch.look, now_s + 10.0)


async def test_a_nucleus_that_was_away_is_read_again(nucleus: TestNucleus) -> None:
    """What was deployed meanwhile is found; while it is away the error says so."""
    nucleus.deployed.configuration = small()
    watch = Watch(source_of(nucleus))
    await asyncio.to_thread(watch.load)
    await nucleus.stop()
    with pytest.raises(UnavailableError, match="nobody listens"):
        await eventually(lambda: asyncio.to_thread(watch.look, 10.0))
    nucleus.deployed.configuration = small(site="leeds")
    await nucleus.start()
    assert not await asyncio.to_thread(watch.look, 10.0)
    assert await asyncio.to_thread(watch.look, 11.0)
    assert (await asyncio.to_thread(watch.load)).configuration.site == "leeds"


async def test_the_configuration_may_be_elsewhere(nucleus: TestNucleus, tmp_path: Path) -> None:
    """With `config_from` the file counts, YAML or JSON, and its changes too; then another, when that is deployed."""
    yaml, other = tmp_path / "plant.yaml", tmp_path / "plant.json"
    yaml.write_text("site: leeds", encoding="utf-8")
    other.write_text(json.dumps(small()), encoding="utf-8")
    nucleus.deployed.configuration = {"config_from": str(yaml), "accessControl": ACCESS}
    source = source_of(nucleus)
    text, version = await asyncio.to_thread(source.read)
    assert (source.name, text) == (str(yaml), "site: leeds")
    assert version == await asyncio.to_thread(source.version)
    seen = signature(yaml)
    yaml.write_text("site: a longer name", encoding="utf-8")
    assert signature(yaml) != seen
    assert version != await asyncio.to_thread(source.version)
    nucleus.deployed.configuration = {"config_from": str(other)}
    text, _ = await asyncio.to_thread(source.read)
    assert parsed(source.name, text).site == "houston"
    nucleus.deployed.configuration = small(site="leeds", config_from=None)
    text, _ = await asyncio.to_thread(source.read)
    assert parsed(source.name, text).site == "leeds"


@pytest.mark.parametrize(
    ("tree", "problem"),
    [
        ({"config_from": "plant.yaml", "site": "leeds"}, "config_from: stands beside site; keep either"),
        ({"config_from": ["plant.yaml"]}, "config_from: no text; write"),
        ({"config_from": "none.yaml"}, "none.yaml: cannot read the configuration"),
        ({"config_from": "s3://"}, "s3://: no object in S3"),
    ],
)
async def test_what_is_elsewhere_must_be_clear(nucleus: TestNucleus, tree: dict[str, object], problem: str) -> None:
    """Two places at once, and what names no place, are refused by the key."""
    nucleus.deployed.configuration = tree
    with pytest.raises(ConfigurationError, match=problem):
        await asyncio.to_thread(source_of(nucleus).read)


async def test_what_a_deployment_proposes_is_judged(classic: TestNucleus, tmp_path: Path) -> None:
    """Before it is deployed, and without taking it: every problem, also of what it names; accessControl is none."""
    (tmp_path / "wrong.yaml").write_text("site: leeds", encoding="utf-8")
    classic.deployed.configuration = small()
    source = source_of(classic)
    await asyncio.to_thread(source.read)
    classic.deployed.propose({**small(), "accessControl": ACCESS}, "1")
    classic.deployed.propose(small(sinks__lake={"type": "s3", "buckett": "b"}), "2")
    classic.deployed.propose({"config_from": str(tmp_path / "wrong.yaml")}, "3")
    await eventually(lambda: len(classic.deployed.validity) == 3)
    fine, wrong, elsewhere = sorted(classic.deployed.validity, key=lambda report: report["deploymentId"])
    assert fine["status"] == "ACCEPTED"
    assert wrong["status"] == elsewhere["status"] == "REJECTED"
    assert "sinks.lake.buckett: unknown key; did you mean bucket?" in wrong["message"]
    assert "pi: missing" in elsewhere["message"]
    assert source.name.endswith(".json")
