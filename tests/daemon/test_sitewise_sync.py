from typing import Any

import pytest

from cli.processes import tree
from pibridge.config.load import configuration
from pibridge.config.settings import Configuration
from pibridge.daemon.sitewise_sync import sink_of, sync_of, wanted_of
from pibridge.errors import ConfigurationError
from pibridge.simulator import Simulator

CLOUD = {"type": "sitewise", "region": "eu-west-1"}
STREAMS = {
    "reactors": {"select": {"element": r"\\AF1\Plant\Area1", "template": "Reactor", "attributes": ["*"]}},
    "again": {"select": {"element": r"\\AF1\Plant\Area1\R1", "attributes": ["Temperature", "State", "Nothing"]}},
    "points": {"select": {"points": [r"\\PISRV1\U*"]}},
}


def configured(simulator: Simulator, **sinks: dict[str, Any]) -> Configuration:
    """Give a configuration with these sinks."""
    return configuration(tree(simulator, streams=STREAMS, sinks=sinks), {})


async def test_elements_that_streams_read_become_assets(simulator: Simulator) -> None:
    """Each once, also when two streams read it; points are no assets; what was not found is told."""
    of = configured(simulator, cloud={**CLOUD, "states": "code"})
    _, sink = sink_of(of, None)
    wanted = await wanted_of(of, sink)
    assert [asset.name for asset in wanted.assets.values()] == ["Plant/Area1/R1", "Plant/Area1/R2", "Plant/Area1/R3"]
    (model,) = wanted.models.values()
    assert model.name == "Reactor (Plant)"
    assert model.properties["Temperature"].unit == "°C"
    assert model.properties["State"].data_type == "INTEGER"
    assert model.properties["Capacity"].is_static
    r1 = next(iter(wanted.assets.values()))
    assert r1.aliases["Temperature"] == "/brewery/Plant/Area1/R1/Temperature"
    assert any("no attribute matches" in str(problem) for problem in wanted.problems)


async def test_streams_that_the_sink_does_not_get_make_no_assets(simulator: Simulator) -> None:
    """What its filter keeps back needs no property."""
    of = configured(simulator, cloud={**CLOUD, "filter": {"streams": ["again"]}})
    _, sink = sink_of(of, None)
    wanted = await wanted_of(of, sink)
    assert [asset.name for asset in wanted.assets.values()] == ["Plant/Area1/R1"]
    (model,) = wanted.models.values()
    assert set(model.properties) == {"Temperature", "State"}


async def test_the_sink_is_the_only_one_or_named(simulator: Simulator) -> None:
    """None, and one of two that nobody named, are errors that say what there is."""
    two = configured(simulator, a=CLOUD, b={**CLOUD, "alias": "{tag}"}, c={"type": "file"})
    assert sink_of(two, "b")[1].alias == "{tag}"
    with pytest.raises(ConfigurationError, match=r"there are a, b; name one by --sink"):
        sink_of(two, None)
    with pytest.raises(ConfigurationError, match=r"^sinks\.c: no sink of type sitewise; there are a, b"):
        sink_of(two, "c")
    with pytest.raises(ConfigurationError, match="there are none"):
        sink_of(configured(simulator, c={"type": "file"}), None)
    await sync_of(two, *sink_of(two, "b")).close()
