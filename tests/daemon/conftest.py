"""A plant to read."""

from collections.abc import AsyncIterator

import pytest

from pibridge.simulator import Simulator, SimulatorSettings


@pytest.fixture
async def simulator() -> AsyncIterator[Simulator]:
    """Run a PI Web API that lets everybody in."""
    async with Simulator(SimulatorSettings(channel_interval_s=0.1)) as running:
        yield running
