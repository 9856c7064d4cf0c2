"""A broker of a plant and one that demands certificates, as AWS IoT Core does; a nucleus of each kind."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from greengrass.nucleus import TestNucleus, listening
from remote.watchers import Watcher
from sinks.message_sides import Broker, IotCore
from sinks.mosquitto import require_mosquitto


@pytest.fixture(params=["mqtt 5", "mqtt 3.1.1", "iot_core"])
async def watcher(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Watcher]:
    """Give who watches over a real broker."""
    require_mosquitto(monkeypatch)
    side = IotCore(tmp_path) if request.param == "iot_core" else Broker(tmp_path, protocol=request.param.split()[1])
    watcher = Watcher(side)
    try:
        await side.start()
        yield watcher
    finally:
        await side.stop()


@pytest.fixture(params=["lite", "classic"])
async def nucleus(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[TestNucleus]:
    """Give a nucleus that listens."""
    async with listening(tmp_path_factory.mktemp("core"), lite=request.param == "lite") as nucleus:
        yield nucleus
